// Every neuron is a row: what it reads of a and of b, and what it says of each answer, in the order of
// what the neurons become.

import { table } from "../../colours.js";
import { colourOf, pixelsInto, write } from "./canvas.js";

const [STRIP, GAP, HEAD] = [8, 6, 16];

/** @typedef {{title: string, columns: number, table: ArrayLike<number>, at: (k: number, j: number) => number}} Block
 * a picture beside the others; `at` says where in the table the value of a neuron and a column is */

/** @param {import("../view.js").View} view @returns {Block[]} */
export function blocks({ task, frame: { L, R, U, digits }, neurons: H }) {
  const { order } = task;
  if (digits) return [{ title: "reads each digit (last: a constant)", columns: task.digits + 1, table: digits, at: (k, j) => j * H + k }, { title: "says “odd”", columns: 1, table: U, at: (k) => 4 * k + 1 }];
  const wide = (task.nC + 3) & ~3;
  return [{ title: "reads of a", columns: task.nA, table: L, at: (k, j) => order[j] * H + k }, { title: "reads of b", columns: task.nB, table: R, at: (k, j) => order[j] * H + k },
    { title: "says for each answer", columns: task.nC, table: U, at: (k, j) => k * wide + order[j] }];
}

/** Which neuron is at a height. @param {import("./canvas.js").Box} box @param {number} y @param {number[]} order */
export function neuronAt(box, y, order) {
  const row = Math.floor(((y - box.y - HEAD) / (box.height - HEAD)) * order.length);
  return order[row];
}

/** @type {import("./canvas.js").Paint} */
export function weights(context, box, view) {
  const { sorted: { order, of }, slots, cuts } = view;
  const shown = blocks(view);
  const total = shown.reduce((sum, x) => sum + Math.max(x.columns, 3), 0);
  const room = box.width - STRIP - GAP * shown.length;
  const high = (box.height - HEAD) / order.length;
  order.forEach((k, i) => {
    context.fillStyle = colourOf(slots.get(of[k].part));
    context.globalAlpha = of[k].share;
    context.fillRect(box.x, box.y + HEAD + i * high, STRIP, high + 0.5);
  });
  context.globalAlpha = 1;
  const shades = table(true, 127);
  let x = box.x + STRIP + GAP;
  for (const { title, columns, table: values, at } of shown) {
    const width = (room * Math.max(columns, 3)) / total;
    let most = 1e-12;
    for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
    const pixels = new Uint32Array(order.length * columns);
    order.forEach((k, i) => { for (let j = 0; j < columns; j++) pixels[i * columns + j] = shades[Math.round((127 * values[at(k, j)]) / most) & 255]; });
    pixelsInto(context, pixels, columns, order.length, { x, y: box.y + HEAD, width, height: box.height - HEAD });
    write(context, title, x, box.y + 7, view.colours.faint);
    x += width + GAP;
  }
  context.fillStyle = view.colours.paper;
  order.forEach((k, i) => { if (cuts.neurons.includes(k)) context.fillRect(box.x, box.y + HEAD + i * high, box.width, high + 0.5); });
}
