// The top of the story follows the two chosen models: who they are, and the bracket between their dots.
function drawHero() {
  const {from, to} = selection, rows = [...document.querySelectorAll(".dots .run[data-model]")];
  const row = (m) => rows.find((one) => Number(one.dataset.model) === m), lower = Math.max(rows.indexOf(row(from)), rows.indexOf(row(to)));
  for (const one of document.querySelectorAll(".versus .one")) {
    const place = [to, from].indexOf(Number(one.dataset.model));
    one.hidden = place < 0;
    one.style.order = place;
  }
  const bracket = document.querySelector(".bracket .track");
  if (!bracket || !row(from) || !row(to)) return;
  const ends = [row(from), row(to)].map((one) => Number(one.dataset.mean)).sort((a, b) => a - b);
  bracket.style.setProperty("--start", `${ends[0]}%`);
  bracket.style.setProperty("--wide", `${ends[1] - ends[0]}%`);
  rows.forEach((one, place) => {
    one.classList.toggle("compared", one === row(from) || one === row(to));
    one.classList.toggle("above", place <= lower);
    one.style.setProperty("--start", `${ends[0]}%`);
  });
  bracket.querySelector("b").hidden = !isPublished() && !shared.said?.[`${from}-${to}`];
}
document.addEventListener("study:models", drawHero);
drawHero();
