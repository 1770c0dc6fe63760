// Each neuron of a frequency as a point, at the cosine and sine it has of it, joined by angle at the
// last checkpoint: a polygon of the inputs, and a star of the outputs where those turn twice as fast.

import { colourOf } from "../colours.js";
import { frameOf } from "../decode.js";
import { el, svg } from "../dom.js";
import { brush } from "../neuron.js";

/** @type {import("../types").Mount} */
export function stars(place) {
  const { run, stacks, store } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const grid = el("div", { class: "small-multiples four" });
  place.drawing.append(grid);
  const size = 150;

  /** Coefficients on cos and sin of some neurons. @param {string} kind @param {number[][]} waves @param {number[]} rows @param {number} frame */
  function points(kind, waves, rows, frame) {
    const stack = stacks[kind];
    const levels = frameOf(stack, frame);
    return rows.map((row) => waves.map((wave) => {
      let sum = 0;
      for (let i = 0; i < stack.columns; i++) sum += levels[row * stack.columns + i] * wave[i];
      return (sum / 127) * stack.scale;
    }));
  }
  const shown = neurons.waves.filter((x) => run.stars?.includes(x.name)).flatMap((wave) => {
    const mine = neurons.parts.flatMap((part, row) => (part === wave.name ? [row] : []));
    const last = points("of_a", wave.a, mine, run.frames.length - 1);
    const angles = last.map(([cos, sin]) => Math.atan2(sin, cos));
    const rows = mine.map((row, i) => ({ row, angle: angles[i] })).sort((x, y) => x.angle - y.angle).map((x) => x.row);
    return ["of_a", "out"].filter((kind) => kind in stacks).map((kind) => {
      const waves = kind === "out" ? wave.c : wave.a;
      let furthest = 1e-12;
      for (const [x, y] of points(kind, waves, rows, run.frames.length - 1)) furthest = Math.max(furthest, 1.15 * Math.hypot(x, y));
      const title = `${wave.name}: ${kind === "out" ? "output" : "input"}`;
      const joined = svg("path", { fill: "none", stroke: "currentColor", "stroke-width": 0.8, opacity: 0.45 });
      const dots = rows.map((row) => {
        const dot = svg("circle", { r: 4, fill: colourOf(run, wave.name), class: "dot" });
        brush(dot, store, () => neurons.index[row]);
        return dot;
      });
      const root = svg("svg", { viewBox: `0 0 ${size} ${size}`, class: "lines", role: "img", "aria-label": title },
        svg("line", { x1: 0, x2: size, y1: size / 2, y2: size / 2, class: "grid" }),
        svg("line", { x1: size / 2, x2: size / 2, y1: 0, y2: size, class: "grid" }), joined, ...dots);
      grid.append(el("div", {}, el("div", { class: "title" }, title), root));
      return { name: wave.name, kind, waves, rows, furthest, joined, dots };
    });
  });
  return {
    draw(state) {
      for (const { kind, waves, rows, furthest, joined, dots } of shown) {
        const at = points(kind, waves, rows, state.frame).map(([x, y]) => [x, y].map((z) => size / 2 + (z / furthest) * (size / 2 - 8)));
        joined.setAttribute("d", at.length ? `M${at.map((x) => x.map((z) => z.toFixed(1)).join(",")).join("L")}Z` : "");
        dots.forEach((dot, i) => {
          dot.setAttribute("cx", at[i][0].toFixed(1));
          dot.setAttribute("cy", at[i][1].toFixed(1));
          dot.classList.toggle("on", neurons.index[rows[i]] === state.neuron);
        });
      }
    },
    table(state) {
      return [["part", "weight", "neuron", "cos", "sin"], ...shown.flatMap(({ name, kind, waves, rows }) =>
        points(kind, waves, rows, state.frame).map(([x, y], i) => [name, kind, neurons.index[rows[i]], x, y]))];
    },
  };
}
