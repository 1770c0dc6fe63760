// A network that trains: a step, an evaluation, what is kept of it, and what is done to it.

import { noMoments, update } from "./adamw.js";
import { drawn, fold, matricesOf, noTables, unfold } from "./network.js";
import { sweeper as plain } from "./sweep.js";
import { without } from "./surgery.js";
import { labelsOf, splitOf, taskOf } from "./tasks.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {import("./tasks.js").Groups} Groups */
/** @typedef {{step: number, train: import("./sweep.js").Score, test: import("./sweep.js").Score, norm: number}} Row */
/** @typedef {{weights: Float64Array, first: Float64Array, second: Float64Array, decay: number, lr: number}} Kept */
/** @typedef {{step: number, what: string}} Change */
/** @typedef {ReturnType<typeof begun>} Run */

export const EVERY = 5; // steps between evaluations
export const KEPT_EVERY = 10; // steps between kept ones, twice that as often as more than MOST are kept
export const MOST = 120;

/** @param {Settings} settings @param {Groups} groups @param {(shape: import("./network.js").Shape) => import("./sweep.js").Sweep} sweeper */
export function begun(settings, groups, sweeper = plain) {
  const task = taskOf(settings, groups);
  const { kind, nA, nB, nC, digits } = task;
  /** @type {import("./network.js").Shape} */
  const shape = { kind, nA, nB, nC, digits, width: kind === "pair" ? widthOf(nA) : 0, neurons: settings.neurons, act: settings.act };
  const network = drawn(shape, settings.seed);
  const size = network.weights.length;
  return {
    settings: { ...settings }, task, network, ...splitOf(task, settings), labels: labelsOf(task, settings),
    step: 0, moments: noMoments(size), gradient: matricesOf(shape), tableGradients: noTables(shape), sweep: sweeper(shape),
    certainty: new Float32Array(nA * nB), // by pair, as sweep.js gives it
    certaintyCut: new Float32Array(nA * nB), // the same of the network without what is cut
    rows: /** @type {Row[]} */ ([]), kept: /** @type {Map<number, Kept>} */ (new Map()), keptEvery: KEPT_EVERY, changes: /** @type {Change[]} */ ([]),
  };
}

/** Wide enough to learn fast, and no more. @param {number} n symbols */
const widthOf = (n) => (n > 16 ? 64 : 16);

/** One step; every so often it is evaluated first, and kept. @param {Run} run */
export function advance(run) {
  const { network, settings, gradient, tableGradients: gradients, certainty } = run;
  const tables = fold(network);
  const train = run.sweep(tables, run.train, run.labels, { gradients, certainty });
  if (run.step % EVERY === 0) record(run, train, run.sweep(tables, run.test, run.labels, { certainty }));
  if (run.step % run.keptEvery === 0) keep(run);
  unfold(network, gradients, gradient.matrices);
  update(network.weights, gradient.numbers, run.moments, run.step, settings.lr, settings.decay);
  run.step++;
}

/** The scores of a network on the run's pairs; by pair into `certainty`. @param {Run} run @param {import("./network.js").Network} network @param {Float32Array} certainty */
export function scored(run, network, certainty) {
  const tables = fold(network);
  const [train, test] = [run.train, run.test].map((pairs) => run.sweep(tables, pairs, run.labels, { certainty }));
  return { train, test };
}

/** @param {Run} run @param {import("./sweep.js").Score} train @param {import("./sweep.js").Score} test */
function record(run, train, test) {
  if (run.rows[run.rows.length - 1]?.step === run.step) run.rows.pop();
  run.rows.push({ step: run.step, train, test, norm: normOf(run) });
}

/** @param {Run} run */
const normOf = (run) => Math.sqrt(run.network.weights.reduce((sum, w) => sum + w * w, 0));

/** Keep the step that the run stands at, and evaluate it. @param {Run} run */
export function keepNow(run) {
  if (run.kept.has(run.step) && run.rows.some((x) => x.step >= run.step)) return;
  const { train, test } = scored(run, run.network, run.certainty);
  if (!run.rows.some((x) => x.step >= run.step)) record(run, train, test);
  if (!run.kept.has(run.step)) keep(run);
}

/** @param {Run} run */
function keep(run) {
  const { first, second } = run.moments;
  const { decay, lr } = run.settings;
  run.kept.set(run.step, { weights: run.network.weights.slice(), first: first.slice(), second: second.slice(), decay, lr });
  if (run.kept.size <= MOST) return;
  run.keptEvery *= 2;
  for (const step of [...run.kept.keys()]) if (step % run.keptEvery) run.kept.delete(step);
}

/** Stand at a kept step, so that training goes on from there as it did. @param {Run} run @param {number} step */
export function goBack(run, step) {
  const kept = /** @type {Kept} */ (run.kept.get(step));
  run.network.weights.set(kept.weights);
  run.moments.first.set(kept.first);
  run.moments.second.set(kept.second);
  run.step = step;
}

/** What came after where the run stands is gone. @param {Run} run */
export function forget(run) {
  run.rows = run.rows.filter((x) => x.step <= run.step);
  run.changes = run.changes.filter((x) => x.step <= run.step);
  for (const step of [...run.kept.keys()]) if (step > run.step) run.kept.delete(step);
}

/** Train on with another decay or learning rate. @param {Run} run @param {"decay" | "lr"} name @param {number} value */
export function change(run, name, value) {
  if (run.settings[name] === value) return;
  run.settings[name] = value;
  if (run.step > 0) run.changes.push({ step: run.step, what: `${name === "decay" ? "weight decay" : "learning rate"} ${value}` });
}

/** Take something out for good: what is cut has no momentum either. @param {Run} run @param {import("./surgery.js").Cuts} cuts */
export function operate(run, cuts) {
  const { weights } = without(run.network, run.task, cuts);
  weights.forEach((w, i) => { if (w !== run.network.weights[i]) run.moments.first[i] = 0; });
  run.network.weights.set(weights);
  run.changes.push({ step: run.step, what: `no ${[...cuts.parts, ...cuts.neurons.map((k) => `neuron ${k}`)].join(", ")}` });
  run.rows = run.rows.filter((x) => x.step < run.step);
  run.kept.delete(run.step);
  keepNow(run);
}

/** @typedef {{memorised: number | null, generalised: number | null, fell: number | null}} Events */

/** When it memorised and generalised, by the package's rules: the first evaluation with 99 % of train
 * right; the first of three in a row with 99 % of test right; the last at which test was below that again.
 * @param {Row[]} rows @returns {Events} */
export function eventsOf(rows) {
  let [memorised, generalised, fell, inARow] = [/** @type {number | null} */ (null), /** @type {number | null} */ (null), /** @type {number | null} */ (null), 0];
  rows.forEach(({ step, train, test }, i) => {
    if (memorised === null && train.accuracy >= 0.99) memorised = step;
    if (test.accuracy < 0.99 && generalised !== null && inARow) fell = step;
    inARow = test.accuracy >= 0.99 ? inARow + 1 : 0;
    if (inARow === 3 && generalised === null) generalised = rows[i - 2].step;
  });
  return { memorised, generalised, fell };
}
