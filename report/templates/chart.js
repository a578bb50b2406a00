// What the panels share: elements, marks, a tooltip. Names come in as text, so none can become markup.
const CHARTS = {};

function add(parent, tag, attributes = {}, text = "") {
  const inside = tag === "svg" || parent instanceof SVGElement;
  const node = inside ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== "") node.textContent = text;
  parent.append(node);
  return node;
}

// One shape per model beside its colour, which only says what weights it started from; triangles mean better and worse.
function mark(parent, place, x, y, r, colour) {
  const shapes = [
    `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    `M${x},${y - 1.3 * r}L${x + 1.3 * r},${y}L${x},${y + 1.3 * r}L${x - 1.3 * r},${y}z`,
    `M${x - 0.4 * r},${y - 1.2 * r}h${0.8 * r}v${0.8 * r}h${0.8 * r}v${0.8 * r}h${-0.8 * r}v${0.8 * r}h${-0.8 * r}v${-0.8 * r}h${-0.8 * r}v${-0.8 * r}h${0.8 * r}z`,
    `M${x - 1.2 * r},${y}L${x - 0.6 * r},${y - r}H${x + 0.6 * r}L${x + 1.2 * r},${y}L${x + 0.6 * r},${y + r}H${x - 0.6 * r}z`,
  ];
  return add(parent, "path", {d: shapes[place % shapes.length], fill: colour, class: "mark"});
}

function symbol(parent, place, colour) {
  return mark(add(parent, "svg", {width: 14, height: 14, "aria-hidden": "true", class: "symbol"}), place, 7, 7, 4.5, colour);
}

const tip = add(document.body, "div", {class: "tip", role: "tooltip", hidden: ""});

// At the pointer, or beside the element that has the focus.
function showTip(event, title, lines) {
  tip.replaceChildren();
  add(tip, "b", {}, title);
  for (const line of lines) add(tip, "div", {}, line);
  tip.hidden = false;
  const box = event.target.getBoundingClientRect();
  const [x, y] = event.clientX ? [event.clientX, event.clientY] : [box.right, box.top];
  const left = x + 14 + tip.offsetWidth > window.innerWidth ? x - 14 - tip.offsetWidth : x + 14;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.max(4, Math.min(y + 14, window.innerHeight - tip.offsetHeight - 4)) + "px";
}

function hideTip() {
  tip.hidden = true;
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
document.addEventListener("pointerdown", hideTip, true);

// A tooltip by mouse, by touch, and where `node` can have the focus, by keyboard.
function explain(node, title, lines) {
  for (const kind of ["pointermove", "click"]) node.addEventListener(kind, (event) => showTip(event, title, lines));
  node.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hideTip(); });
  // A listener alone would make a drawing's lines stops of the Tab key.
  if (node instanceof SVGElement && !node.hasAttribute("tabindex")) return;
  node.addEventListener("focus", (event) => showTip(event, title, lines));
  node.addEventListener("blur", hideTip);
}

function choose(parent, label, options, change) {
  const select = add(add(parent, "label", {}, label + " "), "select", {"aria-label": label});
  options.forEach((name, place) => add(select, "option", {value: place}, name));
  select.addEventListener("change", () => change(Number(select.value)));
  return select;
}

// Radio buttons; `options` are [value, text], and whoever calls redraws them when they change.
let groupsOfRadios = 0;
function radios(parent, legend, options, value, change) {
  const name = `radio-${++groupsOfRadios}`, field = add(parent, "fieldset", {class: "radios"});
  add(field, "legend", {}, legend);
  for (const [one, text] of options) {
    const label = add(field, "label"), input = add(label, "input", {type: "radio", name, value: one});
    input.checked = one === value;
    input.addEventListener("change", () => change(one));
    add(label, "span", {}, text);
  }
  return field;
}

// Values to write on an axis: even steps, or 1, 2 and 5 of every power of ten where it is logarithmic and long.
function ticksOf(low, high, log = false, most = 6) {
  if (log && high / low >= 6) {
    const powers = Array.from({length: 24}, (_, at) => 10 ** (at - 6));
    return powers.flatMap((power) => (high / low > 2000 ? [1] : [1, 2, 5]).map((one) => one * power)).filter((value) => value >= low && value <= high);
  }
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find((one) => one * power >= 0.999 * rough) * power;
  return Array.from({length: most + 2}, (_, at) => (Math.ceil(low / step - 1e-9) + at) * step).filter((value) => value <= high + 1e-9);
}

// An empty plot with ticks and titles, and its scales from values to pixels; an axis is {low, high, log, ticks, title, say}.
function plot(parent, label, width, height, [top, right, bottom, left], x, y) {
  const scale = ({low, high, log}, from, to) => (value) => from + (to - from) * (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const svg = add(parent, "svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label});
  const across = scale(x, left, width - right), up = scale(y, height - bottom, top), say = (axis, tick) => (axis.say ?? String)(Number(tick.toPrecision(12)));
  let free = 0;
  for (const tick of x.ticks) {
    if (x.grid) add(svg, "line", {x1: across(tick), x2: across(tick), y1: top, y2: height - bottom, class: "grid"});
    const wide = 4 * say(x, tick).length + 4;
    if (across(tick) - wide < free) continue;
    free = across(tick) + wide;
    add(svg, "text", {x: across(tick), y: height - bottom + 17, "text-anchor": "middle", class: "axis"}, say(x, tick));
  }
  for (const tick of y.ticks.filter((one) => one >= y.low && one <= y.high)) {
    add(svg, "line", {x1: left, x2: width - right, y1: up(tick), y2: up(tick), class: "grid"});
    add(svg, "text", {x: left - 6, y: up(tick) + 4, "text-anchor": "end", class: "axis"}, say(y, tick));
  }
  add(svg, "text", {x: 0, y: 12, class: "axis"}, y.title);
  add(svg, "text", {x: left, y: height - 7, class: "axis"}, x.title);
  return {svg, x: across, y: up};
}

// Give each box {at, tall} a `top` that centres it at its place, or as near as the others let it between the two ends.
function apart(boxes, start, end) {
  boxes.sort((a, b) => a.at - b.at);
  for (const box of boxes) start = (box.top = Math.max(box.at - box.tall / 2, start)) + box.tall;
  for (const box of [...boxes].reverse()) end = box.top = Math.min(box.top, end - box.tall);
}

// A name for `nameAtEdge`: `words` in lines of at most `most` letters, at height `at`, of what ends at `x`.
function named(words, most, x = 0, at = 0, kind = "") {
  const lines = [""];
  for (const word of words.split(" ")) {
    if (lines.at(-1) && (lines.at(-1) + word).length >= most) lines.push(word);
    else lines[lines.length - 1] += (lines.at(-1) && " ") + word;
  }
  return {lines, x, at, kind, tall: 15 * lines.length + 4};
}

// Write names beyond the edge of a plot, each as near its height as the others let it; a dotted line leads there.
function nameAtEdge(svg, names, edge, height) {
  apart(names, 2, height - 2);
  for (const {lines, x, at, kind, tall, top} of names) {
    add(svg, "path", {d: `M${x},${at}H${edge}L${edge + 8},${top + tall / 2}`, class: "leader"});
    const node = add(svg, "text", {class: `named ${kind}`, "pointer-events": "none"});
    lines.forEach((line, place) => add(node, "tspan", {x: edge + 11, y: top + 13 + 15 * place}, line + " "));
  }
}

// One stop of the Tab key for the whole list; the arrow keys go on from there.
function arrowKeys(list, rowsOf) {
  list.addEventListener("keydown", (event) => {
    const rows = [...list.querySelectorAll(rowsOf)], at = rows.indexOf(document.activeElement);
    const next = {ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: rows.length - 1}[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
    rows.forEach((one) => { one.tabIndex = one === row ? 0 : -1; });
    row.focus();
  });
}

// Draw for the width there is, and again when it changes.
function redrawn(drawing, draw) {
  let width = 0;
  const fit = () => {
    const now = Math.floor(drawing.clientWidth) || 640;
    if (now !== width) draw(width = now);
  };
  new ResizeObserver(fit).observe(drawing);
  fit();
}

const number = (value, digits = 1) => value.toFixed(digits).replace("-", "−");
const percent = (fraction, digits = 1) => (fraction === null ? "–" : number(100 * fraction, digits) + " %");
function points(fraction, digits = 1) {
  if (fraction === null) return "–";
  const said = number(100 * fraction, digits);
  return Number((100 * fraction).toFixed(digits)) === 0 ? said.replace("−", "") : said.startsWith("−") ? said : "+" + said;
}
