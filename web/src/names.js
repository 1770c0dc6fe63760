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

/**
 * What chooses an operand: a slider of numbers, a list of names.
 * @param {import("./types").Place} place @param {"a" | "b"} name @param {number} largest
 */
export function operand({ run, store }, name, largest) {
  const set = () => store.set({ [name]: Number(input.value) });
  const label = { "aria-label": `operand ${name}` };
  const value = el("output");
  const input = run.names
    ? el("select", { ...label, onchange: set }, ...run.names.slice(0, largest + 1).map((x, i) => el("option", { value: i }, x)))
    : el("input", { ...label, type: "range", min: 0, max: largest, step: 1, oninput: set });
  const node = run.names ? el("label", {}, `${name} = `, input) : el("label", { class: "slider" }, `${name} = `, value, input);
  /** @param {number} x */
  function show(x) {
    input.value = String(x);
    value.textContent = String(x);
  }
  return { node, show };
}
