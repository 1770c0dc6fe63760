// A picture of numbers, through a table of colours into a canvas.

import { SCHEME, gradient, table } from "./colours.js";
import { el, number } from "./dom.js";

/** @typedef {import("./types").Stack} Stack */

const NARROW = 0.09; // of a picture's width, that a name needs

/**
 * @param {{rows: number, columns: number, label: string, isSigned: boolean, full?: number,
 *   aspect?: number, rowsAre?: string, columnsAre?: string, most?: number}} options
 * `most`: the value whose colour is fullest, for the scale beneath.
 */
export function heat(options) {
  const canvas = el("canvas", { width: options.columns, height: options.rows, role: "img", "aria-label": options.label });
  if (options.aspect) canvas.style.aspectRatio = String(options.aspect);
  const bar = el("div", { class: "band", hidden: true });
  const holder = el("div", { class: "map" }, canvas, bar);
  const scale = el("i", {});
  const { most } = options;
  const legend = most === undefined ? "" : el("div", { class: "scale" }, options.isSigned ? number(-most) : "0", scale, number(most));
  const node = el("div", { class: "heat" }, el("div", { class: "title" }, options.label), holder,
    el("div", { class: "axes" }, el("span", {}, options.rowsAre ? `↓ ${options.rowsAre}` : ""), el("span", {}, options.columnsAre ? `${options.columnsAre} →` : "")), legend);
  scale.style.background = gradient(options.isSigned);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(options.columns, options.rows);
  const pixels = new Uint32Array(image.data.buffer);
  let colours = table(options.isSigned, options.full ?? 127);
  /** @type {Int8Array | null} */ let drawn = null;

  /** @param {Int8Array} levels */
  function draw(levels) {
    drawn = levels;
    for (let i = 0; i < pixels.length; i++) pixels[i] = colours[levels[i] & 255];
    context.putImageData(image, 0, 0);
  }
  canvas.addEventListener(SCHEME, () => {
    colours = table(options.isSigned, options.full ?? 127);
    scale.style.background = gradient(options.isSigned);
    if (drawn) draw(drawn);
  });
  /** Mark a row. @param {number | null} row */
  function mark(row) {
    bar.hidden = row === null;
    if (row !== null) {
      bar.style.top = `${(100 * row) / options.rows}%`;
      bar.style.height = `${100 / options.rows}%`;
    }
  }
  return { node, canvas, draw, mark, cell: (/** @type {MouseEvent} */ event) => cellAt(canvas, event) };
}

/** The row and the column under a pointer, of a picture with a pixel a cell.
 * @param {HTMLCanvasElement} canvas @param {MouseEvent} event @returns {[number, number]} */
export function cellAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const row = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  const column = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  return [Math.min(Math.max(row, 0), canvas.height - 1), Math.min(Math.max(column, 0), canvas.width - 1)];
}

/** @typedef {{at: number, name: string, isKey: boolean}} Mark */

/** Names beneath columns of a picture, in rows so that none covers another; key ones always.
 * @param {HTMLElement} node @param {Mark[]} marks */
export function ticked(node, marks) {
  const holder = /** @type {HTMLElement} */ (node.querySelector(".map"));
  /** @type {number[]} */ const ends = [];
  const spans = [...marks].sort((x, y) => Number(y.isKey) - Number(x.isKey) || x.at - y.at).flatMap(({ at, name, isKey }) => {
    const row = [0, 1, 2].find((i) => (isKey ? (ends[i] ?? -1) <= at - NARROW : i === 0 && !marks.some((x) => x.isKey && Math.abs(x.at - at) < NARROW)));
    if (row === undefined) return [];
    if (isKey) ends[row] = at;
    return [el("span", { class: isKey ? "key" : "", style: `left:${100 * at}%;top:${row * 1.05}em` }, name)];
  });
  const ticks = el("div", { class: "ticks", style: `height:${1.05 * Math.max(1, ends.length) + 0.3}em` }, ...spans);
  const framed = el("div", {});
  holder.replaceWith(framed);
  framed.append(holder, ticks);
}

/** The columns of a picture in another order. @param {Int8Array} levels @param {number} columns @param {number[] | null} order @param {Int8Array} into */
export function reordered(levels, columns, order, into) {
  if (!order) return levels;
  for (let i = 0; i < levels.length; i += columns) for (let j = 0; j < columns; j++) into[i + j] = levels[i + order[j]];
  return into;
}
