// The networks: one hidden layer, h = act(L[a] + R[b]), logits = h U, of two small tables L and R
// that are folded of the weights, so that a step over all pairs costs little more than h U.
//
// Of two symbols it is the package's model `pair` with embed=untied: L = W_E W_in, R = W_E_b W_in,
// U = W_out W_U. Of digits it is `paritymlp`: the digits of an input's first half make a, those of
// its second half b, and the logits are [0, z].
//
// Axes: rows and columns are filled up to multiples of four with zeros, which no step changes.

import { addTransposed, multiply, padded, transposed } from "./kernel.js";
import { cutNormal, normal, uniform } from "./random.js";

/** @typedef {{name: string, rows: number, columns: number, realRows: number, realColumns: number, data: Float64Array}} Matrix */
/** @typedef {{L: Float64Array, R: Float64Array, U: Float64Array}} Tables */
/** @typedef {"relu" | "square"} Act */
/** @typedef {{kind: "pair" | "parity", nA: number, nB: number, nC: number, digits: number, width: number, neurons: number, act: Act}} Shape
 * `width` is that of the embeddings; parity has none. */
/** @typedef {{shape: Shape, weights: Float64Array, matrices: Matrix[], tables: Tables}} Network */

const CUT = 0.87962566103423978; // the standard deviation of a normal number that is cut at two

/** @param {Shape} shape @returns {[string, number, number, number][]} name, rows, columns, standard deviation */
function layout({ kind, nA, nB, nC, digits, width, neurons }) {
  if (kind === "parity") return [["W_in", digits + 1, neurons, (digits + 1) ** -0.5], ["W_out", neurons, 1, neurons ** -0.5]];
  return [["W_E", nA, width, (2 / nA) ** 0.5 / CUT], ["W_E_b", nB, width, (2 / nA) ** 0.5 / CUT], ["W_in", width, neurons, width ** -0.5],
    ["W_out", neurons, width, neurons ** -0.5], ["W_U", width, nC, (2 / width) ** 0.5 / CUT]];
}

/** The matrices of such a network, on numbers that are all together. @param {Shape} shape @param {Float64Array} [numbers] @returns {{matrices: Matrix[], numbers: Float64Array}} */
export function matricesOf(shape, numbers) {
  const sizes = layout(shape).map(([name, rows, columns]) => ({ name, realRows: rows, realColumns: columns, rows: padded(rows), columns: padded(columns) }));
  const all = numbers ?? new Float64Array(sizes.reduce((sum, x) => sum + x.rows * x.columns, 0));
  let at = 0;
  const matrices = sizes.map((x) => ({ ...x, data: all.subarray(at, (at += x.rows * x.columns)) }));
  return { matrices, numbers: all };
}

/** A network with weights drawn as the package draws them. @param {Shape} shape @param {number} seed @returns {Network} */
export function drawn(shape, seed) {
  const next = uniform(seed, "weights");
  const draw = shape.kind === "pair" ? cutNormal : normal;
  const { matrices, numbers } = matricesOf(shape);
  layout(shape).forEach(([, rows, columns, deviation], i) => {
    const { data, columns: stride } = matrices[i];
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[r * stride + c] = deviation * draw(next);
  });
  return { shape, weights: numbers, matrices, tables: noTables(shape) };
}

/** Tables of zeros. @param {Shape} shape @returns {Tables} */
export function noTables({ nA, nB, nC, neurons }) {
  return { L: new Float64Array(padded(nA) * neurons), R: new Float64Array(padded(nB) * neurons), U: new Float64Array(neurons * padded(nC)) };
}

/** Fold the weights into the network's tables. @param {Network} network @returns {Tables} */
export function fold({ shape, matrices, tables }) {
  const { L, R, U } = tables;
  const { neurons: H, width } = shape;
  if (shape.kind === "parity") {
    const [W_in, W_out] = matrices.map((x) => x.data);
    sumDigits(shape, W_in, L, R);
    for (let k = 0; k < H; k++) U[4 * k + 1] = W_out[4 * k];
    return tables;
  }
  const [E, F, W_in, W_out, W_U] = matrices;
  multiply(E.data, W_in.data, L, E.rows, width, H);
  multiply(F.data, W_in.data, R, F.rows, width, H);
  multiply(W_out.data, W_U.data, U, H, width, W_U.columns);
  return tables;
}

/** The gradients at the weights, of those at the tables. @param {Network} network @param {Tables} d @param {Matrix[]} into */
export function unfold({ shape, matrices }, d, into) {
  const { neurons: H, width } = shape;
  for (const x of into) x.data.fill(0);
  if (shape.kind === "parity") {
    gatherDigits(shape, d.L, d.R, into[0].data);
    for (let k = 0; k < H; k++) into[1].data[4 * k] = d.U[4 * k + 1];
    return;
  }
  const [E, F, W_in, W_out, W_U] = matrices;
  const inward = transposed(W_in.data, width, H);
  multiply(d.L, inward, into[0].data, E.rows, H, width);
  multiply(d.R, inward, into[1].data, F.rows, H, width);
  addTransposed(E.data, d.L, into[2].data, E.rows, width, H);
  addTransposed(F.data, d.R, into[2].data, F.rows, width, H);
  multiply(d.U, transposed(W_U.data, width, W_U.columns), into[3].data, H, W_U.columns, width);
  addTransposed(W_out.data, d.U, into[4].data, H, width, W_U.columns);
}

/** Whether digit i of an input stands in its first half, and at which bit of that half.
 * @param {number} digits @param {number} i @returns {[boolean, number]} */
function placeOf(digits, i) {
  const half = digits / 2;
  return i < half ? [true, half - 1 - i] : [false, digits - 1 - i];
}

/** L and R of digits: the sums of the rows of W_in whose digit is 1; the bias is in L.
 * @param {Shape} shape @param {Float64Array} W @param {Float64Array} L @param {Float64Array} R */
function sumDigits({ nA, digits, neurons: H }, W, L, R) {
  for (let x = 0; x < nA; x++) for (let k = 0; k < H; k++) [L[x * H + k], R[x * H + k]] = [W[digits * H + k], 0];
  for (let i = 0; i < digits; i++) {
    const [isFirst, bit] = placeOf(digits, i);
    const table = isFirst ? L : R;
    for (let x = 0; x < nA; x++) if ((x >> bit) & 1) for (let k = 0; k < H; k++) table[x * H + k] += W[i * H + k];
  }
}

/** Its transpose. @param {Shape} shape @param {Float64Array} dL @param {Float64Array} dR @param {Float64Array} W */
function gatherDigits({ nA, digits, neurons: H }, dL, dR, W) {
  for (let i = 0; i < digits; i++) {
    const [isFirst, bit] = placeOf(digits, i);
    const table = isFirst ? dL : dR;
    for (let x = 0; x < nA; x++) if ((x >> bit) & 1) for (let k = 0; k < H; k++) W[i * H + k] += table[x * H + k];
  }
  for (let x = 0; x < nA; x++) for (let k = 0; k < H; k++) W[digits * H + k] += dL[x * H + k];
}
