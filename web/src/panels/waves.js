// The same weights as waves, a panel a frequency.

import { colourOf } from "../colours.js";
import { frameOf, valueOf } from "../decode.js";
import { el, svg } from "../dom.js";
import { cellOf, hasAngle, nameOf } from "../names.js";
import { brush, chosenRow } from "../neuron.js";
import { named } from "./weights.js";

const MOST_PERIODS = 9; // that are still seen apart

/** Where a wave is too fast to be seen, the symbols in the order of its angle. @param {number[][]} wave @param {number[] | null} own */
function turnedOrder([cos, sin], own) {
  const symbols = own ?? [...cos.keys()];
  let turns = 0;
  for (let i = 1; i < symbols.length; i++) if (cos[symbols[i - 1]] < 0 !== cos[symbols[i]] < 0) turns++;
  if (turns <= 2 * MOST_PERIODS) return null;
  const angle = (/** @type {number} */ i) => (Math.atan2(sin[i], cos[i]) + 2 * Math.PI) % (2 * Math.PI);
  return [...symbols].sort((i, j) => angle(i) - angle(j));
}

/** @type {import("../types").Mount} */
export function waves(place) {
  const { run, stacks, store } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const parts = neurons.waves.map((x) => x.name);
  const kinds = ["of_a", "out"].filter((x) => x in stacks);
  const grid = el("div", { class: "small-multiples two" });
  const told = el("p", { class: "small" });
  const undrawn = neurons.parts.filter((x) => x !== null && !parts.includes(x));
  const others = undrawn.length ? ` Not drawn: ${undrawn.length} neurons that follow ${[...new Set(undrawn)].join(", ")}.` : "";
  place.drawing.append(grid, told);
  const [width, height] = [340, 96];
  /** @type {{path: SVGElement, row: number, kind: string, order: number[] | null}[]} */
  const drawn = [];
  for (const [k, part] of parts.entries()) for (const kind of kinds) {
    if (!neurons.parts.includes(part)) continue;
    const ownOrder = kind === "out" ? run.symbols.c : run.symbols.a;
    const turned = turnedOrder(neurons.waves[k][kind === "out" ? "c" : "a"], ownOrder);
    const along = kind === "out" ? "output, over the answer" : "input, over a";
    const title = `${part}: ${along}${turned ? "'s angle" : ""}`;
    const order = angled(turned ?? ownOrder, kind);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height + 14}`, class: "lines", role: "img", "aria-label": title });
    const ends = [order ? order[0] : 0, order ? order[order.length - 1] : stacks[kind].columns - 1];
    root.append(svg("line", { x1: 0, x2: width, y1: height / 2, y2: height / 2, class: "grid" }),
      ...ends.map((i, k) => svg("text", { x: k ? width : 0, y: height + 11, class: k ? "tick end" : "tick" }, turned ? (k ? "one turn" : "0") : nameOf(run, i))));
    neurons.parts.forEach((x, row) => {
      if (x !== part) return;
      const path = svg("path", { fill: "none", stroke: colourOf(run, part), "stroke-width": 1.2, class: "wave" });
      brush(path, store, () => neurons.index[row]);
      root.append(path);
      drawn.push({ path, row, kind, order });
    });
    grid.append(el("div", {}, el("div", { class: "title" }, title), root));
  }
  const largest = Object.fromEntries(kinds.map((kind) => [kind, largestOf(kind)]));
  /** Without symbols that stand on no cycle. @param {number[] | null} order @param {string} kind */
  function angled(order, kind) {
    const left = (order ?? [...Array(stacks[kind].columns).keys()]).filter((i) => hasAngle(run, i));
    return left.length === stacks[kind].columns ? order : left;
  }
  /** The largest level at the end, of the symbols that are drawn. @param {string} kind */
  function largestOf(kind) {
    const stack = stacks[kind];
    return frameOf(stack, stack.frames - 1).reduce((most, x, i) => (hasAngle(run, i % stack.columns) ? Math.max(most, Math.abs(x)) : most), 1);
  }
  const without = run.neurons?.cycles.a?.places.flatMap((x, i) => (x < 0 ? [nameOf(run, i)] : [])) ?? [];
  if (without.length) place.drawing.append(el("p", { class: "small" }, `Not drawn: ${without.join(", ")}, which has no angle.`));
  return {
    draw(state) {
      const row = chosenRow(place, state);
      for (const line of drawn) {
        const stack = stacks[line.kind];
        const { order } = line;
        const levels = frameOf(stack, state.frame);
        const at = line.row * stack.columns;
        let d = "";
        const count = order ? order.length : stack.columns;
        for (let i = 0; i < count; i++) {
          const y = height / 2 - (levels[at + (order ? order[i] : i)] / largest[line.kind]) * (height / 2 - 3);
          d += `${i ? "L" : "M"}${((i * width) / (count - 1)).toFixed(1)},${y.toFixed(1)}`;
        }
        line.path.setAttribute("d", d);
        line.path.classList.toggle("on", line.row === row);
        line.path.classList.toggle("off", row >= 0 && line.row !== row);
      }
      told.textContent = row < 0 ? `Point at a wave to see the same neuron everywhere.${others}` : named(neurons, row);
    },
    table(state) {
      /** @type {(string | number | null)[][]} */
      const found = [["part", "weight", "neuron", "symbol", "value"]];
      for (const { row, kind } of drawn) {
        const stack = stacks[kind];
        const levels = frameOf(stack, state.frame);
        for (let i = 0; i < stack.columns; i++) found.push([neurons.parts[row], kind, neurons.index[row], cellOf(run, i), valueOf(stack, levels[row * stack.columns + i])]);
      }
      return found;
    },
  };
}
