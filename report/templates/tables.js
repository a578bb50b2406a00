// What several parts share stands in the document once, and is read when it is first asked for.
const shared = {};
for (const store of document.querySelectorAll("script[data-shared]")) {
  Object.defineProperty(shared, store.dataset.shared, {configurable: true, enumerable: true, get() {
    const value = JSON.parse(store.textContent);
    Object.defineProperty(shared, store.dataset.shared, {value});
    return value;
  }});
}
for (const image of document.querySelectorAll("img[data-image]")) sleep(image, () => { image.src = shared.images[image.dataset.image]; });
// Figures and large files are packed; here they are unpacked on their way to the reader.
async function unpacked(address, kind) {
  const bytes = Uint8Array.from(atob(address.split(",")[1]), (letter) => letter.charCodeAt(0));
  const plain = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")));
  return URL.createObjectURL(new Blob([await plain.arrayBuffer()], {type: kind}));
}
for (const figure of document.querySelectorAll("figure.drawn")) {
  sleep(figure, async () => {
    const image = figure.querySelector("img"), first = document.getElementById(image.dataset.like)?.querySelector("img") ?? image;
    image.src = await unpacked(first.dataset.packedImage, "image/svg+xml");
    figure.querySelector("a[data-image-of]").href = image.src;
    offerCopies(figure);
  });
}
// Who has no mouse can scroll what is too wide, or too long, for its frame.
const frames = new ResizeObserver((seen) => {
  for (const {target} of seen) {
    if (target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});
for (const frame of document.querySelectorAll(".scroll, pre")) frames.observe(frame);
for (const link of document.querySelectorAll("a[data-packed]")) {
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    const file = document.createElement("a");
    file.href = await unpacked(link.href, "text/csv");
    file.download = link.dataset.packed;
    file.click();
  });
}
// A file that several tables share stands once in the page, too.
for (const link of document.querySelectorAll("a[data-like]")) {
  const name = CSS.escape(link.dataset.like);
  const first = document.querySelector(`a[data-packed="${name}"], a[download="${name}"][href]`);
  link.href = first.href;
  link.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); first.click(); });
}

// A frame without an address may not use the clipboard by itself, but may copy what is selected.
async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const area = document.createElement("textarea");
    area.value = words;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
const said = (cell) => [...cell.childNodes].filter((node) => node.nodeName !== "FIGURE").map((node) => node.textContent.trim()).filter(Boolean).join(" ");
const FORMATS = {
  markdown: (rows, numbers) => {
    const lines = rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
    return [lines[0], `|${numbers.map((number) => (number ? " ---: |" : " --- |")).join("")}`, ...lines.slice(1)].join("\n");
  },
  latex: (rows, numbers) => {
    const escaped = (cell) => cell.replaceAll("\\", "\\textbackslash ").replace(/[&%$#_{}]/g, "\\$&").replaceAll("−", "$-$")
      .replaceAll("–", "--").replaceAll("±", "$\\pm$").replaceAll("~", "\\textasciitilde ").replaceAll("^", "\\textasciicircum ");
    const lines = rows.map((row) => `  ${row.map(escaped).join(" & ")} \\\\`);
    return [`\\begin{tabular}{${numbers.map((number) => (number ? "r" : "l")).join("")}}`, "  \\hline", lines[0], "  \\hline",
      ...lines.slice(1), "  \\hline", "\\end{tabular}"].join("\n");
  },
};

// "> 50", "<= 3", "40 to 60" or words, of a number; words alone of a text.
function matches(cell, wanted) {
  // What a reader sees, so that "> 50" leaves 50.0 out; an interval below the number is not part of it.
  const number = Number((cell.firstChild?.textContent ?? "").replace(/[^\d.,−]/g, " ").trim().split(" ")[0].replaceAll(",", "").replace("−", "-"));
  const words = wanted.trim().toLowerCase();
  const bound = words.match(/^([<>]=?)\s*([-−]?[\d.]+)$/);
  const range = words.match(/^([-−]?[\d.]+)\s*(?:to|–)\s*([-−]?[\d.]+)$/);
  const value = (digits) => Number(digits.replace("−", "-"));
  if (cell.dataset.sort === undefined || !(bound || range)) return cell.textContent.toLowerCase().includes(words);
  if (cell.dataset.sort === "") return false;
  if (range) return number >= value(range[1]) && number <= value(range[2]);
  const [, sign, end] = bound;
  return sign[0] === ">" ? number > value(end) || (sign[1] === "=" && number === value(end))
    : number < value(end) || (sign[1] === "=" && number === value(end));
}

function enhance(section) {
  const body = section.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...section.querySelectorAll("thead th")];
  heads.forEach((head, place) => head.querySelector("button")?.addEventListener("click", () => {
    // Numbers start with the highest, which is what one looks for; names with A. Empty cells stay last.
    const first = head.classList.contains("number") ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? second : first;
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const compare = (left, right) => {
      const a = left.cells[place], b = right.cells[place];
      if (a.dataset.sort === undefined) return sign * a.textContent.localeCompare(b.textContent, "en", {numeric: true});
      if (a.dataset.sort === "" || b.dataset.sort === "") return (a.dataset.sort === "") - (b.dataset.sort === "");
      return sign * (Number(a.dataset.sort) - Number(b.dataset.sort));
    };
    body.append(...rows.slice().sort(compare));
  }));
  const shown = section.querySelector(".shown");
  const search = section.querySelector(".tools input");
  const choices = [...section.querySelectorAll(".tools select")];
  let filters = [];
  const filter = () => {
    const words = (search?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      const chosen = choices.every((one) => !one.value || row.cells[Number(one.dataset.column)].dataset.value === one.value)
        && filters.every((one) => !one.value.trim() || matches(row.cells[Number(one.dataset.column)], one.value));
      row.hidden = !chosen || !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = (count < rows.length ? count + " of " : "") + rows.length + (rows.length === 1 ? " row" : " rows");
  };
  search?.addEventListener("input", filter);
  choices.forEach((one) => one.addEventListener("change", filter));
  filter();

  const toggle = section.querySelector("[data-filters]");
  toggle?.addEventListener("click", () => {
    const head = section.querySelector("thead"), first = head.rows[0];
    const on = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(on));
    if (!on) {
      head.rows[1].remove();
      filters = [];
    } else {
      section.style.setProperty("--heads", first.offsetHeight + "px");
      const line = head.insertRow();
      line.className = "filters";
      filters = heads.map((one, place) => {
        const cell = line.appendChild(document.createElement("th")), input = document.createElement("input");
        if (!one.querySelector("button")) return null;
        input.dataset.column = place;
        input.placeholder = one.classList.contains("number") ? "> 50" : "words";
        input.setAttribute("aria-label", `Filter ${one.textContent.trim()}`);
        input.addEventListener("input", filter);
        cell.append(input);
        return input;
      }).filter(Boolean);
      filters[0]?.focus();
    }
    filter();
  });
  for (const button of section.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      const kept = [...body.rows].filter((row) => !row.hidden).map((row) => [...row.cells].map(said));
      const numbers = heads.map((head) => head.classList.contains("number"));
      await copy(FORMATS[button.dataset.copy]([heads.map((head) => head.textContent.trim()), ...kept], numbers));
      const label = button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
}
for (const section of document.querySelectorAll("section.table")) sleep(section, enhance);
