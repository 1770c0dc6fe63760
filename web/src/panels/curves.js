// Accuracy and loss of the pairs it was shown and of the others.

import { chart } from "../chart.js";
import { number, percent } from "../dom.js";

/** @type {import("../types").Mount} */
export function curves(place) {
  const { run } = place;
  const x = /** @type {number[]} */ (run.rows.step);
  /** @param {string} what @param {(x: number | null) => string} shown */
  const lines = (what, shown) => [
    { label: "train", x, y: run.rows[`train_${what}`], colour: "var(--train)", shown },
    { label: "test", x, y: run.rows[`test_${what}`], colour: "var(--test)", dash: "7 3", shown },
  ];
  const top = chart(place, {
    title: "accuracy", height: 190, log: false, range: [0, 1], lines: lines("accuracy", percent), marks: true,
    tick: (y) => percent(y, 0), axis: false,
    level: { y: run.chance.accuracy, label: `guessing: ${percent(run.chance.accuracy)}` },
  });
  const bottom = chart(place, {
    title: `loss (${run.unit})`, height: 200, log: true, lines: lines("loss", number), marks: false,
    level: run.chance.loss === null ? null : { y: run.chance.loss, label: `guessing: ${number(run.chance.loss)}` },
  });
  const names = Object.keys(run.rows);
  return {
    draw(state) { top(state); bottom(state); },
    table: () => [names.map((name) => (name.endsWith("loss") ? `${name} (${run.unit})` : name)), ...x.map((_, i) => names.map((name) => run.rows[name][i]))],
  };
}
