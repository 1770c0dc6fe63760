// Accuracy, loss and norm over the steps, on one axis; what was there before one went back is faint.

import { percent } from "../../dom.js";
import { line, write } from "./canvas.js";

/** @typedef {import("./canvas.js").Paint} Paint */
/** @typedef {import("./canvas.js").Box} Box */

/** @typedef {{title: string, part: number, columns: number[], isLog: boolean}} Pane */

const [LEFT, RIGHT, BOTTOM, APART, HEAD] = [42, 66, 18, 20, 24];
const FLOOR = 1e-7; // of losses that are drawn
/** @type {Pane[]} */
const PANES = [
  { title: "accuracy", part: 0.5, columns: [1, 2], isLog: false },
  { title: "loss", part: 0.3, columns: [3, 4], isLog: true },
  { title: "norm of the weights", part: 0.2, columns: [5], isLog: false },
];

/** The last step of the axis. @param {number} step */
export function endOf(step) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(step, 100)));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].map((x) => x * unit).find((x) => x >= step * 1.04) ?? 10 * unit;
}

/** Which step is at a place across the box. @param {Box} box @param {number} x @param {number} end */
export function stepAt(box, x, end) {
  return Math.min(1, Math.max(0, (x - box.x - LEFT) / (box.width - LEFT - RIGHT))) * end;
}

/** @type {Paint} */
export function curves(context, box, view, colours) {
  const { frame, ghost, end } = view;
  const across = (/** @type {number} */ step) => box.x + LEFT + ((box.width - LEFT - RIGHT) * step) / end;
  const room = box.height - BOTTOM - HEAD - APART * (PANES.length - 1);
  let top = box.y + HEAD;
  for (const pane of PANES) {
    const height = room * pane.part;
    const up = scale(pane, [frame.rows, ghost], top, top + height);
    axes(context, box, pane, up, colours);
    pane.columns.forEach((column, i) => {
      const colour = pane.columns.length === 1 ? colours.ink : [colours.train, colours.test][i];
      context.globalAlpha = 0.28;
      line(context, points(ghost, column, across, up.place), colour, 1.5);
      context.globalAlpha = 1;
      line(context, points(frame.rows, column, across, up.place), colour, 2.2, i === 0 && pane.columns.length > 1 ? [6, 3] : []);
    });
    labels(context, pane, frame.rows, across, up.place, colours);
    top += height + APART;
  }
  const bottom = box.y + box.height - BOTTOM;
  for (const [name, step] of events(view)) {
    const x = across(step);
    line(context, [[x, box.y + HEAD - 2], [x, bottom]], colours.ink, 1, [3, 3]);
    const isRight = x > box.x + 0.6 * box.width;
    write(context, name, x + (isRight ? -3 : 3), box.y + 7, colours.ink, isRight ? "right" : "left", "600 11px system-ui, sans-serif");
  }
  for (const { step, what } of frame.changes) {
    line(context, [[across(step), bottom - 8], [across(step), bottom]], colours.mark, 3);
    write(context, what, across(step) + 4, bottom - 7, colours.faint, "left", "10px system-ui, sans-serif");
  }
  for (const step of [0, end / 4, end / 2, (3 * end) / 4, end].filter(Number.isInteger)) write(context, step.toLocaleString("en-US"), across(step), bottom + 11, colours.faint, "center");
  if (frame.step < frame.last) line(context, [[across(frame.step), box.y + HEAD], [across(frame.step), bottom]], colours.ink, 1.5);
}

/** @param {import("./canvas.js").View} view @returns {[string, number][]} */
function events({ frame: { events: { memorised, generalised } }, knewMore }) {
  /** @type {[string, number][]} */ const found = [];
  if (memorised !== null && !knewMore) found.push(["memorised", memorised]);
  if (generalised !== null) found.push(["generalised", generalised]);
  return memorised !== null && generalised !== null && generalised === memorised ? found.slice(1) : found;
}

/** @param {Pane} pane @param {Float64Array[]} rows @param {number} top @param {number} bottom */
function scale(pane, rows, top, bottom) {
  const f = pane.isLog ? (/** @type {number} */ y) => Math.log10(Math.max(y, FLOOR)) : (/** @type {number} */ y) => y;
  const values = rows.flatMap((x) => pane.columns.flatMap((column) => Array.from({ length: x.length / 6 }, (_, i) => x[6 * i + column])));
  const most = pane.title === "accuracy" ? 1 : pane.isLog ? 10 ** Math.ceil(f(Math.max(1, ...values))) : Math.max(1, ...values) * 1.1;
  const least = pane.isLog ? 10 ** Math.floor(f(Math.min(0.1, ...values))) : 0;
  const place = (/** @type {number} */ y) => bottom - ((bottom - top) * (f(y) - f(least))) / (f(most) - f(least));
  return { place, most, least, top, bottom };
}

/** @param {import("./canvas.js").Context} context @param {Box} box @param {Pane} pane @param {ReturnType<typeof scale>} up @param {import("./canvas.js").Colours} colours */
function axes(context, box, pane, { place, most, least }, colours) {
  const middle = pane.isLog ? 10 ** Math.round((Math.log10(most) + Math.log10(least)) / 2) : most / 2;
  for (const y of pane.title.startsWith("norm") ? [0, Math.round(most / 1.1)] : [least, middle, most]) {
    line(context, [[box.x + LEFT, place(y)], [box.x + box.width - RIGHT, place(y)]], colours.line);
    const name = pane.title === "accuracy" ? `${Math.round(100 * y)} %` : y >= 0.1 || y === 0 ? String(Number(y.toPrecision(2))) : y.toExponential(0).replace("-", "−");
    write(context, name, box.x + LEFT - 5, place(y), colours.faint, "right");
  }
  write(context, pane.title, box.x + LEFT + 4, place(most) - (pane.title === "accuracy" ? -8 : 7), colours.faint);
}

/** @param {Float64Array} rows @param {number} column @param {(step: number) => number} across @param {(y: number) => number} up */
function points(rows, column, across, up) {
  return Array.from({ length: rows.length / 6 }, (_, i) => /** @type {[number, number]} */ ([across(rows[6 * i]), up(rows[6 * i + column])]));
}

/** The last value beside the end of each line. @param {import("./canvas.js").Context} context @param {Pane} pane @param {Float64Array} rows
 * @param {(step: number) => number} across @param {(y: number) => number} up @param {import("./canvas.js").Colours} colours */
function labels(context, pane, rows, across, up, colours) {
  if (!rows.length) return;
  const at = rows.length - 6;
  const ends = pane.columns.map((column) => up(rows[at + column]));
  if (ends.length > 1 && Math.abs(ends[0] - ends[1]) < 12) {
    const [upper, lower] = ends[0] <= ends[1] ? [0, 1] : [1, 0];
    const middle = (ends[0] + ends[1]) / 2;
    [ends[upper], ends[lower]] = [middle - 6, middle + 6];
  }
  pane.columns.forEach((column, i) => {
    const value = rows[at + column];
    const shown = pane.title === "accuracy" ? percent(value, 0) : value.toPrecision(2).replace("e-", "e−");
    const name = pane.columns.length > 1 && pane.title === "accuracy" ? `${["train", "test"][i]} ` : "";
    write(context, name + shown, across(rows[at]) + 5, ends[i], pane.columns.length === 1 ? colours.ink : [colours.train, colours.test][i], "left", "600 11px system-ui, sans-serif");
  });
}
