// How much of what it reads lies in each frequency, irrep or digit.

import { percent } from "../../dom.js";
import { colourOf, line, write } from "./canvas.js";

const [LEFT, RIGHT, BOTTOM, HEAD] = [34, 8, 16, 6];

/** Which part is at a place across. @param {import("./canvas.js").Box} box @param {number} x @param {number} parts */
export function partAt(box, x, parts) {
  return Math.min(parts - 1, Math.max(0, Math.floor(((x - box.x - LEFT) / (box.width - LEFT - RIGHT)) * parts)));
}

/** @type {import("./canvas.js").Paint} */
export function spectrum(context, box, { shares, read, slots, cuts, most }, colours) {
  const bottom = box.y + box.height - BOTTOM;
  const top = box.y + HEAD;
  const wide = (box.width - LEFT - RIGHT) / shares.length;
  const high = Math.max(most, 1.5 / shares.length);
  for (const y of [0, high]) {
    const at = bottom - (y / high) * (bottom - top);
    line(context, [[box.x + LEFT, at], [box.x + box.width, at]], colours.line);
    write(context, percent(y, 0), box.x + LEFT - 4, at + (y ? 4 : 0), colours.faint, "right");
  }
  const even = bottom - (bottom - top) / shares.length / high;
  line(context, [[box.x + LEFT, even], [box.x + box.width, even]], colours.faint, 1, [2, 4]);
  const every = Math.ceil(22 / wide);
  shares.forEach((share, i) => {
    const x = box.x + LEFT + i * wide;
    const height = (Math.min(share, high) / high) * (bottom - top);
    const isCut = cuts.parts.includes(read[i].name);
    context.fillStyle = colourOf(slots.get(i));
    context.globalAlpha = isCut ? 0.25 : 1;
    context.fillRect(x + wide * 0.12, bottom - height, wide * 0.76, height);
    context.globalAlpha = 1;
    if (isCut) line(context, [[x, bottom - height - 3], [x + wide, bottom - height - 3]], colours.ink, 2);
    const isNamed = slots.has(i) || (i % every === 0 && ![...slots.keys()].some((j) => Math.abs(j - i) < every));
    if (isNamed) write(context, shortOf(read[i].name), x + wide / 2, bottom + 9, slots.has(i) ? colours.ink : colours.faint, "center", `${slots.has(i) ? "600 " : ""}11px system-ui, sans-serif`);
  });
}

/** A part as it is named beneath its bar. @param {string} name */
export const shortOf = (name) => name.replace(/^(frequency|character|digit) /, "");
