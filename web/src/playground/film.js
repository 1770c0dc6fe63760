// A picture of all that is seen, and a film of the kept steps by the browser's own recorder.

import { answers } from "./paint/answers.js";
import { circles } from "./paint/circles.js";
import { curves } from "./paint/curves.js";
import { spectrum } from "./paint/spectrum.js";
import { weights } from "./paint/weights.js";
import { write } from "./paint/canvas.js";
import { happened } from "./words.js";

/** @typedef {import("./view.js").View} View */

const [WIDTH, HEIGHT] = [1280, 720];
const [SECONDS, REST] = [8, 1];
const TYPES = ["video/mp4;codecs=avc1", "video/webm;codecs=vp9", "video/webm"];

/** @param {HTMLCanvasElement} canvas @param {View} view */
export function poster(canvas, view) {
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { colours, task, frame } = view;
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  write(context, `${task.title}, step ${frame.step}`, 24, 30, colours.ink, "left", "600 22px system-ui, sans-serif");
  write(context, happened({ ...view, frame: { ...frame, events: until(frame) } }), 24, 58, colours.faint, "left", "15px system-ui, sans-serif");
  curves(context, { x: 16, y: 84, width: 800, height: 330 }, view, colours);
  answers(context, { x: 860, y: 100, width: 300, height: 300 }, view, colours);
  weights(context, { x: 24, y: 430, width: 600, height: 270 }, view, colours);
  spectrum(context, { x: 650, y: 430, width: 260, height: 270 }, view, colours);
  circles(context, { x: 930, y: 430, width: 330, height: 270 }, view, colours);
  return canvas;
}

/** Only what has happened by the step that is shown. @param {View["frame"]} frame @returns {import("./run.js").Events} */
function until({ events, step }) {
  const by = (/** @type {number | null} */ x) => (x !== null && x <= step ? x : null);
  return { memorised: by(events.memorised), generalised: by(events.generalised), fell: by(events.fell) };
}

/** Whether this browser can record. */
export const canFilm = () => typeof MediaRecorder === "function" && typeof HTMLCanvasElement.prototype.captureStream === "function";

/** Record the kept steps one after the other. @param {number[]} steps @param {(step: number) => Promise<View>} viewOf @param {AbortSignal} signal @returns {Promise<Blob>} */
export async function film(steps, viewOf, signal) {
  const canvas = document.createElement("canvas");
  poster(canvas, await viewOf(steps[0]));
  const stream = canvas.captureStream(30);
  const type = TYPES.find((x) => MediaRecorder.isTypeSupported(x));
  const recorder = new MediaRecorder(stream, { ...(type ? { mimeType: type } : {}), videoBitsPerSecond: 4e6 });
  /** @type {Blob[]} */ const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const ended = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start(500);
  for (const step of steps) {
    if (signal.aborted) break;
    const until = performance.now() + (1000 * SECONDS) / steps.length;
    poster(canvas, await viewOf(step));
    await pause(until - performance.now());
  }
  await pause(1000 * REST);
  recorder.stop();
  await ended;
  for (const track of stream.getTracks()) track.stop();
  return new Blob(parts, { type: (recorder.mimeType || type || "video/webm").split(";")[0] });
}

/** @param {number} milliseconds */
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));
