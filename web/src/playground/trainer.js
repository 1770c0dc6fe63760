// The worker as the page sees it: made of a blob, asked, and drawn no oftener than thirty times a second.

/** @typedef {import("./messages.js").Asked} Asked */
/** @typedef {import("./messages.js").Frame} Frame */

const LEAST = matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : 25; // milliseconds between two frames

/** @param {string} script @param {(frame: Frame) => boolean} draw draws a frame, unless it is of a network that is gone @param {(file: Uint8Array) => void} keep @param {(reason: string) => void} fail */
export function trainer(script, draw, keep, fail) {
  const worker = new Worker(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
  let isAsked = false;
  let drawnAt = 0;
  /** @type {((frame: Frame) => void)[]} */ let waiting = [];
  worker.onmessage = ({ data }) => {
    if (data.file) { keep(data.file); return; }
    isAsked = false;
    const frame = /** @type {Frame} */ (data.frame);
    const [heard, rest] = [waiting, /** @type {typeof waiting} */ ([])];
    waiting = rest;
    if (heard.length) for (const hear of heard) hear(frame);
    requestAnimationFrame(() => shown(frame));
  };
  worker.onerror = (e) => fail(e.message);

  /** @param {Frame} frame */
  function shown(frame) {
    if (performance.now() - drawnAt < LEAST) { requestAnimationFrame(() => shown(frame)); return; }
    drawnAt = performance.now();
    if (!draw(frame) || frame.isPlaying) ask();
  }
  function ask() {
    if (isAsked) return;
    isAsked = true;
    worker.postMessage({ do: "frame" });
  }
  /** @param {Asked} asked */
  function say(asked) {
    worker.postMessage(asked);
    if (asked.do !== "save") ask();
  }
  /** What a kept step looks like. @param {number} step @returns {Promise<Frame>} */
  function frameAt(step) {
    return new Promise((resolve) => {
      say({ do: "show", step });
      const hear = (/** @type {Frame} */ frame) => {
        if (frame.step === step && !frame.isPlaying) { resolve(frame); return; }
        waiting.push(hear);
        ask();
      };
      waiting.push(hear);
    });
  }
  return { say, frameAt };
}
