// A network with something taken out of it, and which parts carry it by the package's rule.

import { fold, matricesOf, noTables } from "./network.js";
import { multiply, padded } from "./kernel.js";

/** @typedef {import("./network.js").Network} Network */
/** @typedef {import("./tasks.js").Task} Task */
/** @typedef {{parts: string[], neurons: number[]}} Cuts */

/** The same network without these parts of what it reads, and without these neurons: of a part both
 * embeddings lose their projection on it, of a digit its weights are 0, a neuron is not read out.
 * @param {Network} network @param {Task} task @param {Cuts} cuts @returns {Network} */
export function without(network, task, cuts) {
  const { shape } = network;
  const { matrices, numbers } = matricesOf(shape, network.weights.slice());
  const by = Object.fromEntries(matrices.map((x) => [x.name, x]));
  for (const name of cuts.parts) {
    if (shape.kind === "parity") by.W_in.data.fill(0, digitOf(name) * by.W_in.columns, (digitOf(name) + 1) * by.W_in.columns);
    else for (const E of [by.W_E, by.W_E_b]) for (const wave of task.parts.find((x) => x.name === name)?.basis ?? []) project(E, wave);
  }
  for (const k of cuts.neurons) by.W_out.data.fill(0, k * by.W_out.columns, (k + 1) * by.W_out.columns);
  return { shape, weights: numbers, matrices, tables: noTables(shape) };
}

/** @param {string} name */
const digitOf = (name) => Number(name.split(" ")[1]) - 1;

/** Take a function of the symbol out of an embedding. @param {import("./network.js").Matrix} E @param {Float64Array} wave */
function project({ data, realRows, columns }, wave) {
  for (let j = 0; j < columns; j++) {
    let sum = 0;
    for (let x = 0; x < realRows; x++) sum += wave[x] * data[x * columns + j];
    for (let x = 0; x < realRows; x++) data[x * columns + j] -= sum * wave[x];
  }
}

export const KEY_SHARE = 0.01;

/** The share of the logits' variation that each part of the answer holds: |P L|²/|L|², L centred over
 * answers for each pair and over pairs for each answer, P the projection on the functions of the
 * answer in the part. Key: at least 1 % (the package's measures/keys.py).
 * @param {Network} network @param {Task} task @returns {{name: string, share: number}[]} */
export function logitShares(network, { nA, nB, nC, answers, parts }) {
  const { L, R, U } = fold(network);
  const { neurons: H, act } = network.shape;
  const wide = padded(nC);
  const [post, z] = [new Float64Array(padded(nB) * H), new Float64Array(padded(nB) * wide)];
  const sums = new Float64Array(nC * nC); // of answer s and class c
  const counts = new Float64Array(nC);
  const mean = new Float64Array(nC);
  let total = 0;
  for (let a = 0; a < nA; a++) {
    for (let b = 0; b < nB; b++) for (let k = 0; k < H; k++) {
      const x = L[a * H + k] + R[b * H + k];
      post[b * H + k] = act === "square" ? x * x : Math.max(0, x);
    }
    multiply(post, U, z, padded(nB), H, wide);
    for (let b = 0; b < nB; b++) {
      const row = z.subarray(b * wide, b * wide + nC);
      const middle = row.reduce((sum, x) => sum + x, 0) / nC;
      const s = answers[a * nB + b];
      counts[s]++;
      for (let c = 0; c < nC; c++) {
        const x = row[c] - middle;
        total += x * x;
        sums[s * nC + c] += x;
        mean[c] += x / (nA * nB);
      }
    }
  }
  for (const x of mean) total -= nA * nB * x * x;
  return parts.filter((x) => x.name !== "constant" && x.name !== "{0}").map(({ name, basis }) => ({ name, share: basis.reduce((power, wave) => {
    for (let c = 0; c < nC; c++) {
      let sum = 0;
      for (let s = 0; s < nC; s++) sum += wave[s] * (sums[s * nC + c] / Math.sqrt(counts[s]));
      power += sum * sum;
    }
    return power;
  }, 0) / Math.max(total, 1e-300) }));
}
