// Accuracy by class: a row per class, a mark with its interval per chosen model.
CHARTS.classes = (controls, drawing, data) => {
  const {models, superclasses, groups, accuracy, low, high} = data;
  const chosen = models.map((model, place) => accuracy[place].some((value) => value !== null));
  const mean = (group) => {
    const known = models.map((_, m) => m).filter((m) => chosen[m] && accuracy[m][group] !== null);
    return known.reduce((sum, m) => sum + accuracy[m][group], 0) / Math.max(known.length, 1);
  };
  const orders = [
    ...(superclasses ? [["superclass", (a, b) => groups[a].superclass.localeCompare(groups[b].superclass) || a - b]] : []),
    ["name", (a, b) => groups[a].name.localeCompare(groups[b].name)],
    ["mean of the chosen models", (a, b) => mean(b) - mean(a)],
    ["where the chosen models differ most", (a, b) => range(b) - range(a)],
    ...models.map((model, m) => [model.label, (a, b) => accuracy[m][b] - accuracy[m][a]]),
  ];
  const range = (group) => {
    const known = models.map((_, m) => (chosen[m] ? accuracy[m][group] : null)).filter((value) => value !== null);
    return known.length ? Math.max(...known) - Math.min(...known) : 0;
  };
  let order = 0, words = "";
  const left = 150, right = 20, top = 26;

  const draw = () => {
    hideTip();
    const shown = groups.map((_, place) => place).filter((place) => {
      const name = `${groups[place].name} ${groups[place].superclass}`.toLowerCase();
      return words.split(/\s+/).every((word) => name.includes(word));
    }).sort(orders[order][1]);
    const places = models.map((_, m) => m).filter((m) => chosen[m]);
    const height = Math.max(15, 5 * places.length + 5);
    const width = Math.max(560, Math.min(drawing.clientWidth || 980, 980));
    const x = (value) => left + value * (width - left - right);
    drawing.replaceChildren();
    const svg = add(drawing, "svg", {
      width, height: top + height * shown.length + 8, role: "img",
      "aria-label": `Accuracy of ${shown.length} classes; the table below has the same numbers.`,
    });
    for (let tick = 0; tick <= 10; tick += 2) {
      add(svg, "line", {x1: x(tick / 10), x2: x(tick / 10), y1: top - 4, y2: top + height * shown.length, stroke: "#ddd"});
      add(svg, "text", {x: x(tick / 10), y: 14, "text-anchor": "middle", class: "axis"}, tick * 10 + (tick === 10 ? " %" : ""));
    }
    shown.forEach((group, row) => {
      const middle = top + height * (row + 0.5);
      const band = add(svg, "rect", {x: 0, y: middle - height / 2, width, height, fill: row % 2 ? "#f7f7f7" : "#fff", "fill-opacity": 0.6, class: "row"});
      add(svg, "text", {x: left - 10, y: middle + 4, "text-anchor": "end", "pointer-events": "none"}, groups[group].name);
      places.forEach((m, place) => {
        if (accuracy[m][group] === null) return;
        const y = middle + (place - (places.length - 1) / 2) * 5;
        add(svg, "line", {x1: x(low[m][group]), x2: x(high[m][group]), y1: y, y2: y, stroke: models[m].colour, "stroke-opacity": 0.6, "pointer-events": "none"});
        mark(svg, m, x(accuracy[m][group]), y, 3, models[m].colour).setAttribute("pointer-events", "none");
      });
      const above = groups[group].superclass === groups[group].name ? [] : [groups[group].superclass];
      const lines = [...above, ...places.map((m) =>
        `${models[m].label}: ${percent(accuracy[m][group])} (${percent(low[m][group], 0)} to ${percent(high[m][group], 0)})`)];
      band.addEventListener("pointermove", (event) => showTip(event, groups[group].name, lines));
      band.addEventListener("pointerleave", hideTip);
    });
    if (!shown.length) add(drawing, "p", {}, "No class has this name.");
  };

  choose(controls, "Sort by", orders.map(([name]) => name), (place) => { order = place; draw(); });
  const search = add(controls, "input", {type: "search", placeholder: superclasses ? "Class or superclass" : "Class", "aria-label": "Show classes named"});
  search.addEventListener("input", () => { words = search.value.trim().toLowerCase(); draw(); });
  const legend = add(controls, "fieldset");
  add(legend, "legend", {}, "Models");
  models.forEach((model, m) => {
    const label = add(legend, "label");
    const box = add(label, "input", {type: "checkbox"});
    box.checked = chosen[m];
    box.addEventListener("change", () => { chosen[m] = box.checked; draw(); });
    mark(add(label, "svg", {width: 14, height: 14, "aria-hidden": "true"}), m, 7, 7, 4.5, model.colour);
    add(label, "span", {}, model.label);
  });
  draw();
};
