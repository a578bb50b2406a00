// What the charts share: elements, marks, a tooltip. Names come in as text, so none can become markup.
const CHARTS = {};

function add(parent, tag, attributes = {}, text = "") {
  const inside = tag === "svg" || parent instanceof SVGElement;
  const node = inside ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== "") node.textContent = text;
  parent.append(node);
  return node;
}

// One shape per model beside its colour, for print and for eyes that see colours alike.
function mark(parent, place, x, y, r, colour) {
  const shapes = [
    `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`,
    `M${x - r},${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    `M${x},${y - 1.3 * r}L${x + 1.3 * r},${y}L${x},${y + 1.3 * r}L${x - 1.3 * r},${y}z`,
    `M${x},${y - 1.2 * r}L${x + 1.2 * r},${y + r}L${x - 1.2 * r},${y + r}z`,
    `M${x},${y + 1.2 * r}L${x + 1.2 * r},${y - r}L${x - 1.2 * r},${y - r}z`,
  ];
  return add(parent, "path", {d: shapes[place % shapes.length], fill: colour, class: "mark"});
}

const tip = add(document.body, "div", {class: "tip", role: "tooltip", hidden: ""});

function showTip(event, title, lines) {
  tip.replaceChildren();
  add(tip, "b", {}, title);
  for (const line of lines) add(tip, "div", {}, line);
  tip.hidden = false;
  const left = event.clientX + 14 + tip.offsetWidth > window.innerWidth ? event.clientX - 14 - tip.offsetWidth : event.clientX + 14;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.max(4, Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 4)) + "px";
}

function hideTip() {
  tip.hidden = true;
}

function choose(parent, label, options, change) {
  const select = add(add(parent, "label", {}, label + " "), "select");
  options.forEach((name, place) => add(select, "option", {value: place}, name));
  select.addEventListener("change", () => change(Number(select.value)));
  return select;
}

function percent(fraction, digits = 1) {
  return fraction === null ? "–" : (100 * fraction).toFixed(digits).replace("-", "−") + " %";
}
