// What a network's weights are made of: the share of each part, and the neurons in the order of what
// they follow. All of it is read off the folded tables; of digits, off the weights.
//
// Axes: a table has a row for each symbol and a column for each neuron.

/** @typedef {import("./tasks.js").Task} Task */
/** @typedef {{L: ArrayLike<number>, R: ArrayLike<number>, U: ArrayLike<number>}} Tables */
/** @typedef {{name: string, L: Float64Array[], R: Float64Array[], own: Float64Array, power: number}} Read
 * of a part: for each of its waves a row over neurons, of a and of b; the power of each neuron in it, and of all */

/** A table read along a function of the symbol. @param {Float64Array} wave @param {ArrayLike<number>} table @param {number} neurons */
function along(wave, table, neurons) {
  const found = new Float64Array(neurons);
  for (let x = 0; x < wave.length; x++) {
    const w = wave[x];
    if (w !== 0) for (let k = 0, at = x * neurons; k < neurons; k++, at++) found[k] += w * table[at];
  }
  return found;
}

/** @param {string} name @param {Float64Array[]} L @param {Float64Array[]} R @param {number} neurons @returns {Read} */
function readOf(name, L, R, neurons) {
  const own = new Float64Array(neurons);
  let power = 0;
  for (const rows of [L, R]) for (const row of rows) for (let k = 0; k < neurons; k++) {
    own[k] += row[k] * row[k];
    power += row[k] * row[k];
  }
  return { name, L, R, own, power };
}

/** What both input tables hold in each part but the constants. @param {Task} task @param {Tables} tables @param {number} neurons @returns {Read[]} */
export function readParts({ parts }, { L, R }, neurons) {
  return parts.filter((x) => x.name !== "constant").map(({ name, basis }) =>
    readOf(name, basis.map((wave) => along(wave, L, neurons)), basis.map((wave) => along(wave, R, neurons)), neurons));
}

/** The weights of each digit as such a part. @param {ArrayLike<number>} W digit by neuron @param {number} digits @param {number} neurons @returns {Read[]} */
export function readDigits(W, digits, neurons) {
  return Array.from({ length: digits }, (_, i) => readOf(`digit ${i + 1}`, [Float64Array.from({ length: neurons }, (__, k) => W[i * neurons + k])], [], neurons));
}

/** The share of each part, together 1. @param {Read[]} read */
export function sharesOf(read) {
  const total = read.reduce((sum, x) => sum + x.power, 1e-300);
  return read.map((x) => x.power / total);
}

/** The neurons in the order of the part that each follows most, the largest part first, and within it
 * of the angle; and which part that is. @param {Read[]} read @param {number} neurons */
export function sortNeurons(read, neurons) {
  const rank = read.map((_, i) => i).sort((i, j) => read[j].power - read[i].power);
  const place = new Uint16Array(read.length);
  rank.forEach((part, i) => { place[part] = i; });
  const of = Array.from({ length: neurons }, (_, k) => followed(read, k));
  const order = of.map((_, k) => k).sort((i, j) => place[of[i].part] - place[of[j].part] || of[i].angle - of[j].angle);
  return { order, of };
}

/** The part that a neuron follows most, how much of it that is, and at which angle. @param {Read[]} read @param {number} k */
function followed(read, k) {
  let [part, total] = [0, 1e-300];
  read.forEach(({ own }, i) => {
    total += own[k];
    if (own[k] > read[part].own[k]) part = i;
  });
  const { L, own } = read[part];
  return { part, share: own[k] / total, angle: Math.atan2(L[1]?.[k] ?? 0, L[0]?.[k] ?? 0) };
}

/** Where each symbol of a stands in the plane that carries a part: along the cosine's direction, and
 * along what the sine's has beside it. @param {Read} part @param {ArrayLike<number>} L @param {number} neurons @param {number} symbols */
export function circleOf({ L: rows }, L, neurons, symbols) {
  const first = unit(rows[0]);
  const others = rows.slice(1).map((row) => less(row, first)).sort((x, y) => dot(y, y) - dot(x, x));
  const second = others.length ? unit(others[0]) : new Float64Array(neurons);
  return Array.from({ length: symbols }, (_, a) => {
    let [x, y] = [0, 0];
    for (let k = 0, at = a * neurons; k < neurons; k++, at++) {
      x += L[at] * first[k];
      y += L[at] * second[k];
    }
    return /** @type {[number, number]} */ ([x, y]);
  });
}

/** @param {Float64Array} x @param {Float64Array} y */
const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0);
/** @param {Float64Array} x */
const unit = (x) => { const size = Math.sqrt(dot(x, x)) || 1; return x.map((v) => v / size); };
/** @param {Float64Array} x @param {Float64Array} along */
const less = (x, along) => { const part = dot(x, along); return x.map((v, i) => v - part * along[i]); };
