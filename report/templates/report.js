// The address names what is shown, of which two models and which class: #PLACE?from=MODEL&to=MODEL&class=NAME. It is that
// of the window around, where the report stands in a frame of the Snakemake report.
const outer = (() => {
  try {
    return parent.document ? parent : window;
  } catch {
    return window; // a frame of another origin
  }
})();
const views = [...document.querySelectorAll(".view")];
function address() {
  const [place, asked] = outer.location.hash.slice(1).split("?");
  return place.includes("=") ? {place: "", asked: place} : {place: decodeURIComponent(place), asked: asked ?? ""};
}
function goTo(hash) {
  outer.history.replaceState({y: scrollY}, "");
  outer.history.pushState(null, "", hash);
  open();
}

// What costs time is made when it comes near the window, and the rest of the view when there is nothing else to do.
const asleep = new Map();
const near = new IntersectionObserver((seen) => seen.forEach((one) => one.isIntersecting && wake(one.target)), {rootMargin: "1500px"});
function sleep(element, make) {
  asleep.set(element, make);
  near.observe(element);
}
function wake(element) {
  const make = asleep.get(element);
  asleep.delete(element);
  near.unobserve(element);
  make?.(element);
}
const sleepers = (view) => [...asleep.keys()].filter((one) => view.contains(one));
function wakeSlowly(view) {
  const [next] = view.hidden ? [] : sleepers(view);
  if (next) requestIdleCallback(() => { wake(next); wakeSlowly(view); }, {timeout: 2000});
}
addEventListener("beforeprint", () => views.filter((view) => !view.hidden).flatMap(sleepers).forEach(wake));

// Show the view of a place, and the place itself; `y` is where a reader was who comes back.
function show(place, y) {
  const target = document.getElementById(place) ?? views[0], view = target.closest(".view") ?? views[0];
  for (const one of views) one.hidden = one !== view;
  for (const link of menu.querySelectorAll("li a")) {
    if (link.hash === "#" + view.id) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.title = `${view.querySelector("h1").textContent} – ${document.title.split(" – ").at(-1)}`;
  toggleMenu(false);
  document.dispatchEvent(new CustomEvent("study:view", {detail: view}));
  const isDue = (one) => target.contains(one) || target.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING;
  if (target !== view) sleepers(view).filter(isDue).forEach(wake);
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  if (y !== undefined) scrollTo(0, y);
  else if (target === view) scrollTo(0, 0);
  else target.scrollIntoView();
  if (place && y === undefined) {
    target.tabIndex = -1;
    target.focus({preventScroll: true});
  }
  wakeSlowly(view);
}

const menu = document.getElementById("menu"), opener = document.querySelector(".bar .menu"), find = menu.querySelector("input");
function toggleMenu(on) {
  menu.classList.toggle("open", on);
  opener.setAttribute("aria-expanded", String(on));
  if (on) find.focus();
}
opener.addEventListener("click", () => toggleMenu(!menu.classList.contains("open")));
menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { toggleMenu(false); opener.focus(); } });

// The menu shows the parts of the story; while one looks for words, everything that has them in its own name or its page's.
function filterMenu() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const pages = [...menu.querySelectorAll("li[data-words]")];
  pages.forEach((page, place) => {
    const own = `${page.firstElementChild.textContent} ${page.dataset.words}`.toLowerCase(), list = page.querySelector("ul");
    const has = (text) => words.every((word) => text.includes(word) || own.includes(word));
    const parts = [...list.children];
    for (const part of parts) part.hidden = words.length > 0 && !(has(part.textContent.toLowerCase()) && !words.every((word) => own.includes(word)));
    list.hidden = words.length ? parts.every((part) => part.hidden) : place > 0;
    page.classList.toggle("hit", words.every((word) => own.includes(word)));
    page.hidden = words.length > 0 && !page.classList.contains("hit") && list.hidden;
  });
  menu.querySelector("[role=status]").hidden = pages.some((page) => !page.hidden);
}
find.addEventListener("input", filterMenu);
find.addEventListener("keydown", (event) => {
  const first = menu.querySelector("li.hit > a") ?? [...menu.querySelectorAll("li li a")].find((link) => link.offsetParent);
  if (event.key === "Enter" && find.value.trim() && first) first.click();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  if (link.classList.contains("skip")) document.getElementById("main").focus();
  else goTo(link.getAttribute("href") + (link.hash.includes("?") ? "" : chosen()));
});
const returned = (event) => open(event.state?.y);
outer.addEventListener("popstate", returned);
addEventListener("pagehide", () => outer.removeEventListener("popstate", returned));
outer.history.scrollRestoration = "manual";

function open(y) {
  const {place, asked: query} = address();
  apply(asked(query));
  show(place, y);
}
