// Several runs side by side, those that failed too.

import { chart } from "./chart.js";
import { el, percent } from "./dom.js";
import { tools } from "./save.js";
import { nearest } from "./state.js";

/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Store} Store */

/** @param {Run[]} runs @param {Store} store @param {HTMLElement} drawing @param {(i: number) => void} choose */
export function compare(runs, store, drawing, choose) {
  const grid = el("div", { class: "small-multiples" });
  drawing.append(grid);
  const charts = runs.map((run, i) => {
    const inside = el("div", {});
    const button = el("button", { type: "button", class: "runs", onclick: () => choose(i) }, run.id);
    const seed = run.seed === null ? "" : `, seed ${run.seed}`;
    grid.append(el("div", { class: "one" }, button, el("div", { class: "small" }, `${run.task}${seed}: `, el("span", { class: "answer" }, run.headline)), inside));
    const x = /** @type {number[]} */ (run.rows.step ?? []);
    if (!x.length) return { button, draw: () => {} };
    const place = /** @type {import("./types").Place} */ ({ run, store: seenBy(store, runs, i), stacks: {}, figure: drawing, drawing: inside });
    const draw = chart(place, { title: "accuracy", height: 130, log: false, range: [0, 1], tick: (y) => percent(y, 0), marks: true, lines: [
      { label: "train", x, y: run.rows.train_accuracy, colour: "var(--train)", shown: percent },
      { label: "test", x, y: run.rows.test_accuracy, colour: "var(--test)", dash: "7 3", shown: percent }] });
    return { button, draw };
  });
  const names = ["train_accuracy", "test_accuracy"];
  /** @type {import("./types").Panel} */
  const panel = {
    draw: (state) => charts.forEach(({ button, draw }, i) => {
      button.setAttribute("aria-pressed", String(i === state.run));
      draw(ofRun(state, runs, i));
    }),
    table: () => [["run", "step", ...names], ...runs.flatMap((run) => (run.rows.step ?? []).map((step, k) => [run.id, step, ...names.map((name) => run.rows[name][k])]))],
  };
  const all = { ...runs[0], id: "compared", task: "several", seed: null };
  const figure = /** @type {HTMLElement} */ (drawing.parentElement);
  figure.append(tools({ run: all, store, stacks: {}, figure, drawing }, panel));
  return panel.draw;
}

/** The state as a run has it: at the same step, as near as it has one. @param {State} state @param {Run[]} runs @param {number} i */
function ofRun(state, runs, i) {
  const step = runs[state.run].frames[state.frame];
  return { ...state, frame: nearest(runs[i].frames, step), guess: i === state.run ? state.guess : null };
}

/** The store as a run has it: a frame that is set is one of its own. @param {Store} store @param {Run[]} runs @param {number} i @returns {Store} */
function seenBy(store, runs, i) {
  return {
    get state() { return ofRun(store.state, runs, i); },
    signal: store.signal,
    subscribe: store.subscribe,
    set(change) {
      const { frame } = change;
      store.set(frame === undefined ? change : { ...change, frame: nearest(runs[store.state.run].frames, runs[i].frames[frame]) });
    },
  };
}
