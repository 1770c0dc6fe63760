// Activations over (a, b): of a few neurons at every checkpoint, of a chosen one at the last.

import { frameOf, valueOf } from "../decode.js";
import { el } from "../dom.js";
import { heat } from "../heat.js";
import { cellOf } from "../names.js";
import { neuronList } from "../neuron.js";

/** @type {import("../types").Mount} */
export function films(place) {
  const { run, stacks } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const still = stacks.activations;
  const most = still.scale; // of these neurons at the last checkpoint: one scale for all maps
  const axes = { rowsAre: "a", columnsAre: "b" };
  const isSigned = Object.entries(stacks).some(([name, { levels }]) => (name === "activations" || name.startsWith("film ")) && levels.some((x) => x < 0 && x !== -128));
  const moving = neurons.films.filter((i) => `film ${i}` in stacks).map((i) => {
    const stack = stacks[`film ${i}`];
    const map = heat({ ...axes, rows: stack.rows, columns: stack.columns, isSigned, full: (127 * most) / stack.scale, most, label: `neuron ${neurons.index[i]}, ${neurons.parts[i] ?? ""}` });
    return { i, stack, map };
  });
  const list = neuronList(place, { label: "chosen neuron" });
  const chosen = heat({ ...axes, rows: still.rows, columns: still.columns, isSigned, most, label: "the chosen neuron, last checkpoint" });
  place.drawing.append(list.node,
    el("div", { class: "maps" }, ...moving.map((x) => x.map.node), chosen.node));
  return {
    draw(state) {
      for (const { stack, map } of moving) map.draw(frameOf(stack, state.frame));
      chosen.draw(frameOf(still, list.rowAt(state)));
    },
    table(state) {
      /** @type {(string | number | null)[][]} */
      const found = [["neuron", "step", "a", "b", "activation"]];
      /** @param {number} row @param {number} frame @param {import("../types").Stack} stack @param {Int8Array} levels */
      const add = (row, frame, stack, levels) => levels.forEach((x, j) => {
        if (x !== -128) found.push([neurons.index[row], run.frames[frame], cellOf(run, Math.floor(j / stack.columns)), cellOf(run, j % stack.columns), valueOf(stack, x)]);
      });
      for (const { i, stack } of moving) add(i, state.frame, stack, frameOf(stack, state.frame));
      const row = list.rowAt(state);
      add(row, run.frames.length - 1, still, frameOf(still, row));
      return found;
    },
  };
}
