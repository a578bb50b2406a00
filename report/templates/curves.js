// Lines over epochs, labelled images or compute; those of the two chosen models are stronger. Every line is named at its end.
CHARTS.curves = (controls, drawing, {amount, log, ticks, arrow, quantities}) => {
  let which = 0, training = false;
  const strong = ({models}) => models.includes(selection.from) || models.includes(selection.to);
  const path = (points, x, y) => "M" + points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join("L");

  function draw(available) {
    hideTip();
    drawing.replaceChildren();
    if (!quantities.length) { add(drawing, "p", {}, "No run has finished an epoch that was looked at."); return; }
    const {title, ceiling, lines} = quantities[which], narrow = available < 600;
    const width = Math.max(300, Math.min(available, 920)), right = narrow ? 134 : 230;
    const names = lines.map((line) => named(`${number(line.end)}  ${line.label}`, Math.floor((right - 12) / ((strong(line) ? 7.1 : 6.5) - 0.6 * narrow))));
    const height = Math.max(440, names.reduce((sum, {tall}) => sum + tall, 10));
    const known = (points) => points.filter(([, value]) => ceiling === null || value <= ceiling);
    const shown = lines.map((line) => ({...line, runs: line.runs.map(known), training: training && strong(line) ? line.training.map(known) : []}));
    const points = shown.flatMap((line) => [...line.runs, ...line.training].flat());
    const amounts = points.map(([at]) => at), values = points.flatMap(([, ...ends]) => ends.filter((end) => end !== null));
    const highest = Math.max(...values), low = Math.min(...values) > highest / 2 ? ticksOf(Math.min(...values) - highest / 20, highest)[0] : 0;
    const ends = log ? [Math.min(...amounts) / 1.15, Math.max(...amounts) * 1.15] : [0, Math.max(...amounts)];
    const {svg, x, y} = plot(drawing, `${title} by ${amount}; the table has the numbers`, width, height, [24, right, 44, 36],
      {low: ends[0], high: ends[1], log, ticks: ticks.length ? ticks : ticksOf(...ends, log, narrow ? 4 : 8).filter(log ? Boolean : Number.isInteger), title: amount},
      {low, high: highest + (highest - low) / 40, ticks: ticksOf(low, highest), title});

    shown.sort((a, b) => strong(a) - strong(b));
    for (const line of shown) {
      const hue = study.models[line.models[0]].hue, node = add(svg, "g", {class: `curve-of ${hue}${strong(line) ? "" : " soft"}${line.runs.length > 1 ? " runs" : ""}`});
      for (const run of line.training) if (run.length) add(node, "path", {d: path(run, x, y), class: "training"});
      for (const run of line.runs.filter((one) => one.length)) {
        for (const [at, , from, to] of run) if (from ?? null !== null) add(node, "line", {x1: x(at), x2: x(at), y1: y(from), y2: y(to), class: "interval"});
        add(node, "path", {d: path(run, x, y)});
        if (run.length < 40) for (const [at, value] of run) add(node, "circle", {cx: x(at), cy: y(value), r: strong(line) ? 3 : 2.2});
        add(node, "path", {d: path(run, x, y), class: "wide"});
      }
      const said = ([at, value, from, to]) => `${at}: ${number(value)}` + (from ?? null !== null ? ` (${number(from)} to ${number(to)})` : "");
      explain(node, line.label, line.runs.length === 1 ? line.runs[0].slice(0, 12).map(said)
        : line.runs.filter((run) => run.length).map((run) => `${said(run[0])} → ${said(run.at(-1))}`));
    }
    lines.forEach((line, place) => Object.assign(names[place], {at: y(Math.min(line.end, highest)), x: x(Math.max(...line.runs.flat().map(([at]) => at))),
      kind: `${narrow ? "small " : ""}${study.models[line.models[0]].hue}${strong(line) ? " strong" : ""}`}));
    if (arrow && which === 0) {
      const [value, from, to, times] = arrow, tip = x(to) + (to > from ? -7 : 7);
      add(svg, "path", {d: `M${x(from)},${y(value)}H${x(to)}M${tip},${y(value) - 4}L${x(to)},${y(value)}L${tip},${y(value) + 4}`, class: "arrow"});
      names.push(named(times, narrow ? 18 : 30, x(to), y(value), "small"));
    }
    nameAtEdge(svg, names, width - right, height);
  }

  const redraw = () => draw(drawing.clientWidth || 640);
  if (quantities.length > 1) radios(controls, "Show", quantities.map(({title}, place) => [place, title.split(" ")[0]]), 0, (place) => { which = place; redraw(); });
  if (quantities.some(({lines}) => lines.some((line) => line.training.length))) {
    const label = add(controls, "label"), box = add(label, "input", {type: "checkbox"});
    add(label, "span", {}, " training images, too (dashed; of the two chosen models)");
    box.addEventListener("change", () => { training = box.checked; redraw(); });
  }
  document.addEventListener("study:models", redraw);
  redrawn(drawing, draw);
};
