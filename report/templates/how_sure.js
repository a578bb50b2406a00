// Interval and power of the chosen pair's difference by number of seeds; every number was computed by the study's code.
CHARTS.how_sure = (controls, drawing, data) => {
  const {seeds, differences, min_seeds: fewest, pairs} = data;
  const label = add(controls, "label", {}, "Seeds of each model ");
  const slider = add(label, "input", {type: "range", min: seeds[0], max: seeds.at(-1), step: 1, value: fewest});
  const shown = add(label, "output");
  const said = add(drawing, "p", {class: "said", role: "status"});
  const side = add(drawing, "div", {class: "side"});
  const curve = add(side, "div", {class: "curve"}), table = add(side, "div");
  const half = (value) => "±" + number(100 * value, 100 * value < 1 ? 2 : 1);
  const chosen = () => pairs[`${Math.min(selection.from, selection.to)}-${Math.max(selection.from, selection.to)}`];

  function drawCurve(pair, at, width) {
    curve.replaceChildren();
    const known = seeds.map((_, place) => place).filter((place) => pair.half[place] !== null);
    const high = 1.05 * Math.max(...known.map((place) => pair.half[place])) || 0.01, ticks = ticksOf(0, 100 * high, false, 5);
    const {svg, x: at_, y} = plot(curve, "Half the width of the 95 % interval, by number of seeds", width, 240, [24, 10, 40, 36],
      {low: seeds[0], high: seeds.at(-1), ticks: seeds.filter((count) => count % 2 === 0), title: "seeds of each model"},
      {low: 0, high, ticks: ticks.map((tick) => tick / 100), say: (value) => number(100 * value, ticks[1] < 1 ? 1 : 0), title: "± points"});
    const x = (place) => at_(seeds[place]);
    add(svg, "polyline", {points: known.map((place) => `${x(place)},${y(pair.half[place])}`).join(" "), class: "line"});
    for (const place of known) {
      const dot = add(svg, "circle", {cx: x(place), cy: y(pair.half[place]), r: place === at ? 6 : 3, class: place === at ? "dot chosen" : "dot"});
      explain(dot, `${seeds[place]} seeds of each model`, [`${half(pair.half[place])} points`]);
      dot.addEventListener("click", () => { slider.value = seeds[place]; draw(); });
    }
  }

  function drawTable(pair, at) {
    table.replaceChildren();
    const body = add(add(table, "table", {class: "facts"}), "tbody");
    const fact = (name, value, share = null) => {
      const row = add(body, "tr");
      add(row, "th", {scope: "row"}, name);
      add(row, "td", {class: "number filled", style: `--part: ${100 * (share ?? 0)}%`}, value);
    };
    fact("95 % interval", pair.half[at] === null ? "none" : `${half(pair.half[at])} points`);
    differences.forEach((size, place) => {
      const power = pair.power[place][at];
      const said = Math.min(99, Math.max(1, Math.round(100 * power)));
      const bound = 100 * power > 99.5 ? "> " : 100 * power < 0.5 ? "< " : "";
      fact(`power, true difference of ${number(100 * size, 0)} point${size === 0.01 ? "" : "s"}`, power === null ? "–" : `${bound}${said} %`, power);
    });
    fact("variance that only more test images reduce", percent(pair.images[at], 0), pair.images[at]);
    fact("variance that more seeds reduce", pair.images[at] === null ? "–" : percent(1 - pair.images[at], 0), pair.images[at] === null ? null : 1 - pair.images[at]);
  }

  function draw() {
    hideTip();
    const pair = chosen(), at = seeds.indexOf(Number(slider.value));
    label.hidden = side.hidden = !pair;
    if (!pair) {
      said.textContent = selection.from === selection.to ? "There is one model, so there is no difference to be sure of."
        : "Not known for these two models: it takes at least two seeds of both, and a pair that the study compares.";
      return;
    }
    const [a, b] = [study.models[selection.from], study.models[selection.to]];
    shown.textContent = slider.value;
    slider.setAttribute("aria-valuetext", `${slider.value} seeds of each model`);
    const own = `The variances are from ${a.seeds} seeds of ${a.label} and ${b.seeds} of ${b.label}.`;
    said.textContent = (pair.half[at] === null
      ? `With ${slider.value} seeds of each model there is no interval: it takes at least ${fewest}. `
      : `With ${slider.value} seeds of each model: ${half(pair.half[at])} points (95 % interval). More seeds cannot get below ${half(pair.floor)}. `) + own;
    drawCurve(pair, at, Math.max(260, Math.min(560, drawing.clientWidth)));
    drawTable(pair, at);
  }
  const start = () => {
    const most = Math.min(study.models[selection.from]?.seeds ?? 0, study.models[selection.to]?.seeds ?? 0);
    slider.value = Math.max(fewest, Math.min(most, seeds.at(-1)));
    draw();
  };
  slider.addEventListener("input", draw);
  document.addEventListener("study:models", start);
  start();
  redrawn(drawing, draw);
};
