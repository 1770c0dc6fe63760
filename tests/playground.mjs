// What the playground's own modules make of a task, as JSON: `node playground.mjs WHAT ASKED`.

import { readFileSync, writeFileSync } from "node:fs";
import { matricesOf, fold, noTables, unfold } from "../web/src/playground/network.js";
import { advance, begun, eventsOf, goBack, keepNow } from "../web/src/playground/run.js";
import { saved } from "../web/src/playground/saved.js";
import { changed, DEFAULT, fromHash, toHash } from "../web/src/playground/settings.js";
import { logitShares, without } from "../web/src/playground/surgery.js";
import { sweeper as fast } from "../web/src/playground/fast.js";
import { sweeper as plain } from "../web/src/playground/sweep.js";

const asked = JSON.parse(readFileSync(0, "utf8"));
const { groups } = asked;
const kernel = readFileSync(new URL("../src/grokscope/page/assets/playground.wasm", import.meta.url));
const sweeper = { plain, fast: (shape) => fast(kernel, shape) }[asked.sweep];
const start = (hash) => begun(fromHash(hash), groups, sweeper);
const trained = (hash, steps) => {
  const run = start(hash);
  while (run.step < steps) advance(run);
  return run;
};
const real = ({ name, columns, realRows, realColumns, data }) =>
  [name, Array.from({ length: realRows }, (_, i) => Array.from(data.subarray(i * columns, i * columns + realColumns)))];
const named = (matrices) => Object.fromEntries(matrices.map(real));
const split = (run) => ({ train: Array.from(run.train), test: Array.from(run.test) });

function gradient(hash) {
  const run = start(hash);
  const { network } = run;
  const tables = noTables(network.shape);
  const { loss, accuracy } = run.sweep(fold(network), run.train, run.labels, { gradients: tables });
  const { matrices } = matricesOf(network.shape);
  unfold(network, tables, matrices);
  return { ...split(run), answers: Array.from(run.task.answers), loss, accuracy, weights: named(network.matrices), gradients: named(matrices) };
}

function steps(hash, count) {
  const run = start(hash);
  const before = named(network(run));
  while (run.step < count) advance(run);
  return { ...split(run), before, after: named(network(run)), rows: run.rows };
}
const network = (run) => run.network.matrices;

function back(hash, to, count) {
  const run = trained(hash, count);
  const once = Array.from(run.network.weights);
  goBack(run, to);
  while (run.step < count) advance(run);
  return once.every((w, i) => w === run.network.weights[i]) && once.every((w, i) => w === trained(hash, count).network.weights[i]);
}

function cut(hash, count, cuts, file) {
  const run = trained(hash, count);
  keepNow(run);
  writeFileSync(file, saved(run));
  const all = Int32Array.from(run.task.answers, (_, i) => i);
  const right = (cuts) => {
    const left = without(run.network, run.task, cuts);
    return run.sweep(fold(left), all, run.task.answers, {}).accuracy;
  };
  return { accuracy: cuts.map(right), shares: run.task.kind === "pair" ? logitShares(run.network, run.task) : [] };
}

const answers = {
  gradient, steps, back, cut,
  events: (rows) => eventsOf(rows.map(([step, train, test]) => ({ step, train: { accuracy: train }, test: { accuracy: test } }))),
  address: (hash) => toHash(fromHash(hash)),
  settings: (some) => changed(DEFAULT, some),
};
console.log(JSON.stringify(asked.calls.map(([what, ...rest]) => answers[what](...rest))));
