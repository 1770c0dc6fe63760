// The canvases of the page, each with its painter, sharp on any screen.

import { answers } from "./paint/answers.js";
import { circles } from "./paint/circles.js";
import { curves } from "./paint/curves.js";
import { spectrum } from "./paint/spectrum.js";
import { weights } from "./paint/weights.js";

/** @typedef {import("./view.js").View} View */

/** @type {Record<string, import("./paint/canvas.js").Paint>} */
const PAINTERS = { curves, answers, weights, spectrum, circles };
const SLOW = ["weights", "spectrum", "circles"]; // drawn in every other frame while it trains

/** The place of a picture in its canvas: all of it. @param {HTMLCanvasElement} canvas */
export function boxOf(canvas) {
  return { x: 0, y: 0, width: canvas.clientWidth, height: canvas.clientHeight };
}

/** @param {ParentNode} root */
export function drawings(root) {
  const canvases = Object.keys(PAINTERS).map((name) => /** @type {[string, HTMLCanvasElement]} */ ([name, root.querySelector(`canvas#${name}`)]));
  let count = 0;
  let rows = -1; // that the curves were drawn of
  /** @param {View} view */
  return (view) => {
    count++;
    for (const [name, canvas] of canvases) {
      if (view.frame.isPlaying && (name === "curves" ? view.frame.rows.length === rows : count % 2 && SLOW.includes(name))) continue;
      const ratio = Math.min(2, devicePixelRatio);
      const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
      if (!width || !height) continue;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
      PAINTERS[name](context, boxOf(canvas), view, view.colours);
    }
    rows = view.frame.rows.length;
  };
}
