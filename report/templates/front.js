// Accuracy over a cost of choice: the models on the Pareto front are joined by a line.
CHARTS.front = (controls, drawing, {accuracy, measured, costs}) => {
  const {models} = study;
  let which = 0;

  const short = (value) => {
    for (const [size, sign] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (value >= size) return Number((value / size).toPrecision(3)) + " " + sign;
    }
    return String(Number(value.toPrecision(3)));
  };

  const draw = (available) => {
    hideTip();
    const cost = costs[which], narrow = available < 620;
    const width = Math.max(300, Math.min(available, 900)), height = 420, left = 48, right = narrow ? 134 : 230, top = 16, bottom = 50;
    const known = models.map((_, m) => m).filter((m) => cost?.values[m] > 0 && accuracy[m] !== null);
    drawing.replaceChildren();
    if (!known.length) { add(drawing, "p", {}, "Not measured."); return; }
    const all = known.map((m) => cost.values[m]);
    const low = Math.min(...all) / 1.3, high = Math.max(...all) * 1.3;
    const marks = known.map((m) => accuracy[m]);
    const bottomOf = Math.max(0, Math.min(...marks) - 0.04), topOf = Math.min(1, Math.max(...marks) + 0.04);
    const {svg, x, y} = plot(drawing, `${measured} over ${cost.title}; the table below has the numbers.`, width, height, [top, right, bottom, left],
      {low, high, log: true, ticks: ticksOf(low, high, true), say: short, grid: true, title: `${cost.title}, logarithmic${narrow ? "" : "; lower is cheaper"}`},
      {low: bottomOf, high: topOf, ticks: ticksOf(bottomOf, topOf), say: (value) => (100 * value).toFixed(0), title: `${measured} (%)`});
    add(svg, "polyline", {points: cost.front.map((m) => `${x(cost.values[m])},${y(accuracy[m])}`).join(" "), class: "joined"});
    for (const m of [...known].sort((a, b) => accuracy[b] - accuracy[a])) {
      const at = [x(cost.values[m]), y(accuracy[m])], is = m === selection.from || m === selection.to;
      const lines = [`${measured} ${percent(accuracy[m])}`,
        ...costs.map((one) => `${one.title}: ${one.values[m] === null ? "–" : short(one.values[m])}`),
        cost.front.includes(m) ? "on the Pareto front" : "not on the Pareto front"];
      const node = add(svg, "g", {tabindex: svg.querySelector(".point") ? -1 : 0, role: "img", class: "point", "aria-label": [models[m].label, ...lines].join("; ")});
      if (is) add(node, "circle", {cx: at[0], cy: at[1], r: 12, class: "ring"});
      mark(node, m, ...at, 6.5, colourOf(m));
      explain(node, models[m].label, lines);
    }
    arrowKeys(svg, ".point");
    nameAtEdge(svg, known.map((m) => named(models[m].label, narrow ? 17 : 28, x(cost.values[m]) + 8, y(accuracy[m]),
      `${narrow ? "small " : ""}${models[m].hue}${m === selection.from || m === selection.to ? " strong" : ""}`)), width - right, height);
    add(drawing, "p", {class: "note", role: "status"}, `On the Pareto front by ${cost.title}: ${cost.front.map((m) => models[m].label).join("; ")}.`);
  };

  const redraw = () => draw(drawing.clientWidth || 640);
  if (costs.length) choose(controls, "Cost", costs.map((cost) => cost.title), (place) => { which = place; redraw(); });
  document.addEventListener("study:models", redraw);
  redrawn(drawing, draw);
};
