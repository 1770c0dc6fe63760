// What the tables of a network make of some pairs: loss, right answers, and the gradients at the
// tables, a tile of pairs at a time, so that all of a tile stays near the processor.

import { addTransposed, multiply, padded, transposed } from "./kernel.js";

/** @typedef {import("./network.js").Shape} Shape */
/** @typedef {import("./network.js").Tables} Tables */
/** @typedef {{loss: number, accuracy: number}} Score The mean cross-entropy in nats, and the share that is right; a tie is wrong. */

const TILE = 32;

/** @typedef {(tables: Tables, pairs: Int32Array, answers: Uint8Array, into: Into) => Score} Sweep of pairs, as numbers a·nB + b; the answers are of every pair */
/** @typedef {{gradients?: Tables, certainty?: Float32Array}} Into the gradients of the mean loss, and
 * by pair the probability of its answer, below 0 where another is likelier */

/** A sweep for networks of one shape. @param {Shape} shape @returns {Sweep} */
export function sweeper(shape) {
  const room = roomFor(shape);
  return (tables, pairs, answers, into) => sweep(shape, tables, pairs, answers, room, into);
}

/** Room for a tile. @param {Shape} shape */
function roomFor({ neurons, nC }) {
  const wide = padded(nC);
  const tile = (/** @type {number} */ columns) => new Float64Array(TILE * columns);
  return { pre: tile(neurons), post: tile(neurons), back: tile(neurons), logits: tile(wide) };
}

/** @typedef {ReturnType<typeof roomFor>} Room */

/** @param {Shape} shape @param {Tables} tables @param {Int32Array} pairs @param {Uint8Array} answers
 * @param {Room} room @param {Into} into @returns {Score} */
function sweep(shape, tables, pairs, answers, room, { gradients, certainty }) {
  const { neurons: H, nC } = shape;
  const wide = padded(nC);
  const turned = gradients && transposed(tables.U, H, wide);
  if (gradients) for (const x of [gradients.L, gradients.R, gradients.U]) x.fill(0);
  let [loss, right] = [0, 0];
  for (let from = 0; from < pairs.length; from += TILE) {
    const tile = pairs.subarray(from, from + TILE);
    const rows = padded(tile.length);
    hide(shape, tables, tile, rows, room);
    multiply(room.post, tables.U, room.logits, rows, H, wide);
    for (let i = 0; i < tile.length; i++) {
      const one = softmax(room.logits, i * wide, nC, wide, answers[tile[i]], pairs.length);
      loss += one.loss;
      right += Number(one.isRight);
      if (certainty) certainty[tile[i]] = one.isRight ? one.probability : -one.probability;
    }
    if (!gradients || !turned) continue;
    room.logits.fill(0, tile.length * wide, rows * wide);
    addTransposed(room.post, room.logits, gradients.U, rows, H, wide);
    multiply(room.logits, turned, room.back, rows, wide, H);
    spread(shape, tile, room, gradients);
  }
  return { loss: loss / pairs.length, accuracy: right / pairs.length };
}

/** The hidden layer of a tile. @param {Shape} shape @param {Tables} tables @param {Int32Array} tile @param {number} rows @param {Room} room */
function hide({ nB, neurons: H, act }, { L, R }, tile, rows, { pre, post }) {
  for (let i = 0; i < tile.length; i++) {
    const pair = tile[i];
    const left = ((pair / nB) | 0) * H;
    const right = (pair % nB) * H;
    for (let k = 0, at = i * H; k < H; k++, at++) {
      const x = L[left + k] + R[right + k];
      pre[at] = x;
      post[at] = act === "square" ? x * x : x > 0 ? x : 0;
    }
  }
  post.fill(0, tile.length * H, rows * H);
}

const told = { loss: 0, probability: 0, isRight: false };

/** The loss of a row of logits, which become its gradient over `count`. Where the answer's probability
 * rounds to 1, 1 - probability is still exact: it is summed over the others.
 * @param {Float64Array} z @param {number} at @param {number} nC @param {number} wide @param {number} answer @param {number} count */
function softmax(z, at, nC, wide, answer, count) {
  let rival = -Infinity;
  for (let c = 0; c < nC; c++) if (c !== answer && z[at + c] > rival) rival = z[at + c];
  const own = z[at + answer];
  const top = Math.max(own, rival);
  let rest = 0;
  for (let c = 0; c < nC; c++) if (c !== answer) rest += z[at + c] = Math.exp(z[at + c] - top);
  const total = rest + Math.exp(own - top);
  const scale = 1 / (total * count);
  for (let c = 0; c < nC; c++) z[at + c] *= scale;
  z[at + answer] = -rest * scale;
  z.fill(0, at + nC, at + wide);
  told.loss = own === top ? Math.log1p(rest) : Math.log(total) + top - own;
  told.probability = 1 - rest / total;
  told.isRight = own > rival;
  return told;
}

/** The gradient at the hidden layer, given to the rows of the tables that made it.
 * @param {Shape} shape @param {Int32Array} tile @param {Room} room @param {Tables} gradients */
function spread({ nB, neurons: H, act }, tile, { pre, back }, { L, R }) {
  for (let i = 0; i < tile.length; i++) {
    const pair = tile[i];
    const left = ((pair / nB) | 0) * H;
    const right = (pair % nB) * H;
    for (let k = 0, at = i * H; k < H; k++, at++) {
      const x = pre[at];
      const g = act === "square" ? 2 * x * back[at] : x > 0 ? back[at] : 0;
      L[left + k] += g;
      R[right + k] += g;
    }
  }
}
