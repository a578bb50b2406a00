// How accurate one model is in every class or superclass: a bar with its interval for each, sorted.
CHARTS.bars = (controls, drawing, {one, many}) => {
  const {accuracy, low, high} = shared[one], names = one === "class" ? study.classes : study.superclasses;
  if (!finished.length) { add(drawing, "p", {}, "No run finished."); return; }
  let m = selection.to, order = 0;
  const orders = [
    ["accuracy, highest first", (a, b) => accuracy[m][b] - accuracy[m][a] || a - b],
    ["accuracy, lowest first", (a, b) => accuracy[m][a] - accuracy[m][b] || a - b],
    ["name", (a, b) => names[a].localeCompare(names[b])],
    ...(study.superclasses.length && one === "class" ? [["superclass", (a, b) => study.coarse[a] - study.coarse[b] || accuracy[m][b] - accuracy[m][a]]] : []),
  ];
  const whose = choose(controls, "Model", finished.map((each) => study.models[each].label), (place) => { m = finished[place]; draw(); });
  choose(controls, "Sort by", orders.map(([name]) => name), (place) => { order = place; draw(); });
  const list = add(drawing, "ol", {class: "bars"});

  function draw() {
    whose.value = finished.indexOf(m);
    list.replaceChildren();
    list.className = `bars ${study.models[m].hue}`;
    const known = names.map((_, label) => label).filter((label) => accuracy[m][label] !== null).sort(orders[order][1]);
    for (const label of known) {
      const [value, from, to] = [accuracy, low, high].map((each) => 100 * each[m][label]);
      const row = add(add(list, "li"), one === "class" ? "button" : "div", {...(one === "class" ? {type: "button", tabindex: list.children.length > 1 ? -1 : 0} : {}),
        style: `--value:${value}%;--low:${from}%;--high:${to}%`});
      add(row, "span", {class: "name"}, names[label]);
      add(add(row, "span", {class: "track"}), "i");
      add(row, "span", {class: "value"}, `${number(value, 0)} `).append(Object.assign(document.createElement("small"), {textContent: `${number(from, 0)} – ${number(to, 0)}`}));
      if (one === "class") row.addEventListener("click", () => select({label}));
    }
    list.setAttribute("aria-label", `Accuracy of ${study.models[m].label} in ${known.length} ${many}`);
  }
  arrowKeys(list, "button");
  const start = () => { m = selection.to; draw(); };
  document.addEventListener("study:models", start);
  start();
};
