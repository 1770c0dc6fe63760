// The progress measures on the same time.

import { chart } from "../chart.js";
import { PARTS } from "../colours.js";

const STYLES = [["#009e73", ""], ["#888888", "2 3"], ["#d55e00", "7 3"], ["#0072b2", ""], ["#cc79a7", ""]];

/** @type {import("../types").Mount} */
export function progress(place) {
  const { step, figures } = place.run.trace;
  const charts = figures.map((figure, f) => chart(place, {
    title: figure.title, height: 150, log: figure.log, marks: f === 0, axis: f === figures.length - 1,
    lines: figure.lines.map((line, i) => ({
      label: line.label, x: step, y: line.values, colour: STYLES[i]?.[0] ?? PARTS[i % PARTS.length], dash: STYLES[i]?.[1],
    })),
  }));
  const lines = figures.flatMap((x) => x.lines);
  return {
    draw: (state) => charts.forEach((draw) => draw(state)),
    table: () => [["step", ...lines.map((x) => x.name)], ...step.map((s, i) => [s, ...lines.map((x) => x.values[i])])],
  };
}
