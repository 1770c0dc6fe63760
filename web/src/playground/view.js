// What the pictures are drawn of: a frame of the worker, read through the lens of its task.

import { readDigits, readParts, sharesOf, sortNeurons } from "./lens.js";
import { range } from "./tasks.js";
import { endOf } from "./paint/curves.js";

/** @typedef {import("./messages.js").Frame} Frame */
/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {ReturnType<ReturnType<typeof viewer>["see"]>} View */

const STANDS_OUT = 2; // times an even share, from which a part has a colour; below 1 it loses it
const CIRCLES = 4;
const BEFORE = 0.5; // of the way from guessing to 1: right so often on test when it memorises, it knew more

/** @param {Settings} settings @param {import("./tasks.js").Task} task @param {Int32Array} train */
export function viewer(settings, task, train) {
  const { neurons } = settings;
  const isTrain = new Uint8Array(task.nA * task.nB);
  for (const i of train) isTrain[i] = 1;
  const slots = /** @type {Map<number, number>} */ (new Map()); // of a part its colour
  let sorted = { order: range(neurons), of: range(neurons).map(() => ({ part: 0, share: 0, angle: 0 })) };
  let shown = /** @type {number[]} */ ([]);
  let [most, radius, measured] = [0, 0, -1];

  /** @param {number[]} shares */
  function colour(shares) {
    const even = 1 / shares.length;
    for (const part of slots.keys()) if (shares[part] < even) slots.delete(part);
    shares.forEach((share, part) => {
      if (share < STANDS_OUT * even || slots.has(part) || slots.size >= 8) return;
      const used = new Set(slots.values());
      slots.set(part, range(8).find((i) => !used.has(i)) ?? 0);
    });
  }

  /** @param {Frame} frame @param {Float64Array} ghost rows of what was there before @param {import("./surgery.js").Cuts} cuts @param {import("./paint/canvas.js").Colours} colours */
  function see(frame, ghost, cuts, colours) {
    const read = frame.digits ? readDigits(frame.digits, task.digits, neurons) : readParts(task, frame, neurons);
    const shares = sharesOf(read);
    const rows = frame.rows.length / 6;
    if (frame.step === frame.last && (rows !== measured || !frame.isPlaying)) { // the pictures are in the order of what it has become
      measured = rows;
      colour(shares);
      sorted = sortNeurons(read, neurons);
      shown = read.map((_, i) => i).filter((i) => read[i].L.length > 1).sort((i, j) => shares[j] - shares[i]).slice(0, CIRCLES).sort((i, j) => i - j);
      most = Math.max(...shares);
    }
    const last = Math.max(rows ? frame.rows[6 * (rows - 1)] : 0, ghost.length ? ghost[ghost.length - 6] : 0);
    return { settings, task, neurons, isTrain, frame, ghost, cuts, colours, read, shares, sorted, shown, slots, most, end: endOf(last), knewMore: knewMore(frame),
      /** The largest distance from the middle so far. @param {[number, number][]} points */
      scaleOf(points) {
        radius = Math.max(radius, ...points.map(([u, v]) => Math.hypot(u, v)), 1e-9);
        return radius;
      } };
  }

  /** Whether it was right on much of the test when it was on train: it did not know by heart alone. @param {Frame} frame */
  function knewMore({ rows, events: { memorised } }) {
    const guess = 1 / task.nC;
    const i = range(rows.length / 6).find((x) => rows[6 * x] === memorised);
    return i !== undefined && rows[6 * i + 2] >= guess + BEFORE * (1 - guess);
  }
  return { see, task, isTrain };
}
