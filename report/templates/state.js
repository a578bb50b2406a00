// The selection that every panel follows: the models `from` and `to`, and the class whose card is open. Panels listen to
// the events study:models and study:class of the document; the address keeps the selection.
const study = shared.study ?? {models: [], classes: []};
const finished = study.models.map((_, m) => m).filter((m) => study.models[m].seeds > 0);
const selection = {from: study.from, to: study.to, label: null};
const isPublished = () => selection.from === study.from && selection.to === study.to;

// By its hue, what weights a model starts from; the two that are chosen are stronger.
const colourOf = (m) => `var(--${study.models[m].hue}${m === selection.from || m === selection.to ? "" : "-soft"})`;

// Change the selection as a reader does, who chooses the same model twice to swap the two.
function select(change) {
  const {from, to} = selection;
  if (change.from === to && change.to === undefined) change = {...change, to: from};
  if (change.to === from && change.from === undefined) change = {...change, from: to};
  apply(change);
  outer.history.replaceState(outer.history.state, "", "#" + address().place + chosen());
}

function apply(change) {
  const {from, to, label} = selection;
  Object.assign(selection, change);
  if (selection.from !== from || selection.to !== to) document.dispatchEvent(new CustomEvent("study:models", {detail: selection}));
  if (selection.label !== label) document.dispatchEvent(new CustomEvent("study:class", {detail: selection}));
}

// The selection as an address has it; nothing of what is so anyway.
function chosen() {
  const kept = new URLSearchParams();
  if (!isPublished()) {
    kept.set("from", study.models[selection.from].name);
    kept.set("to", study.models[selection.to].name);
  }
  if (selection.label !== null) kept.set("class", study.classes[selection.label]);
  return kept.size ? "?" + kept : "";
}

// What an address asks for; names that the study lacks ask for nothing.
function asked(query) {
  const kept = new URLSearchParams(query), wanted = {from: study.from, to: study.to, label: null};
  for (const end of ["from", "to"]) {
    const place = finished.find((m) => study.models[m].name === kept.get(end));
    if (place !== undefined) wanted[end] = place;
  }
  const label = study.classes.indexOf(kept.get("class"));
  return label < 0 ? wanted : {...wanted, label};
}

// Sentences about the two models, in every heading that has some; and a word where there are none.
const originals = new Map();
function say() {
  const known = shared.said?.[`${selection.from}-${selection.to}`] ?? {};
  for (const element of document.querySelectorAll("[data-said]")) {
    if (!originals.has(element)) originals.set(element, element.textContent);
    const said = isPublished() ? originals.get(element) : known[element.dataset.said];
    element.textContent = said ?? originals.get(element);
    element.classList.toggle("of-others", said === undefined);
  }
  for (const element of document.querySelectorAll("[data-published]")) element.hidden = isPublished();
  // A table of pairs or of models shows the rows of the two, if it has any.
  const [a, b] = [study.models[selection.from]?.label, study.models[selection.to]?.label];
  for (const one of document.querySelectorAll("section.table select")) {
    const option = [`${b} − ${a}`, `${a} − ${b}`, b].find((text) => [...one.options].some(({value}) => value === text));
    if (!option || (isPublished() && !one.dataset.follows)) continue;
    one.dataset.follows = "yes";
    one.value = option;
    one.dispatchEvent(new Event("change"));
  }
}
document.addEventListener("study:models", say);

// The one selector of models, in the bar above every view that has something for it to change.
function selectorOfModels() {
  const place = document.querySelector(".study-models");
  place.hidden = finished.length < 2;
  if (place.hidden) return;
  const names = finished.map((m) => study.models[m].label);
  const to = choose(place, "Compare", names, (at) => select({to: finished[at]}));
  const from = choose(place, "with", names, (at) => select({from: finished[at]}));
  const swap = add(place, "button", {type: "button", class: "button", "aria-label": "Swap the two models"}, "⇄");
  swap.addEventListener("click", () => select({from: selection.to, to: selection.from}));
  const show = () => { to.value = finished.indexOf(selection.to); from.value = finished.indexOf(selection.from); };
  document.addEventListener("study:models", show);
  document.addEventListener("study:view", ({detail: view}) => {
    place.hidden = !view.querySelector("section.chart, [data-said], [data-published]");
  });
  show();
}
selectorOfModels();

for (const section of document.querySelectorAll("section.chart")) {
  sleep(section, () => {
    const data = document.getElementById(section.dataset.like ?? section.id).querySelector("script").textContent;
    CHARTS[section.dataset.chart](section.querySelector(".controls"), section.querySelector(".drawing"), JSON.parse(data), section);
    offerCopies(section);
  });
}
