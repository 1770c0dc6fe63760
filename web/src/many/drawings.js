// The curves of a cell, and how delays are spread.

import { number, svg } from "../dom.js";
import { CURVES, curve, delays } from "./data.js";

/** @typedef {import("./data.js").Facts} Facts */
/** @typedef {import("./data.js").Curves} Curves */
/** @typedef {import("./data.js").Kind} Kind */

const LEFT = 46;
const RIGHT = 8;
const TOP = 8;
const FOOT = 34;
const BARS = 24;
const NEVER = 40; // pixels for those that wait

/** A drawing of a width and height, with what it shows in words. @param {HTMLElement} place @param {number} height @param {string} says */
function begin(place, height, says) {
  const width = Math.max(280, place.clientWidth || 480);
  const root = svg("svg", { width, height, class: "lines", role: "img", "aria-label": says });
  place.replaceChildren(root);
  return { root, width, bottom: height - FOOT };
}

/** Train curves dashed, test curves whole, over the logarithm of the step.
 * @param {HTMLElement} place @param {Curves} curves @param {number[]} some @param {boolean} isLoss @param {(n: number) => string} colour @param {string} says */
export function drawCurves(place, curves, some, isLoss, colour, says) {
  const { root, width, bottom } = begin(place, 240, says);
  const [train, test] = isLoss ? [2, 3] : [0, 1];
  const known = some.flatMap((n) => [train, test].map((which) => ({ n, which, points: curve(curves, n, which) })));
  const values = known.flatMap((x) => x.points.flatMap(([, y]) => (y === null ? [] : [y])));
  const last = Math.max(1, ...known.map((x) => x.points[x.points.length - 1]?.[0] ?? 0));
  const f = isLoss ? Math.log10 : (/** @type {number} */ y) => y;
  const [low, high] = isLoss ? [Math.floor(f(Math.min(1, ...values))), Math.ceil(f(Math.max(1, ...values)))] : [0, 1];
  const across = (/** @type {number} */ step) => LEFT + ((width - LEFT - RIGHT) * Math.log1p(step)) / Math.log1p(last);
  const up = (/** @type {number} */ y) => bottom - ((bottom - TOP) * (f(y) - low)) / Math.max(1e-9, high - low);
  const each = isLoss ? Math.ceil((high - low) / 5) : 0.25;
  for (let y = low; y <= high + 1e-9; y += each) {
    const at = up(isLoss ? 10 ** y : y);
    root.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: at, y2: at, class: "grid" }),
      svg("text", { x: LEFT - 6, y: at + 4, class: "tick end" }, isLoss ? `1e${y}` : `${100 * y} %`));
  }
  for (let step = 1; step <= last; step *= 10) root.append(svg("text", { x: across(step), y: bottom + 15, class: `tick ${across(step) > width - 30 ? "end" : "mid"}` }, number(step)));
  root.append(svg("text", { x: (LEFT + width - RIGHT) / 2, y: bottom + 30, class: "tick mid name" }, "step"));
  for (const { n, which, points } of known) {
    let d = "";
    for (const [step, y] of points) d += y === null ? "" : `${d ? "L" : "M"}${across(step).toFixed(1)},${up(y).toFixed(1)}`;
    root.append(svg("path", { d: d || "M0,0", fill: "none", stroke: colour(n), "stroke-width": 1.4, opacity: 0.8, ...(which === train ? { "stroke-dasharray": "3 3" } : {}) }));
  }
}

/** The numbers of those curves. @param {Facts} facts @param {Curves} curves @param {number[]} some @returns {(string | number | null)[][]} */
export function curveRows({ ids }, curves, some) {
  const rows = some.flatMap((n) => {
    const all = CURVES.map((_, which) => curve(curves, n, which));
    return all[0].map(([step], i) => [ids[n], step, ...all.map((points) => points[i][1])]);
  });
  return [["network", "step", ...CURVES], ...rows];
}

/** How many networks have which delay, by their kind; at the right those that have not grokked yet.
 * @param {HTMLElement} place @param {Facts} facts @param {number[]} some @param {Kind[]} kinds @param {(n: number) => string} named @param {string} says */
export function drawDelays(place, facts, some, kinds, named, says) {
  const { root, width, bottom } = begin(place, 200, says);
  const { seen, waiting } = delays(facts, some);
  const delay = (/** @type {number} */ n) => facts.numbers.delay[n] ?? 0;
  const values = seen.map(delay);
  const [low, high] = values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const isLog = low > 0 && high > 20 * low;
  const part = (/** @type {number} */ x) => (high === low ? 0 : isLog ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));
  const bins = Array.from({ length: BARS }, () => /** @type {number[]} */ ([]));
  for (const n of seen) bins[Math.min(BARS - 1, Math.floor(part(delay(n)) * BARS))].push(n);
  const all = [...bins, waiting];
  const most = Math.max(1, ...all.map((x) => x.length));
  const inner = width - LEFT - RIGHT - NEVER - 12;
  for (const y of [0, Math.ceil(most / 2), most]) {
    const at = bottom - ((bottom - TOP) * y) / most;
    root.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: at, y2: at, class: "grid" }), svg("text", { x: LEFT - 6, y: at + 4, class: "tick end" }, number(y)));
  }
  for (const [k, bin] of all.entries()) {
    const isNever = k === BARS;
    const [x, wide] = isNever ? [width - RIGHT - NEVER, NEVER] : [LEFT + (inner * k) / BARS, inner / BARS - 1];
    let base = bottom;
    for (const kind of kinds) {
      const count = bin.filter((n) => named(n) === kind.name).length;
      const tall = ((bottom - TOP) * count) / most;
      if (!count) continue;
      base -= tall;
      root.append(svg("rect", { x, y: base, width: wide, height: tall, fill: kind.colour }, svg("title", {}, `${count} ${kind.name}`)));
    }
  }
  for (const [x, shown] of /** @type {[number, number][]} */ ([[0, low], [0.5, isLog ? Math.sqrt(low * high) : (low + high) / 2], [1, high]]))
    if (values.length) root.append(svg("text", { x: LEFT + inner * x, y: bottom + 15, class: `tick ${x === 1 ? "end" : x ? "mid" : ""}` }, number(Math.round(shown))));
  root.append(svg("text", { x: LEFT + inner / 2, y: bottom + 30, class: "tick mid name" }, `steps from memorising to grokking${isLog ? " (logarithmic)" : ""}`));
  root.append(svg("text", { x: width - RIGHT, y: bottom + 15, class: "tick end" }, "not yet"));
}

/** @param {Facts} facts @param {number[]} some @returns {(string | number | null)[][]} */
export function delayRows({ ids, numbers }, some) {
  const names = ["memorised", "grokked", "delay", "step"];
  return [["network", ...names], ...some.map((n) => [ids[n], ...names.map((name) => numbers[name]?.[n] ?? null)])];
}
