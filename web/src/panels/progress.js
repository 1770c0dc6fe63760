// The progress measures on the same time.

import { chart } from "../chart.js";

/** No colour of a part. @type {Record<string, [string, string]>} */
const STYLES = {
  "train_loss": ["var(--train)", ""],
  "excluded_loss_sum_train": ["var(--ink)", "7 3"],
  "excluded_loss_sum_train_control": ["var(--faint)", "2 3"],
  "restricted_loss_sum[all]": ["var(--ink)", ""],
};
/** @type {[string, string][]} */
const OTHERS = [["var(--ink)", ""], ["var(--ink)", "7 3"], ["var(--faint)", ""], ["var(--faint)", "2 3"]];

/** @type {import("../types").Mount} */
export function progress(place) {
  const { step, figures } = place.run.trace;
  const charts = figures.map((figure, f) => chart(place, {
    title: figure.title, height: 150, log: figure.log, marks: f === 0, axis: f === figures.length - 1,
    lines: figure.lines.map((line, i) => {
      const [colour, dash] = STYLES[line.name] ?? OTHERS[i % OTHERS.length];
      return { label: line.label, x: step, y: line.values, colour, dash };
    }),
  }));
  const lines = figures.flatMap((x) => x.lines);
  return {
    draw: (state) => charts.forEach((draw) => draw(state)),
    table: () => [["step", ...lines.map((x) => x.name)], ...step.map((s, i) => [s, ...lines.map((x) => x.values[i])])],
  };
}
