// Which pairs it answers right, over (a, b), beside which pairs it was shown.

import { frameOf, valueOf } from "../decode.js";
import { percent, el } from "../dom.js";
import { heat } from "../heat.js";
import { cellOf, nameOf } from "../names.js";

/** @type {import("../types").Mount} */
export function rightmap(place) {
  const { run, stacks, store } = place;
  const { right, shown } = stacks;
  const size = right.columns;
  const maps = el("div", { class: "maps two" });
  const options = { rows: right.rows, columns: size, isSigned: false, rowsAre: run.operators.length ? `a, under ${run.operators.join(", then ")}` : "a", columnsAre: "b" };
  const picture = heat({ ...options, label: "probability given to the right answer", most: 1 });
  maps.append(picture.node);
  /** @type {ReturnType<typeof heat>[]} */
  const pictures = [picture];
  if (shown) {
    const split = heat({ ...options, label: "the pairs it was shown (filled)" });
    maps.append(split.node);
    split.draw(frameOf(shown, 0));
    pictures.push(split);
  }
  for (const { node } of run.operators.length > 1 ? pictures : []) {
    run.operators.forEach((name, i) => {
      const top = `top:${(100 * i) / run.operators.length}%`;
      node.querySelector(".map")?.append(...(i ? [el("div", { class: "divider", style: top })] : []), el("div", { class: "block", style: top }, name));
    });
  }
  const told = el("p", { class: "small", "aria-live": "off" });
  place.drawing.append(maps, told);
  picture.canvas.addEventListener("pointermove", (e) => {
    const [row, column] = picture.cell(e);
    const x = valueOf(right, frameOf(right, store.state.frame)[row * size + column]);
    picture.canvas.title = `a = ${nameOf(run, row % size)}, b = ${nameOf(run, column)}: ${percent(x)}`;
  });
  picture.canvas.addEventListener("click", (e) => {
    const [row, column] = picture.cell(e);
    store.set({ a: row % size, b: column });
  });
  return {
    draw(state) {
      const levels = frameOf(right, state.frame);
      picture.draw(levels);
      const formulas = run.operators.length > 1 ? run.operators : ["all"];
      const sums = formulas.map(() => [0, 0, 0, 0]); // of each formula: probability and count, shown and not
      const split = shown ? frameOf(shown, 0) : null;
      for (let i = 0; i < levels.length; i++) {
        if (levels[i] === -128) continue;
        const is = split && split[i] > 0 ? 0 : 2;
        const own = sums[Math.floor((i * formulas.length) / levels.length)];
        own[is] += levels[i] / 127;
        own[is + 1]++;
      }
      const mean = (/** @type {number[]} */ x, /** @type {number} */ i) => percent(x[i + 1] ? x[i] / x[i + 1] : null);
      told.textContent = sums.map((x, i) => {
        const of = `${formulas.length > 1 ? `${formulas[i]}: mean` : "Mean"} probability of the right answer`;
        return split ? `${of} over the pairs it was shown: ${mean(x, 0)}; over the others: ${mean(x, 2)}.` : `${of}: ${mean(x, 2)}.`;
      }).join(" ");
    },
    table(state) {
      const levels = frameOf(right, state.frame);
      const rows = [...Array(right.rows).keys()];
      return [["row a, columns b", ...rows.slice(0, size).map((i) => cellOf(run, i))], ...rows.map((i) => [run.names ? cellOf(run, i % size) : i, ...Array.from(levels.subarray(i * size, (i + 1) * size), (x) => valueOf(right, x))])];
    },
  };
}
