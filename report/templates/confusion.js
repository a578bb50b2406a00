// The confusion matrix of one of the two chosen models. A cell opens the pictures behind it; zooming makes room for names.
CHARTS.confusion = (controls, drawing) => {
  const {classes, superclasses, coarse, order} = study, n = classes.length;
  const WIDEST = 10, FINGER = 16, READABLE = 12; // classes at the closest zoom; pixels of a cell
  const bands = superclasses.length ? order.map((label) => coarse[label]) : [];
  let end = "to", cell = null, view = {row: 0, column: 0, span: n}, size = 0, edge = 0;
  const model = () => selection[end];
  if (!finished.length) { add(drawing, "p", {}, "No run finished."); return; }

  const whose = add(controls, "div");
  const zoomBy = (factor) => () => zoom(Math.round(view.span * factor));
  const button = (text, name, act) => add(controls, "button", {type: "button", class: "button", "aria-label": name, tabindex: -1}, text).addEventListener("click", act);
  button("+", "Zoom in", zoomBy(0.5));
  button("−", "Zoom out", zoomBy(2));
  button("Whole", "The whole matrix", () => zoom(n));
  const selects = ["Class", "taken for"].map((label, side) => choose(controls, label, order.map((one) => classes[one]), (place) => {
    open(side ? [cell[0], place] : [place, cell[1]], true);
  }));

  const side = add(drawing, "div", {class: "side"});
  const holder = add(side, "div", {class: "matrix"});
  const canvas = add(holder, "canvas", {tabindex: 0, role: "img"});
  const detail = add(side, "div", {class: "detail", "aria-live": "polite"});
  const key = add(add(holder, "p", {class: "note"}), "span", {class: "key"}, "0 %");
  add(key, "i");
  key.append("100 % of the true class; the scale is stretched at its low end. Framed: the chosen cell; dashed: the other way round. " + shared.pictures.rule);

  // From the paper's colour to a full blue, stretched at the low end so that rare confusions show.
  const colourNamed = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).match(/[0-9a-f]{2}/gi).map((one) => parseInt(one, 16));
  let paper, full;
  const shade = (value) => paper.map((start, at) => Math.round(start + Math.pow(value, 0.4) * (full[at] - start)));
  const luminance = (rgb) => rgb.map((one) => (one / 255 <= 0.04 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);

  function draw() {
    const width = Math.max(280, Math.min(holder.clientWidth || 600, 640)), ratio = window.devicePixelRatio || 1;
    edge = width < 420 ? 88 : 128;
    size = (width - edge - 2) / view.span;
    canvas.width = canvas.height = Math.round(width * ratio);
    canvas.style.width = canvas.style.height = width + "px";
    canvas.style.touchAction = view.span < n ? "none" : "manipulation";
    canvas.setAttribute("aria-label", `Confusion matrix of ${study.models[model()].label}, true classes as rows. Arrow keys move, plus and minus zoom. Now: ${said(...labels(cell))}`);
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    [paper, full] = ["--paper", "--matrix"].map(colourNamed);
    pen.fillStyle = `rgb(${paper.join(",")})`;
    pen.fillRect(0, 0, width, width);
    pen.font = `${size >= 30 ? 12 : 11}px system-ui, sans-serif`;
    const {row, column, span} = view;
    for (let r = 0; r < span; r++) {
      for (let c = 0; c < span; c++) {
        const share = shareOf(model(), order[row + r], order[column + c]);
        if (!share) continue;
        const rgb = shade(share), x = edge + c * size, y = edge + r * size;
        pen.fillStyle = `rgb(${rgb.join(",")})`;
        pen.fillRect(x, y, size + 0.3, size + 0.3);
        if (size < 26) continue;
        pen.fillStyle = luminance(rgb) > 0.18 ? "#000" : "#fff";
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        pen.fillText(share < 0.005 ? "<1" : Math.round(100 * share), x + size / 2, y + size / 2);
      }
    }
    drawNames(pen, width);
    const outline = ([r, c], colour, dash) => {
      if (r < row || r >= row + span || c < column || c >= column + span) return;
      pen.strokeStyle = colour;
      pen.lineWidth = 2;
      pen.setLineDash(dash);
      pen.strokeRect(edge + (c - column) * size - 1, edge + (r - row) * size - 1, size + 2, size + 2);
      pen.setLineDash([]);
    };
    outline([cell[1], cell[0]], "#666", [3, 3]);
    outline(cell, "#c24e00", []);
  }

  // Class names where a cell has room for one, otherwise those of the superclasses where they have.
  function drawNames(pen, width) {
    pen.textBaseline = "middle";
    pen.fillStyle = luminance(paper) > 0.18 ? "#1a1a1a" : "#ececec";
    const name = (text, start, cells, horizontal) => {
      const middle = edge + (start + cells / 2) * size;
      pen.save();
      pen.translate(...(horizontal ? [middle, edge - 5] : [edge - 5, middle]));
      if (horizontal) pen.rotate(-Math.PI / 2);
      pen.textAlign = horizontal ? "left" : "right";
      let shown = text;
      while (pen.measureText(shown).width > edge - 8 && shown.length > 2) shown = shown.slice(0, -2).trimEnd() + "…";
      pen.fillText(shown, 0, 0);
      pen.restore();
    };
    for (const [from, horizontal] of [[view.row, false], [view.column, true]]) {
      for (let at = 0; at < view.span;) {
        let cells = 1;
        while (bands.length && at + cells < view.span && bands[from + at + cells] === bands[from + at]) cells++;
        if (size >= READABLE) for (let k = 0; k < cells; k++) name(classes[order[from + at + k]], at + k, 1, horizontal);
        else if (bands.length && cells * size >= 11) name(superclasses[bands[from + at]], at, cells, horizontal);
        at += cells;
        if (!bands.length && size < READABLE) continue;
        const line = edge + at * size;
        pen.strokeStyle = "#999";
        pen.lineWidth = 0.5;
        pen.beginPath();
        pen.moveTo(...(horizontal ? [line, edge] : [edge, line]));
        pen.lineTo(...(horizontal ? [line, width] : [width, line]));
        pen.stroke();
      }
    }
    pen.strokeStyle = "#777";
    pen.lineWidth = 1;
    pen.strokeRect(edge - 0.5, edge - 0.5, width - edge - 1, width - edge - 1);
    pen.textAlign = "right";
    pen.fillText("true ↓   taken for →", edge - 6, 12, edge - 8);
  }

  const labels = (at) => at.map((place) => order[place]);
  const said = (t, p) => (t === p ? `${classes[t]} recognised: ` : `${classes[t]} taken for ${classes[p]}: `) + percent(shareOf(model(), t, p));

  function zoom(span, around = cell) {
    span = Math.max(Math.min(WIDEST, n), Math.min(n, span));
    const fit = (place) => Math.max(0, Math.min(n - span, place - Math.floor(span / 2)));
    view = {row: fit(around[0]), column: fit(around[1]), span};
    draw();
  }
  // Choose a cell by its places; `nearby`: come close enough to read the names.
  function open(places, nearby = false) {
    cell = places;
    selects.forEach((one, at) => { one.value = cell[at]; });
    const {row, column, span} = view;
    const outside = cell[0] < row || cell[0] >= row + span || cell[1] < column || cell[1] >= column + span;
    if (nearby && n > 20) zoom(Math.min(span, 20));
    else if (outside) zoom(span);
    else draw();
    drawDetail(...labels(cell));
  }

  function drawDetail(t, p) {
    hideTip();
    detail.replaceChildren();
    const m = model(), title = add(detail, "h3");
    const classButton = (parent, label) => add(parent, "button", {type: "button", class: "link"}, classes[label]).addEventListener("click", () => select({label}));
    classButton(title, t);
    if (t === p) add(title, "span", {}, " recognised");
    else { add(title, "span", {}, " taken for "); classButton(title, p); }
    const body = add(add(add(detail, "div", {class: "scroll"}), "table"), "tbody");
    const heads = add(body.parentElement.createTHead(), "tr");
    const columns = t === p ? ["Model", "Recognised (%)"] : ["Model", `${classes[t]} → ${classes[p]} (%)`, `${classes[p]} → ${classes[t]} (%)`];
    columns.forEach((text, at) => add(add(heads, "th", {scope: "col", class: at ? "number" : ""}), "span", {}, text));
    for (const one of finished) {
      const row = add(body, "tr", {class: one === m ? "compared" : ""});
      symbol(add(row, "th", {scope: "row"}), one, colourOf(one)).closest("th").append(" " + study.models[one].label);
      for (const pair of t === p ? [[t, p]] : [[t, p], [p, t]]) add(row, "td", {class: "number"}, percent(shareOf(one, ...pair)).replace(" %", ""));
    }
    const {pictures} = shared, all = pictures.true.map((_, place) => place);
    const show = (text, places) => {
      add(detail, "h4", {}, text);
      if (!places.length) { add(detail, "p", {class: "note"}, "None of the pictures in this report."); return; }
      const grid = add(detail, "div", {class: "gallery"});
      for (const place of places.slice(0, 30)) picture(grid, place, finished);
      if (places.length > 30) add(detail, "p", {class: "note"}, `The first 30 of ${places.length}.`);
    };
    if (t === p) show(`${classes[t]} that ${study.models[m].label} gets wrong`, all.filter((place) => pictures.true[place] === t && times(place, m, t) < study.models[m].seeds));
    else for (const [a, b] of [[t, p], [p, t]]) {
      const found = all.filter((place) => pictures.true[place] === a && times(place, m, b)).sort((x, y) => times(y, m, b) - times(x, m, b));
      const images = countsOf(m)[a][b];
      show(`${classes[a]} taken for ${classes[b]} by ${study.models[m].label}${images ? "" : ": never"}`, found);
    }
  }

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = [event.clientY - box.top, event.clientX - box.left].map((one) => Math.floor((one - edge) / size));
    return at.every((one) => one >= 0 && one < view.span) ? [view.row + at[0], view.column + at[1]] : null;
  };
  let grabbed = null, moved = false;
  canvas.addEventListener("pointerdown", (event) => { grabbed = {x: event.clientX, y: event.clientY, ...view}; moved = false; });
  canvas.addEventListener("pointermove", (event) => {
    if (grabbed && event.buttons && view.span < n) {
      const by = [grabbed.y - event.clientY, grabbed.x - event.clientX].map((one) => Math.round(one / size));
      moved ||= by.some(Boolean);
      const fit = (value) => Math.max(0, Math.min(n - view.span, value));
      if (moved) { hideTip(); view = {...view, row: fit(grabbed.row + by[0]), column: fit(grabbed.column + by[1])}; draw(); }
      return;
    }
    const at = place(event);
    if (!at || event.pointerType !== "mouse") { hideTip(); return; }
    const [t, p] = labels(at), m = model();
    showTip(event, said(t, p), [`${countsOf(m)[t][p]} of ${total(countsOf(m)[t])} answers, all seeds`, study.models[m].label]);
  });
  canvas.addEventListener("pointerleave", hideTip);
  addEventListener("pointerup", () => { grabbed = null; });
  canvas.addEventListener("click", (event) => {
    const at = place(event);
    // A finger cannot hit a small cell, so its first touch zooms.
    if (at && !moved) open(at, event.pointerType === "touch" && size < FINGER);
  });
  canvas.addEventListener("dblclick", (event) => { const at = place(event); if (at) zoom(Math.round(view.span / 2), at); });
  canvas.addEventListener("keydown", (event) => {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    if (step) open(cell.map((one, at) => Math.max(0, Math.min(n - 1, one + step[at]))));
    else if (event.key === "+" || event.key === "=") zoomBy(0.5)();
    else if (event.key === "-") zoomBy(2)();
    else if (event.key === "Enter" || event.key === " ") select({label: order[cell[0]]});
    else return;
    event.preventDefault();
  });

  // A page starts, and another model goes on, with the two classes that the model mixes up most, as the heading does.
  function worst() {
    const counts = countsOf(model()), images = counts.map(total);
    let found = [0, Math.min(1, n - 1)], most = -1;
    for (let t = 0; t < n; t++) {
      for (let p = t + 1; p < n; p++) {
        const share = (counts[t][p] + counts[p][t]) / Math.max(1, images[t] + images[p]);
        if (share > most) { most = share; found = counts[t][p] >= counts[p][t] ? [t, p] : [p, t]; }
      }
    }
    return found.map((label) => order.indexOf(label));
  }
  function start() {
    whose.replaceChildren();
    if (selection.from !== selection.to) radios(whose, "Model", ["to", "from"].map((one) => [one, study.models[selection[one]].label]), end, (one) => { end = one; draw(); drawDetail(...labels(cell)); });
    open(cell ?? worst());
  }
  document.addEventListener("study:models", start);
  cell = worst();
  start();
  redrawn(holder, draw);
};
