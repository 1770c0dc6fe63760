// The weights of each digit, for tasks of digits.

import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el, svg } from "../dom.js";
import { heat } from "../heat.js";

/** @type {import("../types").Mount} */
export function digits(place) {
  const stack = place.stacks.digits;
  const [width, height] = [680, 110];
  const map = heat({ rows: stack.rows, columns: stack.columns, isSigned: true, full: largestAtEnd(stack), label: "input weights", aspect: 2.6, rowsAre: "neuron", columnsAre: "digit, the last a bias" });
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "lines", role: "img", "aria-label": "size of the weights of each digit" });
  const wide = width / stack.columns;
  const bars = Array.from({ length: stack.columns }, (_, i) => {
    const bar = svg("rect", { x: i * wide + 2, width: wide - 4, class: "bar key" });
    root.append(bar, svg("text", { x: (i + 0.5) * wide, y: height - 2, class: "tick mid" }, i < stack.columns - 1 ? String(i) : "b"));
    return bar;
  });
  place.drawing.append(map.node, el("div", { class: "title" }, "size of each digit's weights (norm over neurons)"), root);
  /** @param {number} frame */
  const norms = (frame) => {
    const levels = frameOf(stack, frame);
    return bars.map((_, i) => {
      let sum = 0;
      for (let j = i; j < levels.length; j += stack.columns) sum += levels[j] ** 2;
      return (Math.sqrt(sum) / 127) * stack.scale;
    });
  };
  let top = 1e-9;
  for (let frame = 0; frame < stack.frames; frame++) top = Math.max(top, ...norms(frame));
  return {
    draw(state) {
      map.draw(frameOf(stack, state.frame));
      norms(state.frame).forEach((x, i) => {
        const tall = (x / top) * (height - 20);
        bars[i].setAttribute("y", String(height - 14 - tall));
        bars[i].setAttribute("height", String(tall));
      });
    },
    table(state) {
      const levels = frameOf(stack, state.frame);
      return [["neuron", ...bars.keys()], ...Array.from({ length: stack.rows }, (_, i) =>
        [i, ...Array.from(levels.subarray(i * stack.columns, (i + 1) * stack.columns), (x) => valueOf(stack, x))])];
    },
  };
}
