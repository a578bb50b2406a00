// The card of a class, which opens wherever a class is chosen; and the pictures, tiles of one sprite.
const seedsSaid = (m, count) => (study.models[m].seeds === 1 ? "" : ` ${count}/${study.models[m].seeds}`);

// Counts of model `m`, [true][predicted], over its seeds.
const loaded = {};
function countsOf(m) {
  if (!loaded[m]) {
    const n = study.classes.length, flat = shared.cells[m];
    loaded[m] = Array.from({length: n}, () => new Array(n).fill(0));
    for (let at = 0, cell = 0; at < flat.length; at += 2) {
      cell += flat[at];
      loaded[m][Math.floor(cell / n)][cell % n] = flat[at + 1];
    }
  }
  return loaded[m];
}
const total = (row) => row.reduce((sum, value) => sum + value, 0);
function shareOf(m, t, p) {
  const row = countsOf(m)[t], all = total(row);
  return all ? row[p] / all : null;
}

// The answers of model `m` to picture `place`: class, seeds, next class, …; how many of its seeds say class `p`.
function answersOf(place, m) {
  const said = shared.pictures.answers[place][m];
  return said.length === 1 ? [said[0], study.models[m].seeds] : said;
}
function times(place, m, p) {
  const said = answersOf(place, m);
  for (let at = 0; at < said.length; at += 2) if (said[at] === p) return said[at + 1];
  return 0;
}
const isRight = (place, m) => 2 * times(place, m, shared.pictures.true[place]) > study.models[m].seeds;

let spriteIsLoaded = false;
function tile(parent, place, alt) {
  const {columns, uri, size} = shared.pictures;
  if (!spriteIsLoaded) {
    spriteIsLoaded = true;
    const bytes = Uint8Array.from(atob(uri.split(",")[1]), (letter) => letter.charCodeAt(0));
    const file = URL.createObjectURL(new Blob([bytes], {type: "image/webp"}));
    add(document.head, "style", {}, `.tile{width:${size}px;height:${size}px;background-image:url(${file});background-size:${columns * size}px auto}`);
  }
  const position = `${-size * (place % columns)}px ${-size * Math.floor(place / columns)}px`;
  return add(parent, "span", {class: "tile", role: "img", "aria-label": alt, style: `background-position: ${position}`});
}

// A picture with what each of `models` takes it for.
function picture(parent, place, models) {
  const label = shared.pictures.true[place], figure = add(parent, "figure", {class: "shown"});
  tile(figure, place, `Test image ${shared.pictures.images[place]}, labelled ${study.classes[label]}`);
  const answers = add(figure, "ul");
  for (const m of models) {
    const [named, count] = answersOf(place, m);
    const line = add(answers, "li", {class: named === label ? "right" : "", title: study.models[m].label});
    symbol(line, m, colourOf(m));
    add(line, "span", {class: "visually-hidden"}, study.models[m].label + ": ");
    add(line, "span", {}, `${named === label ? "✓ " : ""}${study.classes[named]}${seedsSaid(m, count)}`);
  }
}

const card = add(document.body, "dialog", {class: "card", "aria-label": "One class"});
card.addEventListener("close", () => { if (selection.label !== null) select({label: null}); });
card.addEventListener("click", (event) => { if (event.target === card) card.close(); });
document.addEventListener("study:class", ({detail: {label}}) => {
  if (label === null) { card.close(); return; }
  drawCard(label);
  if (!card.open) card.showModal();
  card.scrollTop = 0;
});

function drawCard(label) {
  hideTip();
  card.replaceChildren();
  const head = add(card, "div", {class: "controls head"});
  add(head, "h2", {}, study.classes[label]);
  if (study.superclasses.length) add(head, "span", {class: "note"}, `of the superclass ${study.superclasses[study.coarse[label]]}`);
  const other = choose(head, "Class", study.classes, (place) => select({label: place}));
  other.value = label;
  add(head, "button", {type: "button", class: "button"}, "Close").addEventListener("click", () => card.close());

  const {accuracy, low, high} = shared.class;
  const body = add(add(add(card, "div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Every model"}), "table"), "tbody");
  const titles = add(body.parentElement.createTHead(), "tr");
  for (const title of ["Model, and what it most often takes the class for", "Accuracy, 95 % interval (%)"]) add(add(titles, "th", {scope: "col"}), "span", {}, title);
  for (const m of finished) {
    const row = add(body, "tr", {class: m === selection.from || m === selection.to ? "compared" : ""});
    const name = symbol(add(row, "th", {scope: "row"}), m, colourOf(m)).closest("th");
    name.append(" " + study.models[m].label);
    const counts = countsOf(m)[label], all = total(counts);
    const taken = counts.map((count, p) => [count, p]).filter(([count, p]) => count && p !== label).sort((a, b) => b[0] - a[0]).slice(0, 3);
    add(name, "small", {}, taken.map(([count, p]) => `${study.classes[p]} ${percent(count / all)}`).join(", ") || "nothing else");
    const cell = add(row, "td", {class: "number"}, `${percent(accuracy[m][label]).replace(" %", "")} (${number(100 * low[m][label], 0)} to ${number(100 * high[m][label], 0)})`);
    const bar = add(cell, "svg", {width: 124, height: 16, "aria-hidden": "true"}), x = (value) => 12 + 100 * value;
    add(bar, "line", {x1: 12, x2: 112, y1: 8, y2: 8, class: "grid"});
    add(bar, "line", {x1: x(low[m][label]), x2: x(high[m][label]), y1: 8, y2: 8, "stroke-width": 2, stroke: colourOf(m)});
    mark(bar, m, x(accuracy[m][label]), 8, 4, colourOf(m));
  }
  drawCardPictures(label);
}

function drawCardPictures(label) {
  const {from, to} = selection, all = [];
  shared.pictures.true.forEach((t, place) => { if (t === label) all.push(place); });
  const wrong = shared.pictures.wrong[label], images = shared.pictures.test[label];
  const shown = all.length < wrong ? `of those, ${all.length} have a picture here` : "here they are";
  add(card, "p", {class: "note"}, wrong
    ? `Of its ${images} test images, at least one run gets ${wrong} wrong; ${shown}, with the class that most seeds of each model name.`
    : `Every run gets all of its ${images} test images right.`);
  const only = (right, other) => all.filter((place) => isRight(place, right) && !isRight(place, other));
  const sets = [["all", "all", all]];
  if (from !== to) {
    for (const [m, other] of [[to, from], [from, to]]) sets.push([`only-${m}`, `only ${study.models[m].label} right`, only(m, other)]);
  }
  const grid = document.createElement("div");
  const fill = (key) => {
    grid.replaceChildren();
    for (const place of sets.find(([name]) => name === key)[2]) picture(grid, place, finished);
  };
  if (sets.length > 1 && all.length) radios(add(card, "div", {class: "controls"}), "Show", sets.map(([key, text, places]) => [key, `${text} (${places.length})`]), "all", fill);
  grid.className = "gallery";
  card.append(grid);
  fill("all");
}
document.addEventListener("study:models", () => { if (card.open) drawCard(selection.label); });
