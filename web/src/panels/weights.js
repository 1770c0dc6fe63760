// The weights of the shown neurons as pictures: a row a neuron, sorted by part and phase.

import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el } from "../dom.js";
import { heat, reordered } from "../heat.js";

const TITLES = { of_a: "input: neuron as a function of a", of_b: "input: as a function of b", out: "output: what the neuron adds to each answer" };

/** @type {import("../types").Mount} */
export function weights(place) {
  const { run, stacks, store } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const shown = Object.entries(TITLES).filter(([name]) => name in stacks).map(([name, title]) => {
    const stack = stacks[name];
    const order = name === "out" ? run.symbols.c : run.symbols.a;
    const map = heat({ rows: stack.rows, columns: stack.columns, label: name === "of_a" && !("of_b" in stacks) ? "input: neuron as a function of a, and of b" : title,
      isSigned: true, full: largestAtEnd(stack), aspect: 2.2, rowsAre: "neuron", columnsAre: `${name === "out" ? "answer" : name.slice(3)}${order ? ", in the group's order" : ""}` });
    map.canvas.addEventListener("pointermove", (e) => store.set({ neuron: neurons.index[map.cell(e)[0]] }));
    map.canvas.addEventListener("pointerleave", () => store.set({ neuron: null }));
    return { name, stack, order, map, into: new Int8Array(stack.rows * stack.columns) };
  });
  const told = el("p", { class: "small" });
  place.drawing.append(el("div", { class: "maps" }, ...shown.map((x) => x.map.node)), told);
  return {
    draw(state) {
      const row = state.neuron === null ? -1 : neurons.index.indexOf(state.neuron);
      for (const { stack, order, map, into } of shown) {
        map.draw(reordered(frameOf(stack, state.frame), stack.columns, order, into));
        map.mark(row < 0 ? null : row);
      }
      told.textContent = row < 0 ? "Point at a row to see the same neuron everywhere." : named(neurons, row);
    },
    table(state) {
      const found = [["picture", "neuron", "part", ...Array(shown[0].stack.columns).keys()]];
      for (const { name, stack } of shown) {
        const levels = frameOf(stack, state.frame);
        neurons.index.forEach((neuron, i) => found.push([name, neuron, neurons.parts[i] ?? "",
          .../** @type {any[]} */ (Array.from(levels.subarray(i * stack.columns, (i + 1) * stack.columns), (x) => valueOf(stack, x)))]));
      }
      return found;
    },
  };
}

/** A neuron in words. @param {import("../types").Neurons} neurons @param {number} row */
export function named(neurons, row) {
  const part = neurons.parts[row];
  const share = neurons.shares[row];
  return `Neuron ${neurons.index[row]}${part && share !== null ? `: ${part} explains ${Math.round(share * 100)} % of its variation at the last checkpoint` : ""}.`;
}
