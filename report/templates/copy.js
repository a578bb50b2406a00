// Every drawing as a picture to paste into a talk, or to keep. What a style sheet says of it is written into the copy.
const KEPT = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "paint-order"];

function standAlone(drawing) {
  const copy = drawing.cloneNode(true), parts = [drawing, ...drawing.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((part, at) => {
    const style = getComputedStyle(parts[at]);
    part.setAttribute("style", KEPT.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";"));
    for (const name of ["class", ...KEPT]) part.removeAttribute(name);
  });
  const {width, height} = drawing.getBoundingClientRect();
  for (const [name, value] of Object.entries({width, height, xmlns: "http://www.w3.org/2000/svg"})) copy.setAttribute(name, value);
  copy.style.background = getComputedStyle(document.body).backgroundColor;
  return "data:image/svg+xml;charset=utf-8," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
}

// The picture as a canvas at twice its size; `drawing` is an SVG, an image or a canvas.
async function pixels(drawing) {
  if (drawing instanceof HTMLCanvasElement) return drawing;
  const image = drawing instanceof SVGElement ? Object.assign(new Image(), {src: standAlone(drawing)}) : drawing;
  await image.decode();
  const {width, height} = drawing.getBoundingClientRect(), canvas = Object.assign(document.createElement("canvas"), {width: 2 * width, height: 2 * height});
  const pen = Object.assign(canvas.getContext("2d"), {fillStyle: getComputedStyle(document.body).backgroundColor});
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

const keep = (href, download) => Object.assign(document.createElement("a"), {href, download}).click();

function offerCopies(section) {
  const tools = document.createElement("details"), area = (one) => one.clientWidth * one.clientHeight;
  const drawing = () => [...section.querySelectorAll("svg, canvas, .scroll > img")].filter((one) => !one.closest(".looks")).sort((a, b) => area(b) - area(a))[0];
  if (!drawing()) return;
  const name = section.dataset.chart ?? section.querySelector("[data-image-of]").getAttribute("download").replace(/\.svg$/, "");
  tools.className = "copies screen";
  tools.append(Object.assign(document.createElement("summary"), {textContent: "Numbers, file and copy of this figure"}));
  const button = (text, act) => {
    const one = Object.assign(document.createElement("button"), {type: "button", className: "button", textContent: text});
    one.addEventListener("click", async () => { one.textContent = await act() ?? text; });
    tools.append(one);
  };
  button("Copy as PNG", async () => {
    const canvas = await pixels(drawing()), blob = await new Promise((done) => canvas.toBlob(done));
    try {
      await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
      return "Copied";
    } catch { // a page in a frame may not write to the clipboard
      keep(canvas.toDataURL(), `${name}.png`);
      return "Saved as PNG";
    }
  });
  if (section.dataset.chart && section.dataset.chart !== "confusion") button("Save as SVG", () => keep(standAlone(drawing()), `${name}.svg`));
  for (const link of section.querySelectorAll("[data-image-of], .numbers a")) tools.append(link, " ");
  section.append(tools);
}
