// The sweep of sweep.js by WebAssembly (web/kernel/sweep.ts), in float32, six times as fast. Where a
// browser lacks it the plain one stands in.

import { sweeper as plain } from "./sweep.js";

/** @typedef {import("./network.js").Shape} Shape */
/** @typedef {import("./sweep.js").Sweep} Sweep */

const TILE = 32; // as in the kernel
const PAGE = 65536; // bytes of WebAssembly's memory

/** Columns are filled up to two vectors. @param {number} n */
const filled = (n) => (n + 7) & ~7;

/** A sweep for networks of one shape. @param {Uint8Array} kernel its bytes @param {Shape} shape @returns {Sweep} */
export function sweeper(kernel, shape) {
  try {
    return fast(new WebAssembly.Module(/** @type {BufferSource} */ (kernel)), shape);
  } catch {
    return plain(shape);
  }
}

/** @param {WebAssembly.Module} kernel @param {Shape} shape @returns {Sweep} */
function fast(kernel, { nA, nB, nC, neurons, act }) {
  const [H, W, all] = [filled(neurons), filled(nC), nA * nB];
  const sizes = { L: nA * H, R: nB * H, U: H * W, turned: H * W, gL: nA * H, gR: nB * H, gU: H * W, pre: TILE * H, post: TILE * H, logits: TILE * W, back: TILE * H, certainty: all, pairs: all, answers: all };
  const memory = new WebAssembly.Memory({ initial: 1 + Math.ceil((4 * Object.values(sizes).reduce((sum, x) => sum + filled(x), 0)) / PAGE) });
  const exports = new WebAssembly.Instance(kernel, { env: { memory }, math: { log: Math.log, log1p: Math.log1p } }).exports;
  const run = /** @type {(...numbers: number[]) => number} */ (exports.sweep);
  const right = /** @type {WebAssembly.Global} */ (exports.right);
  let at = PAGE; // below it stands what is the compiler's
  /** @type {Record<string, Float32Array>} */ const arrays = {};
  for (const [name, size] of Object.entries(sizes)) [arrays[name], at] = [new Float32Array(memory.buffer, at, size), at + 4 * filled(size)];
  const pairsThere = new Int32Array(memory.buffer, arrays.pairs.byteOffset, all);
  const answersThere = new Uint8Array(memory.buffer, arrays.answers.byteOffset, all);
  const place = (/** @type {string} */ name) => arrays[name].byteOffset;
  return (tables, pairs, answers, { gradients, certainty }) => {
    copy(tables.L, neurons, arrays.L, H);
    copy(tables.R, neurons, arrays.R, H);
    copy(tables.U, tables.U.length / neurons, arrays.U, W);
    pairsThere.set(pairs);
    answersThere.set(answers);
    if (gradients) for (const name of ["gL", "gR", "gU"]) arrays[name].fill(0);
    const loss = run(H, W, nC, nB, Number(act === "square"), pairs.length, place("pairs"), place("answers"), place("L"), place("R"), place("U"), place("turned"),
      place("gL"), place("gR"), gradients ? place("gU") : 0, place("pre"), place("post"), place("logits"), place("back"), place("certainty"));
    if (certainty) for (const pair of pairs) certainty[pair] = arrays.certainty[pair];
    if (gradients) {
      copy(arrays.gL, H, gradients.L, neurons);
      copy(arrays.gR, H, gradients.R, neurons);
      copy(arrays.gU, W, gradients.U, gradients.U.length / neurons);
    }
    return { loss, accuracy: right.value / pairs.length };
  };
}

/** Copy a matrix of rows of one width to one of another, as much as both have.
 * @param {Float32Array | Float64Array} from @param {number} width @param {Float32Array | Float64Array} to @param {number} wide */
function copy(from, width, to, wide) {
  const [rows, columns] = [Math.min(from.length / width, to.length / wide), Math.min(width, wide)];
  for (let i = 0; i < rows; i++) for (let j = 0, x = i * width, y = i * wide; j < columns; j++) to[y + j] = from[x + j];
}
