// The table that a network is to learn: a colour for each answer, faint where it was not shown.

import { frameOf } from "../decode.js";
import { el } from "../dom.js";
import { cellAt } from "../heat.js";
import { cellOf, nameOf } from "../names.js";

const FAINT = 0.22;

/** @type {import("../types").Mount} */
export function asked(place) {
  const { run, stacks, store } = place;
  const { asked: answers, shown } = stacks;
  const { rows, columns } = answers;
  const n = run.colours ?? 128;
  const levels = frameOf(answers, 0);
  const split = shown ? frameOf(shown, 0) : null;
  const canvas = el("canvas", { width: columns, height: rows, role: "img", "aria-label": "the right answer of each pair; faint: not shown" });
  const answer = (/** @type {number} */ i) => Math.round((levels[i] / 127) * (n - 1));
  const whole = (run.answers?.pairs[0] ?? []).length === rows * columns ? run.answers : null;
  const exact = (/** @type {number} */ i) => (whole ? whole.right[i] : n <= 128 ? answer(i) : null);
  const told = el("p", { class: "small", "aria-live": "off" });
  const drawn = el("div", { class: "map" }, canvas);
  place.drawing.append(el("div", { class: "heat answers" }, drawn, el("div", { class: "axes" }, el("span", {}, "↓ a"), el("span", {}, "b →"))), told);
  paint();

  function paint() {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    for (let i = 0; i < rows * columns; i++) {
      if (levels[i] === -128) continue;
      context.globalAlpha = split && split[i] <= 0 ? FAINT : 1;
      context.fillStyle = `hsl(${(360 * answer(i)) / n} 60% 55%)`;
      context.fillRect(i % columns, Math.floor(i / columns), 1, 1);
    }
  }
  canvas.addEventListener("pointermove", (e) => { const [row, column] = cellAt(canvas, e); say(row, column); });
  canvas.addEventListener("click", (e) => { const [row, column] = cellAt(canvas, e); store.set({ a: row % columns, b: column }); });
  /** @param {number} row @param {number} column */
  function say(row, column) {
    const i = row * columns + column;
    const right = row < rows && column < columns && levels[i] !== -128 ? exact(i) : null;
    const was = split ? (split[i] > 0 ? ", and it was shown that" : ", which it never saw") : "";
    const under = run.operators.length > 1 ? ` under ${run.operators[Math.floor(row / columns)]}` : "";
    told.textContent = right === null ? "" : `a = ${nameOf(run, row % columns)}, b = ${nameOf(run, column)}: the answer${under} is ${nameOf(run, right)}${was}.`;
  }
  return {
    draw: ({ a, b }) => say(a, b),
    table: () => [["row a, columns b", ...Array.from({ length: columns }, (_, i) => cellOf(run, i))],
      ...Array.from({ length: rows }, (_, row) => [cellOf(run, row % columns), ...Array.from({ length: columns }, (_, i) => { const x = levels[row * columns + i] === -128 ? null : exact(row * columns + i); return x === null ? null : cellOf(run, x); })])],
  };
}
