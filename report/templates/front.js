// Accuracy over a cost of choice: the models on the Pareto front are joined by a line.
CHARTS.front = (controls, drawing, data) => {
  const {models, costs} = data;
  const width = 900, height = 420, left = 56, right = 210, top = 16, bottom = 48;

  // The coarsest round numbers of which at least four lie on the axis, so that a value can be read.
  const ticks = (low, high) => {
    let found = [];
    for (const step of [[1, 2, 5], [1, 1.5, 2, 3, 5, 7], 0.5, 0.2, 0.1, 0.05]) {
      const steps = Array.isArray(step) ? step : Array.from({length: Math.round(9 / step)}, (_, n) => 1 + n * step);
      found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
        found.push(...steps.map((one) => one * 10 ** power).filter((value) => value >= low && value <= high));
      }
      if (found.length >= 4) break;
    }
    return found.length > 9 ? found.filter((_, place) => place % Math.ceil(found.length / 9) === 0) : found;
  };
  const short = (value) => {
    for (const [size, sign] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
      if (value >= size) return Number((value / size).toPrecision(3)) + " " + sign;
    }
    return String(Number(value.toPrecision(3)));
  };

  const draw = (which) => {
    hideTip();
    const cost = costs[which];
    const known = models.map((_, m) => m).filter((m) => cost.values[m] > 0 && models[m].accuracy !== null);
    drawing.replaceChildren();
    if (!known.length) { add(drawing, "p", {}, "Not measured."); return; }
    const all = known.map((m) => cost.values[m]);
    const low = Math.min(...all) / 1.3, high = Math.max(...all) * 1.3;
    const marks = known.map((m) => models[m].accuracy);
    const bottomOf = Math.max(0, Math.min(...marks) - 0.04), topOf = Math.min(1, Math.max(...marks) + 0.04);
    const x = (value) => left + (Math.log(value / low) / Math.log(high / low)) * (width - left - right);
    const y = (value) => height - bottom - ((value - bottomOf) / (topOf - bottomOf)) * (height - top - bottom);
    const svg = add(drawing, "svg", {viewBox: `0 0 ${width} ${height}`, role: "img", style: "max-width: 100%",
      "aria-label": `Test accuracy over ${cost.title}; the table below has the numbers.`});
    for (const tick of ticks(low, high)) {
      add(svg, "line", {x1: x(tick), x2: x(tick), y1: top, y2: height - bottom, stroke: "var(--line)"});
      add(svg, "text", {x: x(tick), y: height - bottom + 16, "text-anchor": "middle", class: "axis"}, short(tick));
    }
    const step = topOf - bottomOf > 0.4 ? 0.1 : topOf - bottomOf > 0.15 ? 0.05 : 0.02;
    for (let tick = Math.ceil(bottomOf / step) * step; tick <= topOf + 1e-9; tick += step) {
      add(svg, "line", {x1: left, x2: width - right, y1: y(tick), y2: y(tick), stroke: "var(--line)"});
      add(svg, "text", {x: left - 8, y: y(tick) + 4, "text-anchor": "end", class: "axis"}, (100 * tick).toFixed(0));
    }
    add(svg, "text", {x: left, y: height - 8}, `${cost.title}, logarithmic; lower is cheaper`);
    add(svg, "text", {transform: `translate(14 ${height - bottom}) rotate(-90)`}, "test accuracy (%)");
    const front = cost.front;
    add(svg, "polyline", {points: front.map((m) => `${x(cost.values[m])},${y(models[m].accuracy)}`).join(" "),
      fill: "none", stroke: "var(--edge)", "stroke-dasharray": "5 3"});
    const taken = [];
    for (const m of [...known].sort((a, b) => models[b].accuracy - models[a].accuracy)) {
      const at = [x(cost.values[m]), y(models[m].accuracy)];
      const node = mark(svg, m, ...at, 6.5, models[m].colour);
      let line = at[1] + 4;
      while (taken.some(([tx, ty]) => Math.abs(tx - at[0]) < 200 && Math.abs(ty - line) < 13)) line += 13;
      taken.push([at[0], line]);
      add(svg, "text", {x: at[0] + 12, y: line, "pointer-events": "none"},
        models[m].label.length > 34 ? models[m].label.slice(0, 33) + "…" : models[m].label);
      const lines = [`test accuracy ${percent(models[m].accuracy)}`,
        ...costs.map((one) => `${one.title}: ${one.values[m] === null ? "–" : short(one.values[m])}`),
        front.includes(m) ? "on the Pareto front" : "not on the Pareto front"];
      node.addEventListener("pointermove", (event) => showTip(event, models[m].label, lines));
      node.addEventListener("pointerleave", hideTip);
    }
    add(drawing, "p", {class: "note", role: "status"}, `On the Pareto front by ${cost.title}: ${front.map((m) => models[m].label).join("; ")}.`);
  };

  choose(controls, "Cost", costs.map((cost) => cost.title), draw);
  draw(0);
};
