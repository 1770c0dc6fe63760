// The chosen neuron: one in every figure, or none.

import { el } from "./dom.js";

/** @typedef {import("./types").Place} Place */
/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Neurons} Neurons */

/** Its row among the neurons that are shown, or -1. @param {Place} place @param {State} state */
export function chosenRow({ run }, state) {
  const { index } = /** @type {Neurons} */ (run.neurons);
  return state.neuron === null ? -1 : index.indexOf(state.neuron);
}

/**
 * A list that chooses one of these rows, and keeps the last where none of them is chosen.
 * @param {Place} place
 * @param {{label?: string, rows?: number[], first?: number, called?: (row: number) => string}} options
 */
export function neuronList(place, { label = "neuron", rows, first, called } = {}) {
  const { index, parts } = /** @type {Neurons} */ (place.run.neurons);
  const there = rows ?? [...index.keys()];
  const name = called ?? ((/** @type {number} */ row) => parts[row] ?? "");
  const input = el("select", { "aria-label": "neuron", onchange: () => place.store.set({ neuron: Number(input.value) }) },
    ...there.map((row) => el("option", { value: index[row] }, [index[row], name(row)].filter((x) => x !== "").join(", "))));
  let at = first ?? there[0];
  /** @param {State} state */
  function rowAt(state) {
    const row = chosenRow(place, state);
    if (there.includes(row)) at = row;
    input.value = String(index[at]);
    return at;
  }
  return { node: el("label", { class: "choose" }, `${label} `, input), rowAt };
}

/**
 * Mark the neuron under the pointer everywhere, and when it leaves the one that was chosen before; a
 * click chooses.
 * @param {Element} node @param {import("./types").Store} store @param {(event: MouseEvent) => number} neuronAt
 */
export function brush(node, store, neuronAt) {
  /** @type {number | null} */ let chosen = null;
  let isOver = false;
  const over = (/** @type {Event} */ e) => {
    if (!isOver) chosen = store.state.neuron;
    isOver = true;
    store.set({ neuron: neuronAt(/** @type {MouseEvent} */ (e)) });
  };
  node.addEventListener("pointerenter", over);
  node.addEventListener("pointermove", over);
  node.addEventListener("click", () => { chosen = store.state.neuron; });
  node.addEventListener("pointerleave", () => {
    isOver = false;
    store.set({ neuron: chosen });
  });
}
