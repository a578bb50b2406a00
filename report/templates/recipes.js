// Of the two chosen models: an image as each sees it, under every change of its recipe, and the settings that differ.
CHARTS.recipes = (controls, drawing, {models, images, side}) => {
  const sources = images.map((src) => Object.assign(new Image(), {src}));

  // Draw the image into `pen`, a square of `size` pixels, as the change of this kind and amount makes it.
  const paint = (pen, size, [kind, amount]) => {
    const [image, other] = sources, whole = (one = image) => pen.drawImage(one, 0, 0, size, size);
    pen.imageSmoothingEnabled = size > side;
    if (kind === "mirror" || kind === "turn") pen.setTransform(...(kind === "mirror" ? [-1, 0, 0, 1, size, 0] : [1, 0, 0, -1, 0, size]));
    if (kind === "shift") {
      const far = Math.round(amount * size);
      for (const across of [1, -1]) for (const up of [1, -1]) { pen.setTransform(across, 0, 0, up, far, far); whole(); }
    } else if (kind === "crop") {
      const part = Math.sqrt(amount) * image.naturalWidth;
      pen.drawImage(image, 0, 0, part, part, 0, 0, size, size);
    } else whole();
    if (kind === "cutout") { pen.fillStyle = "#808080"; pen.fillRect(size / 4, size / 4, amount * size, amount * size); }
    if (kind === "mixup") { pen.globalAlpha = amount; whole(other); }
    if (kind === "cutmix") pen.drawImage(other, 0, 0, other.naturalWidth / 2, other.naturalHeight / 2, 0, 0, size / 2, size / 2);
  };
  const look = (parent, size, change, words) => {
    const figure = add(parent, "figure"), canvas = add(figure, "canvas", {width: size, height: size, role: "img", "aria-label": words});
    add(figure, "figcaption", {}, words);
    paint(canvas.getContext("2d"), size, change);
  };

  function draw() {
    drawing.replaceChildren();
    const two = [...new Set([selection.to, selection.from])];
    for (const m of two) {
      const {size, changes} = models[m];
      add(drawing, "h3", {}, study.models[m].label);
      const row = add(drawing, "div", {class: "looks"});
      look(row, side, ["", 0], `as the data have it, ${side} px`);
      if (size !== side) look(row, size, ["", 0], `as the network gets it when tested, ${size} px`);
      for (const [kind, amount, words] of changes) look(row, size, [kind, amount], words);
    }
    if (two.length < 2) return;
    const [a, b] = two.map((m) => models[m].settings);
    const off = ["none", "no", "0", undefined];
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name] && !(off.includes(a[name]) && off.includes(b[name])));
    const holder = add(drawing, "div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings that differ"});
    const table = add(holder, "table", {class: "recipes"}), head = add(table.createTHead(), "tr");
    for (const title of ["Setting", ...two.map((m) => study.models[m].label)]) add(add(head, "th", {scope: "col"}), "span", {}, title);
    const body = add(table, "tbody");
    for (const name of names) {
      const row = add(body, "tr");
      add(row, "th", {scope: "row"}, name);
      for (const settings of [a, b]) add(row, "td", {}, settings[name] ?? "–");
    }
    if (!names.length) add(drawing, "p", {class: "note"}, "The two recipes are the same.");
  }
  Promise.all(sources.map((image) => image.decode())).then(() => { document.addEventListener("study:models", draw); draw(); });
};
