// What all painters share: a box on a canvas, the page's colours, text.

import { PARTS, OTHER } from "../../colours.js";

/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {{x: number, y: number, width: number, height: number}} Box */
/** @typedef {{ink: string, paper: string, faint: string, line: string, soft: string, train: string, test: string, mark: string}} Colours */
/** @typedef {import("../view.js").View} View */
/** @typedef {(context: Context, box: Box, view: View, colours: Colours) => void} Paint */

/** The page's colours, which differ in the dark. @param {Element} root @returns {Colours} */
export function coloursOf(root) {
  const style = getComputedStyle(root);
  const names = ["ink", "paper", "faint", "line", "soft", "train", "test", "mark"];
  return /** @type {Colours} */ (Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])));
}

/** @param {Context} context @param {string} text @param {number} x @param {number} y @param {string} colour @param {CanvasTextAlign} [align] @param {string} [font] */
export function write(context, text, x, y, colour, align = "left", font = "11px system-ui, sans-serif") {
  context.font = font;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

/** @param {Context} context @param {[number, number][]} points @param {string} colour @param {number} [width] @param {number[]} [dash] */
export function line(context, points, colour, width = 1, dash = []) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.lineJoin = "round";
  context.stroke();
  context.setLineDash([]);
}

/** The colour of the n-th part that stood out; grey of one that did not. @param {number | undefined} n */
export const colourOf = (n) => (n === undefined ? OTHER : PARTS[n % PARTS.length]);

/** A colour of the page as numbers. @param {string} hex @returns {[number, number, number]} */
export function rgb(hex) {
  const full = hex.length === 4 ? [...hex.slice(1)].map((x) => x + x).join("") : hex.slice(1);
  const [r, g, b] = [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16));
  return [r, g, b];
}

/** Pixels put into a box, each a rectangle of its own. @param {Context} context @param {Uint32Array} pixels @param {number} columns @param {number} rows @param {Box} box */
export function pixelsInto(context, pixels, columns, rows, box) {
  const small = smallCanvas(columns, rows);
  const inner = /** @type {Context} */ (small.getContext("2d"));
  const image = inner.createImageData(columns, rows);
  new Uint32Array(image.data.buffer).set(pixels);
  inner.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, box.x, box.y, box.width, box.height);
}

/** @type {Map<string, HTMLCanvasElement>} */ const canvases = new Map();
/** @param {number} columns @param {number} rows */
function smallCanvas(columns, rows) {
  const key = `${columns} ${rows}`;
  const found = canvases.get(key) ?? Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  canvases.set(key, found);
  return found;
}
