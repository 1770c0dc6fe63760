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
  if (shown) {
    const split = heat({ ...options, label: "the pairs it was shown (filled)" });
    maps.append(split.node);
    split.draw(frameOf(shown, 0));
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
      const sums = [0, 0, 0, 0];
      const split = shown ? frameOf(shown, 0) : null;
      for (let i = 0; i < levels.length; i++) {
        if (levels[i] === -128) continue;
        const is = split && split[i] > 0 ? 0 : 2;
        sums[is] += levels[i] / 127;
        sums[is + 1]++;
      }
      const mean = (/** @type {number} */ i) => percent(sums[i + 1] ? sums[i] / sums[i + 1] : null);
      told.textContent = split ? `Mean over the pairs it was shown: ${mean(0)}; over the others: ${mean(2)}.` : `Mean: ${mean(2)}.`;
    },
    table(state) {
      const levels = frameOf(right, state.frame);
      const rows = [...Array(right.rows).keys()];
      return [["row a, columns b", ...rows.slice(0, size).map((i) => cellOf(run, i))], ...rows.map((i) => [run.names ? cellOf(run, i % size) : i, ...Array.from(levels.subarray(i * size, (i + 1) * size), (x) => valueOf(right, x))])];
    },
  };
}
