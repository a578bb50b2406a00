// Every class (or superclass) from the accuracy of one model to that of the other: lines, and a list to choose from.
CHARTS.classes = (controls, drawing, {one, many}) => {
  const data = shared[one], {accuracy, low, high} = data;
  const names = one === "class" ? study.classes : study.superclasses;
  const above = (label) => (one === "class" && study.superclasses.length ? study.superclasses[study.coarse[label]] : "");
  const SIGNS = {up: "▲", down: "▼", equivalent: "■", unclear: "○", same: "=", none: "·"};
  let kind = "all", order = 0, words = "", lit = null;

  // What is known of the chosen pair: differences with intervals, and the kind of each class.
  function compared() {
    const {from, to} = selection, turned = from > to;
    const pair = data.pairs[turned ? `${to}-${from}` : `${from}-${to}`];
    const rows = names.map((_, label) => {
      const [a, b] = [accuracy[from][label], accuracy[to][label]];
      if (a === null || b === null) return {label, difference: null, kind: "none"};
      if (!pair) return {label, difference: b - a, low: null, high: null, kind: "not tested"};
      const [difference, start, end] = [pair.difference[label], pair.low[label], pair.high[label]];
      const verdict = study.verdicts[pair.verdict[label]];
      const kind = {better: turned ? "down" : "up", worse: turned ? "up" : "down"}[verdict] ?? verdict;
      if (!turned) return {label, difference, low: start, high: end, kind};
      return {label, difference: -difference, low: end === null ? null : -end, high: start === null ? null : -start, kind};
    });
    const tested = rows.some((row) => !["not tested", "none"].includes(row.kind));
    if (!tested) {
      for (const row of rows) if (row.difference !== null) row.kind = row.difference > 0 ? "up" : row.difference < 0 ? "down" : "same";
    }
    return {rows, tested, pair};
  }

  const label = (m) => study.models[m].label;
  function kinds({rows, tested}) {
    const {from, to} = selection, count = (name) => rows.filter((row) => row.kind === name).length;
    const found = tested
      ? [["up", `${label(to)} clearly better`], ["down", `${label(from)} clearly better`], ["equivalent", `equivalent within ±${Number((100 * data.margin).toPrecision(3))} points`], ["unclear", "neither clearly"]]
      : [["up", `${label(to)} is higher`], ["down", `${label(from)} is higher`], ["same", "the same"]];
    return [["all", `all ${rows.length}`], ...found.filter(([name]) => name !== "equivalent" || count(name)).map(([name, text]) => [name, `${SIGNS[name]} ${text}: ${count(name)}`])];
  }

  const by = (value, sign = -1) => (a, b) => sign * ((value(a) ?? 2 * sign) - (value(b) ?? 2 * sign)) || a.label - b.label;
  const orders = [
    ["difference", by((row) => row.difference)],
    ["difference, the other way round", by((row) => row.difference, 1)],
    ["accuracy of the first model", by((row) => accuracy[selection.to][row.label])],
    ["accuracy of the second model", by((row) => accuracy[selection.from][row.label])],
    ["name", (a, b) => names[a.label].localeCompare(names[b.label])],
    ...(study.superclasses.length && one === "class" ? [["superclass", (a, b) => study.coarse[a.label] - study.coarse[b.label] || a.label - b.label]] : []),
  ];

  const filters = add(controls, "div");
  choose(controls, "Sort by", orders.map(([name]) => name), (place) => { order = place; draw(); });
  const search = add(controls, "input", {type: "search", placeholder: "Name", "aria-label": `Show only ${many} named`});
  search.addEventListener("input", () => { words = search.value.trim().toLowerCase(); draw(); });
  const remark = add(drawing, "p", {class: "note", role: "status"});
  const side = add(drawing, "div", {class: "side"});
  const slopes = add(side, "div", {class: "slopes"}), list = add(side, "ul", {class: "rows", "aria-label": many});

  function light(place) {
    lit = place;
    for (const node of drawing.querySelectorAll(".lit")) node.classList.remove("lit");
    if (place !== null) for (const node of drawing.querySelectorAll(`[data-label="${place}"]`)) node.classList.add("lit");
  }
  const lines = (row) => [...(above(row.label) ? [above(row.label)] : []),
    ...[selection.to, selection.from].map((m) => `${label(m)}: ${percent(accuracy[m][row.label])}`),
    `difference ${points(row.difference)} points` + (row.low === null ? "" : `, 95 % interval ${points(row.low)} to ${points(row.high)}`)];

  arrowKeys(list, ".row");

  function drawSlopes(rows) {
    slopes.replaceChildren();
    const {from, to} = selection, known = rows.filter((row) => row.difference !== null);
    slopes.hidden = from === to || !known.length;
    if (slopes.hidden) return;
    const heads = [from, to].map((m) => named(label(m), 24).lines);
    const width = 400, height = 520, left = 44, right = 220, top = 14 + 15 * Math.max(...heads.map(({length}) => length)), bottom = 12;
    const ranked = [...known].sort((a, b) => b.difference - a.difference), extremes = known.length <= 20 ? ranked : [...ranked.slice(0, 5), ...ranked.slice(-5)];
    const values = known.flatMap((row) => [accuracy[from][row.label], accuracy[to][row.label]]);
    const {svg, y} = plot(slopes, `Accuracy of ${known.length} ${many}: lines from ${label(from)}, left, to ${label(to)}, right. The list beside it has every number.`,
      width, height, [top, width - right, bottom, left], {low: 0, high: 1, ticks: [], title: ""},
      {low: Math.max(0, Math.min(...values) - 0.02), high: Math.min(1, Math.max(...values) + 0.02), ticks: ticksOf(0, 1, false, 10), say: (value) => `${Math.round(100 * value)} %`, title: ""});
    heads.forEach((lines, place) => lines.forEach((words, at) => add(svg, "text", {x: place * (right - 8), y: 13 + 15 * at}, words)));
    for (const row of known) {
      const ends = [left, y(accuracy[from][row.label]), right, y(accuracy[to][row.label])];
      const group = add(svg, "g", {class: `slope ${row.kind}${extremes.includes(row) ? " named" : ""}`, "data-label": row.label});
      add(group, "path", {d: `M${ends[0]},${ends[1]}L${ends[2]},${ends[3]}`});
      mark(group, from, ends[0], ends[1], 2.5, colourOf(from));
      mark(group, to, ends[2], ends[3], 2.5, colourOf(to));
      const wide = add(group, "path", {d: `M${ends[0]},${ends[1]}L${ends[2]},${ends[3]}`, class: "wide"});
      explain(wide, names[row.label], lines(row));
      wide.addEventListener("pointerenter", () => light(row.label));
      wide.addEventListener("pointerleave", () => light(null));
      if (one === "class") wide.addEventListener("click", () => select({label: row.label}));
    }
    nameAtEdge(svg, extremes.map((row) => named(`${points(row.difference)} ${names[row.label]}`, 26, right + 4, y(accuracy[to][row.label]), "small")), right + 8, height);
  }

  function drawList(rows) {
    list.replaceChildren();
    const {from, to} = selection, compares = from !== to, x = (value) => 6 + 168 * value;
    for (const row of rows) {
      const item = add(list, "li");
      const node = add(item, one === "class" ? "button" : "div", {class: "row", "data-label": row.label, tabindex: list.children.length > 1 ? -1 : 0, ...(one === "class" ? {type: "button"} : {})});
      add(node, "span", {class: `sign ${row.kind}`, "aria-hidden": "true"}, SIGNS[row.kind] ?? "");
      add(node, "span", {class: "name"}, names[row.label]);
      const bar = add(node, "svg", {width: 180, height: 22, "aria-hidden": "true"});
      add(bar, "line", {x1: x(0), x2: x(1), y1: 11, y2: 11, class: "grid"});
      for (const [m, at] of compares ? [[from, 7], [to, 15]] : [[to, 11]]) {
        if (accuracy[m][row.label] === null) continue;
        add(bar, "line", {x1: x(low[m][row.label]), x2: x(high[m][row.label]), y1: at, y2: at, stroke: colourOf(m)});
        mark(bar, m, x(accuracy[m][row.label]), at, 3, colourOf(m));
      }
      add(node, "span", {class: "value"}, compares ? points(row.difference) : percent(accuracy[to][row.label]));
      explain(node, names[row.label], compares ? lines(row) : lines(row).slice(0, -2));
      node.addEventListener("pointerenter", () => light(row.label));
      node.addEventListener("focus", () => light(row.label));
      if (one === "class") node.addEventListener("click", () => select({label: row.label}));
    }
    if (!rows.length) add(list, "li", {class: "note"}, `No ${one} is like that.`);
  }

  function draw() {
    hideTip();
    const found = compared(), {rows, tested, pair} = found;
    const shown = rows.filter((row) => {
      const name = `${names[row.label]} ${above(row.label)}`.toLowerCase();
      return (kind === "all" || row.kind === kind) && words.split(/\s+/).every((word) => name.includes(word));
    }).sort(orders[order || (kind === "down" ? 1 : 0)][1]); // the largest difference of a kind first
    const known = shown.filter((row) => row.difference !== null).length;
    remark.textContent = selection.from === selection.to ? "There is one model, so there is nothing to compare."
      : `${known} of ${names.length} ${many}; points are ${label(selection.to)} minus ${label(selection.from)}.`
        + (tested ? "" : pair ? " Too few seeds for verdicts: the signs only say which mean is higher." : " The study does not compare these two, so there are no verdicts.");
    drawSlopes(shown);
    drawList(shown);
    light(lit);
  }
  function start() {
    filters.replaceChildren();
    const found = selection.from === selection.to ? [] : kinds(compared());
    if (!found.some(([name]) => name === kind)) kind = "all";
    if (found.length) radios(filters, "Show", found, kind, (name) => { kind = name; draw(); });
    draw();
  }
  if (!finished.length) { remark.textContent = "No run finished."; return; }
  document.addEventListener("study:models", start);
  start();
};
