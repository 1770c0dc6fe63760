// The symbols in the planes that carry the largest parts: of a sum, each on a circle of its own.

import { circleOf } from "../lens.js";
import { colourOf, write } from "./canvas.js";

const HEAD = 16;
const NAMED = 10; // symbols at most, whose names have room

/** @type {import("./canvas.js").Paint} */
export function circles(context, box, view, colours) {
  const { task, frame, read, shown, slots, neurons, scaleOf } = view;
  const columns = box.width > 2.2 * box.height ? 4 : 2;
  const side = Math.min(box.width / columns, box.height / (4 / columns)) - 6;
  shown.forEach((part, i) => {
    const [x, y] = [box.x + (i % columns) * (box.width / columns), box.y + Math.floor(i / columns) * (side + 6)];
    const points = circleOf(read[part], frame.L, neurons, task.nA);
    const most = scaleOf(points);
    const half = (side - HEAD) / 2;
    const [cx, cy] = [x + side / 2, y + HEAD + half];
    write(context, read[part].name, x + side / 2, y + 7, colourOf(slots.get(part)), "center", "600 11px system-ui, sans-serif");
    context.strokeStyle = colours.line;
    context.lineWidth = 1;
    context.strokeRect(cx - half, cy - half, 2 * half, 2 * half);
    const waves = task.parts.find((z) => z.name === read[part].name)?.basis ?? [];
    points.forEach(([u, v], a) => {
      const turn = waves.length === 2 ? Math.atan2(waves[1][a], waves[0][a]) : (2 * Math.PI * a) / task.nA;
      const [px, py] = [cx + (u / most) * (half - 5), cy - (v / most) * (half - 5)];
      context.beginPath();
      context.arc(px, py, task.names ? 4 : 2.6, 0, 7);
      context.fillStyle = `hsl(${(turn * 180) / Math.PI} 65% 50%)`;
      context.fill();
      if (task.names && task.nA <= NAMED && side > 90) write(context, task.names[a], px + 6, py - 5, colours.faint, "left", "10px system-ui, sans-serif");
    });
  });
}
