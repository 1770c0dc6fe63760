// Where the pairs of a task stand.

/** @typedef {{at: number | undefined, a: number, b: number, isTurned: boolean}} Found */

/** Where tasks have each unordered pair once, as a <= b, then (b, a) is found as (a, b).
 * @param {[number[], number[]]} pairs @returns {(a: number, b: number) => Found} */
export function finder([lefts, rights]) {
  const places = new Map(lefts.map((a, i) => [`${a},${rights[i]}`, i]));
  const n = rights.reduce((most, b) => Math.max(most, b), -1) + 1;
  const isUnordered = lefts.length === (n * (n + 1)) / 2 && lefts.every((a, i) => a <= rights[i]);
  return (a, b) => {
    const isTurned = isUnordered && a > b;
    const [x, y] = isTurned ? [b, a] : [a, b];
    return { at: places.get(`${x},${y}`), a: x, b: y, isTurned };
  };
}
