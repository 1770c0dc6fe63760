// Several runs side by side, those that failed too.

import { chart } from "../chart.js";
import { el, number, percent } from "../dom.js";

/** @param {import("../types").Run[]} runs @param {import("../types").Store} store @param {HTMLElement} drawing @param {(i: number) => void} choose */
export function compare(runs, store, drawing, choose) {
  const grid = el("div", { class: "small-multiples" });
  drawing.append(grid);
  const charts = runs.map((run, i) => {
    const happened = run.events.find((x) => x.name === "t_grok");
    const inside = el("div", {});
    const button = el("button", { type: "button", class: "runs", onclick: () => choose(i) }, `${run.task}, seed ${run.seed}`);
    grid.append(el("div", { class: "one" }, button, el("div", { class: "small" }, happened ? `generalised at step ${number(happened.step)}` : "did not generalise"), inside));
    const x = /** @type {number[]} */ (run.rows.step ?? []);
    if (!x.length) return { button, draw: () => {} };
    const place = /** @type {import("../types").Place} */ ({ run, store, stacks: {}, figure: drawing, drawing: inside });
    const draw = chart(place, { title: "accuracy", height: 130, log: false, range: [0, 1], tick: (y) => `${Math.round(y * 100)} %`, marks: true, lines: [
      { label: "train", x, y: run.rows.train_accuracy, colour: "var(--train)", shown: percent },
      { label: "test", x, y: run.rows.test_accuracy, colour: "var(--test)", dash: "7 3", shown: percent }] });
    return { button, draw };
  });
  return (/** @type {import("../types").State} */ state) => charts.forEach(({ button, draw }, i) => {
    button.setAttribute("aria-pressed", String(i === state.run));
    // The cursor of the others stands at the same step, as near as they have one.
    const step = runs[state.run].frames[state.frame];
    const frames = runs[i].frames;
    const frame = frames.reduce((best, x, k) => (Math.abs(x - step) < Math.abs(frames[best] - step) ? k : best), 0);
    draw({ ...state, frame });
  });
}
