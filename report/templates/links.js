// Links between pages. Opened as files, pages link by name; within the Snakemake report, which shows each page in a
// frame without an address, the landing view (host.js) opens the page that this one asks for.
const framed = window.parent !== window;
const ask = (page, anchor) => window.parent.postMessage({study: "open", page, anchor}, "*");

function goTo(anchor) {
  const target = document.getElementById(anchor);
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  target.scrollIntoView();
  target.setAttribute("tabindex", "-1");
  target.focus({preventScroll: true});
}
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.ctrlKey || event.metaKey) return;
  const address = link.getAttribute("href");
  if (address.startsWith("#")) {
    event.preventDefault();
    goTo(address.slice(1));
    if (framed) window.parent.postMessage({study: "at", anchor: address.slice(1)}, "*");
    else history.replaceState(null, "", address);
  } else if (framed && link.dataset.page) {
    event.preventDefault();
    ask(link.dataset.page, address.split("#")[1] ?? "");
  }
});
window.addEventListener("message", (event) => {
  if (event.data?.study === "go") goTo(event.data.anchor);
});
if (location.hash) goTo(decodeURIComponent(location.hash.slice(1)));
