// The embedding of each symbol in the planes that carry the key frequencies.

import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el } from "../dom.js";
import { cellOf, hasAngle, nameOf } from "../names.js";

/** @type {import("../types").Mount} */
export function circles(place) {
  const { run, stacks, store } = place;
  const stack = stacks.circles;
  const names = /** @type {string[]} */ (run.circles);
  const size = 320;
  const grid = el("div", { class: "small-multiples four" });
  place.drawing.append(grid);
  const parts = names.map((name, k) => {
    const canvas = el("canvas", { width: size, height: size, role: "img", "aria-label": `the embedding in the plane of ${name}` });
    canvas.addEventListener("pointermove", (e) => {
      const box = canvas.getBoundingClientRect();
      const i = nearestTo(k, ((e.clientX - box.left) / box.width) * size, ((e.clientY - box.top) / box.height) * size);
      canvas.title = i === null ? "" : nameOf(run, i);
    });
    grid.append(el("div", {}, el("div", { class: "title" }, name), canvas));
    return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  });
  const waves = Object.fromEntries((run.neurons?.waves ?? []).map((x) => [x.name, x.a]));
  const order = run.symbols.a;
  const largest = 1.1 * largestAtEnd(stack);
  /** Where a symbol stands. @param {Int8Array} levels @param {number} i @param {number} k */
  function point(levels, i, k) {
    const at = i * stack.columns + 2 * k;
    return [size / 2 + (levels[at] / largest) * (size / 2 - 8), size / 2 - (levels[at + 1] / largest) * (size / 2 - 8)];
  }
  /** The symbol under a pointer. @param {number} k @param {number} x @param {number} y */
  function nearestTo(k, x, y) {
    const levels = frameOf(stack, store.state.frame);
    let [best, distance] = [/** @type {number | null} */ (null), 12];
    for (let i = 0; i < stack.rows; i++) {
      const [left, top] = point(levels, i, k);
      const far = Math.hypot(left - x, top - y);
      if (far < distance) [best, distance] = [i, far];
    }
    return best;
  }
  return {
    draw(state) {
      const levels = frameOf(stack, state.frame);
      names.forEach((name, k) => {
        const context = parts[k];
        context.clearRect(0, 0, size, size);
        for (let i = 0; i < stack.rows; i++) {
          const wave = waves[name];
          const turn = wave ? Math.atan2(wave[1][i], wave[0][i]) : (2 * Math.PI * (order ? order.indexOf(i) : i)) / stack.rows;
          const [x, y] = point(levels, i, k);
          const colour = `hsl(${(turn * 180) / Math.PI} 65% 50%)`;
          context.beginPath();
          context.arc(x, y, i === state.a || i === state.b ? 9 : 4.5, 0, 7);
          if (hasAngle(run, i)) {
            context.fillStyle = colour;
            context.fill();
            continue;
          }
          context.strokeStyle = context.fillStyle = getComputedStyle(context.canvas).color;
          context.lineWidth = 2;
          context.stroke();
          context.font = "18px system-ui, sans-serif";
          context.fillText(nameOf(run, i), x + 9, y - 7);
        }
      });
    },
    table(state) {
      const levels = frameOf(stack, state.frame);
      return [["symbol", ...names.flatMap((x) => [`${x} cos`, `${x} sin`])], ...Array.from({ length: stack.rows }, (_, i) =>
        [cellOf(run, i), ...Array.from(levels.subarray(i * stack.columns, (i + 1) * stack.columns), (x) => valueOf(stack, x))])];
    },
  };
}
