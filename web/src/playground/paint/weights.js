// Every neuron is a row: what it reads of a and of b, and what it says of each answer, in the order of
// what the neurons become.

import { table } from "../../colours.js";
import { colourOf, pixelsInto, write } from "./canvas.js";

const [STRIP, GAP, HEAD] = [8, 6, 16];

/** The pictures side by side: their titles, how many columns they have, a value by neuron and column.
 * @param {import("../view.js").View} view @returns {{title: string, columns: number, value: (k: number, j: number) => number}[]} */
export function blocks({ task, frame: { L, R, U, digits }, neurons: H }) {
  if (digits) return [{ title: "reads each digit (last: a constant)", columns: task.digits + 1, value: (k, j) => digits[j * H + k] }, { title: "says “odd”", columns: 1, value: (k) => U[4 * k + 1] }];
  const wide = (task.nC + 3) & ~3;
  return [{ title: "reads of a", columns: task.nA, value: (k, j) => L[task.order[j] * H + k] }, { title: "reads of b", columns: task.nB, value: (k, j) => R[task.order[j] * H + k] },
    { title: "says for each answer", columns: task.nC, value: (k, j) => U[k * wide + task.order[j]] }];
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
  let x = box.x + STRIP + GAP;
  for (const { title, columns, value } of shown) {
    const width = (room * Math.max(columns, 3)) / total;
    let most = 1e-12;
    for (const k of order) for (let j = 0; j < columns; j++) most = Math.max(most, Math.abs(value(k, j)));
    const colours = table(true, 127);
    const pixels = new Uint32Array(order.length * columns);
    order.forEach((k, i) => { for (let j = 0; j < columns; j++) pixels[i * columns + j] = colours[Math.round((127 * value(k, j)) / most) & 255]; });
    pixelsInto(context, pixels, columns, order.length, { x, y: box.y + HEAD, width, height: box.height - HEAD });
    write(context, title, x, box.y + 7, view.colours.faint);
    x += width + GAP;
  }
  context.fillStyle = view.colours.paper;
  order.forEach((k, i) => { if (cuts.neurons.includes(k)) context.fillRect(box.x, box.y + HEAD + i * high, box.width, high + 0.5); });
}
