// The selection that every panel of a page follows: the models `from` and `to`, and the class whose card is open.
// Panels listen to the events study:models and study:class of the document; the address keeps the selection, if it can.
const study = shared.study ?? {models: [], classes: []};
const finished = study.models.map((_, m) => m).filter((m) => study.models[m].seeds > 0);
const selection = {from: study.from, to: study.to, label: null};

// By its hue, what weights a model starts from; the two that are chosen are stronger.
const colourOf = (m) => `var(--${study.models[m].hue}${m === selection.from || m === selection.to ? "" : "-soft"})`;

function select(change) {
  const {from, to} = selection;
  // Who chooses the same model twice means to swap the two.
  if (change.from === to && change.to === undefined) change = {...change, to: from};
  if (change.to === from && change.from === undefined) change = {...change, from: to};
  Object.assign(selection, change);
  remember();
  if (selection.from !== from || selection.to !== to) document.dispatchEvent(new CustomEvent("study:models", {detail: selection}));
  if ("label" in change) document.dispatchEvent(new CustomEvent("study:class", {detail: selection}));
}

function remember() {
  const kept = new URLSearchParams();
  if (selection.from !== study.from || selection.to !== study.to) {
    kept.set("from", study.models[selection.from].name);
    kept.set("to", study.models[selection.to].name);
  }
  if (selection.label !== null) kept.set("class", study.classes[selection.label]);
  const hash = kept.toString();
  if (!hash && !location.hash.includes("=")) return;
  try {
    history.replaceState(null, "", "#" + hash);
  } catch {} // a frame without an address
}

// What an address such as #class=bear or #from=cnn&to=vit asks for; names that the study lacks ask for nothing.
function asked(hash) {
  const kept = new URLSearchParams(hash.replace(/^#/, "")), change = {};
  for (const end of ["from", "to"]) {
    const place = finished.find((m) => study.models[m].name === kept.get(end));
    if (place !== undefined) change[end] = place;
  }
  const label = study.classes.indexOf(kept.get("class"));
  return label < 0 ? change : {...change, label};
}
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  const change = link && asked(link.getAttribute("href"));
  if (change && Object.keys(change).length) select(change);
});
window.addEventListener("hashchange", () => select(asked(location.hash)));
Object.assign(selection, asked(location.hash), {label: null});

// The one selector of models: above the first part of the page that has a panel, and in view from there on.
function selectorOfModels() {
  const panel = document.querySelector("section.chart");
  if (!panel || finished.length < 2) return;
  const place = document.createElement("div");
  [...document.querySelectorAll("main > *")].find((one) => one.contains(panel)).before(place);
  place.className = "study-models controls";
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", "The two models that every figure of this page compares");
  const names = finished.map((m) => study.models[m].label);
  const to = choose(place, "Compare", names, (at) => select({to: finished[at]}));
  const from = choose(place, "with", names, (at) => select({from: finished[at]}));
  const swap = add(place, "button", {type: "button", class: "button"}, "⇄ Swap");
  swap.addEventListener("click", () => select({from: selection.to, to: selection.from}));
  const show = () => { to.value = finished.indexOf(selection.to); from.value = finished.indexOf(selection.from); };
  document.addEventListener("study:models", show);
  show();
}
selectorOfModels();
