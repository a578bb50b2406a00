// The confusion matrix of a chosen model: hover names a cell, a click or the list opens a pair of superclasses as numbers.
CHARTS.confusion = (controls, drawing, data) => {
  const {models, classes, order, cells} = data;
  const grouped = data.superclasses.length > 0;
  // Without superclasses every class is a group of its own.
  const groups = grouped ? data.superclasses : classes;
  const groupOf = grouped ? data.coarse : classes.map((_, label) => label);
  const n = classes.length, size = Math.max(6, Math.floor(420 / n)), edge = 132;
  let counts = [], totals = [], zoomed = [0, 0];

  const load = (model) => {
    counts = Array.from({length: n}, () => new Array(n).fill(0));
    const flat = cells[model];
    for (let at = 0; at < flat.length; at += 3) counts[flat[at]][flat[at + 1]] = flat[at + 2];
    totals = counts.map((row) => row.reduce((sum, value) => sum + value, 0));
  };
  const share = (t, p) => (totals[t] ? counts[t][p] / totals[t] : 0);
  // White to dark blue, stretched at the low end so that rare confusions show.
  const shade = (value) => {
    const s = Math.pow(value, 0.4);
    return [[255, 8], [255, 48], [255, 107]].map(([from, to]) => Math.round(from + s * (to - from)));
  };
  const said = (t, p) => [
    `${percent(share(t, p))} of its images (${counts[t][p]} of ${totals[t]}, all seeds)`,
    ...(grouped ? [groupOf[t] === groupOf[p] ? `within ${groups[groupOf[t]]}` : `${groups[groupOf[t]]} → ${groups[groupOf[p]]}`] : []),
  ];

  const side = add(drawing, "div", {class: "side"});
  const canvas = add(side, "canvas", {
    width: edge + n * size, height: edge + n * size, role: "img",
    "aria-label": "Confusion matrix, true classes as rows; the tables hold its numbers.",
  });
  canvas.style.maxWidth = "100%";
  const zoom = add(side, "div");

  const drawMatrix = () => {
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    order.forEach((t, row) => order.forEach((p, column) => {
      if (!counts[t][p]) return;
      pen.fillStyle = `rgb(${shade(share(t, p)).join(",")})`;
      pen.fillRect(edge + column * size, edge + row * size, size, size);
    }));
    pen.strokeStyle = "#bbb";
    pen.lineWidth = 0.5;
    pen.fillStyle = "#1a1a1a";
    pen.font = "10px system-ui, sans-serif";
    let start = 0;
    groups.forEach((name, group) => {
      const members = order.filter((label) => groupOf[label] === group).length;
      const middle = edge + (start + members / 2) * size;
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      pen.fillText(name, edge - 5, middle, edge - 8);
      pen.save();
      pen.translate(middle, edge - 5);
      pen.rotate(-Math.PI / 2);
      pen.textAlign = "left";
      pen.fillText(name, 0, 0, edge - 8);
      pen.restore();
      const at = edge + start * size;
      pen.beginPath();
      pen.moveTo(edge, at); pen.lineTo(canvas.width, at);
      pen.moveTo(at, edge); pen.lineTo(at, canvas.height);
      pen.stroke();
      start += members;
    });
    const first = (group) => order.findIndex((label) => groupOf[label] === group);
    const count = (group) => order.filter((label) => groupOf[label] === group).length;
    pen.strokeStyle = "#d55e00";
    pen.lineWidth = 2;
    pen.strokeRect(edge + first(zoomed[1]) * size, edge + first(zoomed[0]) * size, count(zoomed[1]) * size, count(zoomed[0]) * size);
  };

  const drawZoom = () => {
    zoom.replaceChildren();
    const [from, to] = zoomed;
    add(zoom, "b", {}, from === to ? groups[from] : `${groups[from]} taken for ${groups[to]}`);
    const table = add(zoom, "table", {class: "zoom"});
    const head = add(add(table, "thead"), "tr");
    const columns = order.filter((label) => groupOf[label] === to);
    ["true ↓, predicted →", ...columns.map((p) => classes[p]), "any other"].forEach((name) => add(head, "th", {scope: "col"}, name));
    const body = add(table, "tbody");
    for (const t of order.filter((label) => groupOf[label] === from)) {
      const row = add(body, "tr");
      add(row, "th", {scope: "row"}, classes[t]);
      for (const p of columns) {
        const cell = add(row, "td", {}, (100 * share(t, p)).toFixed(1));
        cell.style.background = `rgb(${shade(share(t, p)).join(",")})`;
        cell.style.color = share(t, p) > 0.15 ? "#fff" : "#1a1a1a";
        if (t === p) cell.style.fontWeight = "700";
      }
      add(row, "td", {}, (100 * (1 - columns.reduce((sum, p) => sum + share(t, p), 0))).toFixed(1));
    }
    add(zoom, "p", {class: "note"}, "% of the true class's images, all finished seeds. Click a block of the matrix to open it here.");
    const worst = order.flatMap((t) => order.map((p) => [t, p])).filter(([t, p]) => t !== p && groupOf[t] === from && counts[t][p])
      .sort((a, b) => share(...b) - share(...a)).slice(0, 6);
    add(zoom, "b", {}, `Most frequent mistakes of ${groups[from]}`);
    const list = add(zoom, "ul", {class: "text"});
    for (const [t, p] of worst) add(list, "li", {}, `${classes[t]} → ${classes[p]}: ${percent(share(t, p))}`);
    if (!worst.length) add(list, "li", {}, "none");
  };

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const cell = [event.clientY - box.top, event.clientX - box.left].map((at) => Math.floor((at * scale - edge) / size));
    return cell.every((at) => at >= 0 && at < n) ? cell.map((at) => order[at]) : null;
  };
  canvas.addEventListener("pointermove", (event) => {
    const cell = place(event);
    if (!cell) { hideTip(); return; }
    const [t, p] = cell;
    showTip(event, t === p ? `${classes[t]}, recognised` : `${classes[t]} taken for ${classes[p]}`, said(t, p));
  });
  canvas.addEventListener("pointerleave", hideTip);
  canvas.addEventListener("click", (event) => {
    const cell = place(event);
    if (cell) open(cell.map((label) => groupOf[label]));
  });
  const open = (pair) => { zoomed = pair; list.value = pair[0] === pair[1] ? pair[0] : ""; drawMatrix(); drawZoom(); };

  choose(controls, "Model", models, (model) => { load(model); drawMatrix(); drawZoom(); });
  const list = choose(controls, grouped ? "Zoom to superclass" : "Zoom to class", groups, (group) => open([group, group]));
  load(0);
  open([0, 0]);
};
