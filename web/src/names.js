// What a reader calls symbols and answers: elements of a group have names, residues are their numbers.

import { el } from "./dom.js";

/** @typedef {import("./types").Run} Run */

/** In words. @param {Run} run @param {number} i */
export function nameOf(run, i) {
  return run.names?.[i] ?? String(i);
}

/** In a table. @param {Run} run @param {number} i @returns {string | number} */
export function cellOf(run, i) {
  return run.names?.[i] ?? i;
}

/** Whether a symbol stands on the cycle that waves are drawn over: of products, 0 does not.
 * @param {Run} run @param {number} i */
export function hasAngle(run, i) {
  return (run.neurons?.cycles.a?.places[i] ?? 0) >= 0;
}

/** Names with their places: of permutations by their cycles, fewest moved first, as the identity; else
 * as they are. @param {string[]} names @returns {[number, string][]} */
function byCycles(names) {
  const lengths = names.map((x) => (x.match(/\([^()]*\)/g) ?? []).map((cycle) => cycle.split(/[ ,]+/).length).sort((p, q) => q - p));
  const moved = lengths.map((x) => x.reduce((sum, y) => sum + y, 0));
  return names.map((x, i) => /** @type {[number, string]} */ ([i, x])).sort(([i], [j]) => moved[i] - moved[j] || lengths[j].length - lengths[i].length || i - j);
}

/**
 * What chooses an operand: a slider of numbers, a list of names.
 * @param {import("./types").Place} place @param {"a" | "b"} name @param {number} largest
 */
export function operand({ run, store }, name, largest) {
  const set = () => store.set({ [name]: Number(input.value) });
  const label = { "aria-label": `operand ${name}` };
  const value = el("output");
  const input = run.names
    ? el("select", { ...label, onchange: set }, ...byCycles(run.names.slice(0, largest + 1)).map(([i, x]) => el("option", { value: i }, x)))
    : el("input", { ...label, type: "range", min: 0, max: largest, step: 1, oninput: set });
  const node = run.names ? el("label", {}, `${name} = `, input) : el("label", { class: "slider" }, `${name} = `, value, input);
  /** @param {number} x */
  function show(x) {
    input.value = String(x);
    value.textContent = String(x);
  }
  return { node, show };
}
