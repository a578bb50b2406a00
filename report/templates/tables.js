// Pictures stand once in the page, however many rows show them.
const pictures = JSON.parse(document.getElementById("pictures")?.textContent ?? "{}");
for (const image of document.querySelectorAll("img[data-image]")) {
  image.src = "data:image/png;base64," + pictures[image.dataset.image];
}
// A large file is packed; here it is unpacked on its way to the reader.
for (const link of document.querySelectorAll("a[data-packed]")) {
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    const bytes = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const file = document.createElement("a");
    file.href = URL.createObjectURL(await new Response(plain).blob());
    file.download = link.dataset.packed;
    file.click();
  });
}
// A file that several tables share stands once in the page, too.
for (const link of document.querySelectorAll("a[data-like]")) {
  const name = CSS.escape(link.dataset.like);
  const first = document.querySelector(`a[data-packed="${name}"], a[download="${name}"][href]`);
  link.href = first.href;
  link.addEventListener("click", (event) => { event.preventDefault(); first.click(); });
}
for (const section of document.querySelectorAll("section.table")) {
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
  const search = section.querySelector("input");
  const choices = [...section.querySelectorAll(".tools select")];
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      const chosen = choices.every((one) => !one.value || row.cells[Number(one.dataset.column)].dataset.value === one.value);
      row.hidden = !chosen || !words.every((word) => text.includes(word));
      count += !row.hidden;
    }
    shown.textContent = (count < rows.length ? count + " of " : "") + rows.length + (rows.length === 1 ? " row" : " rows");
  };
  search.addEventListener("input", filter);
  choices.forEach((one) => one.addEventListener("change", filter));
  filter();
}
