// The tasks, written out in full, and the parts that functions of their symbols are split into.

import { shuffled, uniform } from "./random.js";

/** @typedef {import("./settings.js").Settings} Settings */
/** @typedef {{name: string, basis: Float64Array[]}} Part orthonormal functions of a symbol */
/** @typedef {{table: number[][], names: string[], parts: {name: string, basis: number[][]}[]}} Group
 * as Python writes it: row a and column b hold the number of ab */
/** @typedef {Record<string, Group>} Groups */
/** @typedef {{title: string, kind: "pair" | "parity", nA: number, nB: number, nC: number, digits: number,
 *   answers: Uint8Array, parts: Part[], order: number[], names: string[] | null}} Task
 * `order`: the symbols as pictures show them, so that a wave is seen as one. */

/** @param {Settings} settings @param {Groups} groups @returns {Task} */
export function taskOf(settings, groups) {
  const { task, p } = settings;
  if (task === "parity") return parity(settings.digits, settings.relevant);
  if (task in groups) return product(task, groups[task]);
  const order = task === "a*b" ? [0, ...powers(p)] : range(p);
  const f = { "a+b": (/** @type {number} */ a, /** @type {number} */ b) => a + b, "a-b": (/** @type {number} */ a, /** @type {number} */ b) => a - b + p, "a*b": (/** @type {number} */ a, /** @type {number} */ b) => a * b }[task];
  if (!f) throw new Error(`no task is called ${task}`);
  return { title: `${task.replace("*", "·").replace("-", "−")} mod ${p}`, kind: "pair", nA: p, nB: p, nC: p, digits: 0, answers: written(p, p, (a, b) => f(a, b) % p),
    parts: task === "a*b" ? characters(p, order.slice(1)) : frequencies(p), order, names: null };
}

/** @param {string} name @param {Group} group @returns {Task} */
function product(name, { table, names, parts }) {
  const n = table.length;
  return { title: `ab in ${name}`, kind: "pair", nA: n, nB: n, nC: n, digits: 0, answers: written(n, n, (a, b) => table[a][b]),
    parts: parts.map((x) => ({ name: x.name, basis: x.basis.map((y) => Float64Array.from(y)) })), order: range(n), names };
}

/** The parity of the first of some digits; a is the first half of them, b the second.
 * @param {number} digits @param {number} relevant @returns {Task} */
function parity(digits, relevant) {
  const n = 2 ** (digits / 2);
  const ones = (/** @type {number} */ x) => x.toString(2).replaceAll("0", "").length;
  return { title: `parity of ${relevant} of ${digits} digits`, kind: "parity", nA: n, nB: n, nC: 2, digits, answers: written(n, n, (a, b) => ones((a * n + b) >> (digits - relevant)) % 2),
    parts: [], order: range(n), names: null };
}

/** @param {number} nA @param {number} nB @param {(a: number, b: number) => number} f */
function written(nA, nB, f) {
  return Uint8Array.from({ length: nA * nB }, (_, i) => f(Math.floor(i / nB), i % nB));
}

/** @param {number} n */
export const range = (n) => Array.from({ length: n }, (_, i) => i);

/** 1, g, g², ... of the smallest primitive root g of a prime. @param {number} p */
export function powers(p) {
  for (let g = 2; ; g++) {
    const found = [1];
    for (let x = g % p; x !== 1 && found.length < p; x = (x * g) % p) found.push(x);
    if (found.length === p - 1) return found;
  }
}

/** Constants, then a cosine and a sine of each frequency. @param {number} p @returns {Part[]} */
function frequencies(p) {
  return [{ name: "constant", basis: [Float64Array.from({ length: p }, () => p ** -0.5)] }, ...waves(p, range(p), "frequency")];
}

/** Of products: 0 apart, and waves of the logarithm of the others. @param {number} p @param {number[]} order @returns {Part[]} */
function characters(p, order) {
  const [constant, zero] = [new Float64Array(p).fill((p - 1) ** -0.5), new Float64Array(p)];
  [constant[0], zero[0]] = [0, 1];
  return [{ name: "constant", basis: [constant] }, { name: "{0}", basis: [zero] }, ...waves(p, order, "character")];
}

/** @param {number} size @param {number[]} order the symbols around a cycle @param {string} word @returns {Part[]} */
function waves(size, order, word) {
  const m = order.length;
  return range(Math.floor(m / 2)).map((i) => {
    const k = i + 1;
    const own = 2 * k === m ? [Math.cos] : [Math.cos, Math.sin];
    return { name: `${word} ${k}`, basis: own.map((f) => {
      const wave = new Float64Array(size);
      order.forEach((x, j) => { wave[x] = f((2 * Math.PI * ((k * j) % m)) / m) * ((own.length === 1 ? 1 : 2) / m) ** 0.5; });
      return wave;
    }) };
  });
}

/** Which pairs are shown, a·nB + b, and which are not. Unordered: (a, b) and (b, a) fall together.
 * @param {Task} task @param {Pick<Settings, "share" | "pairs" | "seed">} settings @returns {{train: Int32Array, test: Int32Array}} */
export function splitOf({ nA, nB, kind }, { share, pairs, seed }) {
  const next = uniform(seed, "split");
  const isTogether = pairs === "unordered" && kind === "pair";
  const owner = range(nA * nB).map((i) => (isTogether ? Math.min(i, (i % nB) * nB + Math.floor(i / nB)) : i));
  const owners = [...new Set(owner)];
  const order = shuffled(owners.length, next);
  const count = Math.min(owners.length - 1, Math.max(1, Math.floor((share / 100) * owners.length)));
  const shown = new Set(order.slice(0, count).map((i) => owners[i]));
  const isTrain = owner.map((x) => shown.has(x));
  return { train: Int32Array.from(range(nA * nB).filter((i) => isTrain[i])), test: Int32Array.from(range(nA * nB).filter((i) => !isTrain[i])) };
}

/** What it is taught: the answers, or as many drawn at random. @param {Task} task @param {Pick<Settings, "labels" | "seed">} settings */
export function labelsOf({ answers, nC }, { labels, seed }) {
  if (labels !== "shuffled") return answers;
  const next = uniform(seed, "labels");
  return answers.map(() => Math.floor(next() * nC));
}
