// A run as a file of safetensors that `grokscope import` reads: its kept steps, and in the header's
// metadata its settings, its split and its evaluations.

/** @typedef {import("./run.js").Run} Run */

const VERSION = 1; // of what the metadata hold
const MOST = 40; // kept steps in a file, besides the last: some 120 kB each

/** Every tensor as float64 under its step: 120/W_E. @param {Run} run @returns {Uint8Array} */
export function saved(run) {
  const { matrices } = run.network;
  /** @type {Record<string, unknown>} */ const header = { __metadata__: { grokscope_playground: JSON.stringify(about(run)) } };
  /** @type {Float64Array[]} */ const blocks = [];
  let at = 0;
  for (const step of thinned([...run.kept.keys()].sort((x, y) => x - y))) {
    let from = 0;
    for (const { name, rows, columns, realRows, realColumns } of matrices) {
      const padded = /** @type {import("./run.js").Kept} */ (run.kept.get(step)).weights.subarray(from, (from += rows * columns));
      const real = new Float64Array(realRows * realColumns);
      for (let i = 0; i < realRows; i++) real.set(padded.subarray(i * columns, i * columns + realColumns), i * realColumns);
      header[`${step}/${name}`] = { dtype: "F64", shape: [realRows, realColumns], data_offsets: [at, (at += real.byteLength)] };
      blocks.push(real);
    }
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = (text.length + 7) & ~7; // numbers begin at a multiple of eight
  const file = new Uint8Array(8 + length + at).fill(32);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.set(text, 8);
  let place = 8 + length;
  for (const block of blocks) {
    file.set(new Uint8Array(block.buffer), place);
    place += block.byteLength;
  }
  return file;
}

/** Evenly as many as go into a file, and the last. @param {number[]} steps */
function thinned(steps) {
  const every = Math.ceil(steps.length / MOST);
  return steps.filter((_, i) => i % every === 0 || i === steps.length - 1);
}

/** @param {Run} run */
function about({ settings, task, train, rows, changes }) {
  const isTrain = new Array(task.nA * task.nB).fill("0");
  for (const i of train) isTrain[i] = "1";
  return { version: VERSION, settings, changes, is_train: isTrain.join(""),
    rows: rows.map((x) => [x.step, x.train.loss, x.test.loss, x.train.accuracy, x.test.accuracy]) };
}
