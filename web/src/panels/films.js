// Activations over (a, b): of a few neurons at every checkpoint, of a chosen one at the last.

import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el } from "../dom.js";
import { heat } from "../heat.js";
import { cellOf } from "../names.js";

/** @type {import("../types").Mount} */
export function films(place) {
  const { run, stacks, store } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const still = stacks.activations;
  const axes = { rowsAre: "a", columnsAre: "b" };
  const moving = neurons.films.filter((i) => `film ${i}` in stacks).map((i) => {
    const stack = stacks[`film ${i}`];
    const map = heat({ ...axes, rows: stack.rows, columns: stack.columns, isSigned: true, full: largestAtEnd(stack), most: (largestAtEnd(stack) / 127) * stack.scale, label: `neuron ${neurons.index[i]}, ${neurons.parts[i] ?? ""}` });
    return { i, stack, map };
  });
  const chooser = el("select", { "aria-label": "neuron", onchange: () => store.set({ neuron: Number(chooser.value) }) },
    ...neurons.index.map((x, i) => el("option", { value: x }, `${x}${neurons.parts[i] ? `, ${neurons.parts[i]}` : ""}`)));
  const chosen = heat({ ...axes, rows: still.rows, columns: still.columns, isSigned: true, most: still.scale, label: "the chosen neuron, last checkpoint" });
  place.drawing.append(el("label", { class: "choose" }, "chosen neuron ", chooser),
    el("div", { class: "maps" }, ...moving.map((x) => x.map.node), chosen.node));
  let at = 0;
  return {
    draw(state) {
      for (const { stack, map } of moving) map.draw(frameOf(stack, state.frame));
      const row = state.neuron === null ? -1 : neurons.index.indexOf(state.neuron);
      if (row >= 0) at = row;
      chooser.value = String(neurons.index[at]);
      chosen.draw(frameOf(still, at));
    },
    table(state) {
      /** @type {(string | number | null)[][]} */
      const found = [["neuron", "a", "b", "activation"]];
      for (const { i, stack } of moving) {
        const levels = frameOf(stack, state.frame);
        for (let j = 0; j < levels.length; j++) if (levels[j] !== -128) found.push([neurons.index[i], cellOf(run, Math.floor(j / stack.columns)), cellOf(run, j % stack.columns), valueOf(stack, levels[j])]);
      }
      return found;
    },
  };
}
