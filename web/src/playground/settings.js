// What can be set, within which limits, and as the address of the page holds it.

/** @typedef {{task: string, p: number, digits: number, relevant: number, act: import("./network.js").Act, neurons: number, share: number,
 *   pairs: "ordered" | "unordered", decay: number, lr: number, seed: number, labels: "true" | "shuffled"}} Settings
 * `share`: the percentage of the pairs that are shown. */

export const PRIMES = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97];

/** By the name of a setting, what it can be. @type {Record<string, (string | number)[]>} */
export const CHOICES = {
  task: ["a+b", "a-b", "a*b", "S3", "D5", "S4", "parity"],
  p: PRIMES,
  digits: [6, 8, 10, 12],
  relevant: [2, 3, 4],
  act: ["relu", "square"],
  neurons: [8, 16, 24, 32, 40, 48, 64, 96, 128],
  pairs: ["ordered", "unordered"],
  decay: [0, 0.1, 0.3, 0.5, 1, 1.5, 2, 3, 5],
  lr: [0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1],
  labels: ["true", "shuffled"],
};
/** @type {Record<string, [number, number]>} */
export const RANGES = { share: [1, 95], seed: [0, 999999] };

/** @type {Settings} */
export const DEFAULT = { task: "a+b", p: 59, digits: 10, relevant: 3, act: "relu", neurons: 48, share: 50, pairs: "ordered", decay: 2, lr: 0.03, seed: 1, labels: "true" };

/** What each task starts from. @type {Record<string, Partial<Settings>>} */
export const STARTS = { "a+b": {}, "a-b": {}, "a*b": {},
  S3: { act: "square", neurons: 64, share: 90, decay: 3, lr: 0.01, seed: 3 },
  D5: { act: "square", neurons: 96, share: 85, decay: 3, lr: 0.01, seed: 3 },
  S4: { neurons: 64, share: 75, lr: 0.02 },
  parity: { digits: 12, neurons: 128, share: 4, decay: 0.3, lr: 0.01, seed: 2 } };

/** The settings with some changed, each within its limits; what makes no sense is left as it was.
 * @param {Settings} settings @param {Record<string, unknown>} some @returns {Settings} */
export function changed(settings, some) {
  /** @type {Record<string, string | number>} */ const found = { ...settings };
  for (const [name, value] of Object.entries(some)) {
    if (Object.hasOwn(CHOICES, name)) {
      const choice = CHOICES[name].find((x) => String(x) === String(value));
      if (choice !== undefined) found[name] = choice;
    } else if (Object.hasOwn(RANGES, name) && value !== "" && Number.isFinite(Number(value))) {
      const [low, high] = RANGES[name];
      found[name] = Math.min(high, Math.max(low, Math.round(Number(value))));
    }
  }
  return /** @type {Settings} */ (/** @type {unknown} */ (found));
}

/** The address of settings: those that differ from the default. @param {Settings} settings */
export function toHash(settings) {
  const start = /** @type {Record<string, unknown>} */ (DEFAULT);
  const differing = Object.entries(settings).filter(([name, value]) => value !== start[name]);
  return `#${new URLSearchParams(differing.map(([name, value]) => [name, String(value)]))}`;
}

/** @param {string} hash @returns {Settings} */
export function fromHash(hash) {
  const given = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
  return changed(changed(DEFAULT, STARTS[given.task] ?? {}), given);
}
