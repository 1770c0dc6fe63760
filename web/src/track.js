// The curve of train and test in the bar: the control of time. What is still to come is faint.

import { axisOf } from "./axis.js";
import { el, svg } from "./dom.js";
import { nearest } from "./state.js";

/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Store} Store */

const [HEIGHT, TOP, BOTTOM] = [50, 13, 46];
const EDGE = 6; // pixels on either side, for the handle
const LETTER = 5.6; // pixels

/** @param {Run[]} runs @param {Store} store @param {HTMLElement} slider what keys and screen readers use @param {() => void} stop */
export function track(runs, store, slider, stop) {
  const root = svg("svg", { height: HEIGHT, class: "lines", "aria-hidden": "true" });
  const node = el("div", { class: "track" }, slider, root);
  let width = 0;
  let drawnFor = "";
  /** @type {ReturnType<typeof axisOf>} */ let axis;
  /** @type {SVGElement} */ let cursor;
  /** @type {SVGElement} */ let handle;
  /** @type {SVGElement} */ let guessed;
  /** @type {SVGElement} */ let veil;
  const place = (/** @type {number} */ step) => EDGE + (width - 2 * EDGE) * Math.min(1, axis.across(step));

  /** @param {Run} run @param {State} state */
  function redraw(run, state) {
    width = node.clientWidth || 300;
    axis = axisOf(run, state);
    root.setAttribute("width", String(width));
    const until = state.guessing ? run.frames[state.frame] : Infinity;
    const marks = state.guessing ? [] : [...phases(run), ...events(run)];
    veil = svg("rect", { y: 0, height: HEIGHT, class: "veil" });
    cursor = svg("line", { y1: TOP - 4, y2: BOTTOM + 2, class: "cursor" });
    handle = svg("circle", { cy: TOP - 4, r: 4.5, class: "handle" });
    guessed = svg("line", { y1: TOP - 4, y2: BOTTOM + 2, class: "guess" });
    root.replaceChildren(svg("line", { x1: EDGE, x2: width - EDGE, y1: BOTTOM, y2: BOTTOM, class: "grid" }), ...marks,
      line(run, "train_accuracy", "var(--train)", until), line(run, "test_accuracy", "var(--test)", until), veil, cursor, handle, guessed);
  }

  /** @param {Run} run @param {string} name @param {string} colour @param {number} until */
  function line(run, name, colour, until) {
    const d = (run.rows.step ?? []).flatMap((step, i) => {
      const y = run.rows[name][i];
      return y === null || step === null || step > until ? [] : [`${place(step).toFixed(1)},${(BOTTOM - (BOTTOM - TOP) * y).toFixed(1)}`];
    }).join("L");
    return svg("path", { d: d && `M${d}`, fill: "none", stroke: colour, "stroke-width": 2, "stroke-linejoin": "round" });
  }

  /** @param {Run} run */
  function phases(run) {
    return run.phases.map((phase, i) => svg("rect", { x: place(phase.from), y: TOP, width: Math.max(0, place(phase.to) - place(phase.from)), height: BOTTOM - TOP, class: `phase p${i}` }));
  }

  /** Where it memorised and generalised, named where there is room. @param {Run} run */
  function events(run) {
    let free = -Infinity; // no name begins left of it
    return run.events.filter((x) => x.name !== "t_clean").flatMap(({ label, step }) => {
      const x = place(step);
      const wide = LETTER * label.length;
      const left = Math.min(Math.max(0, x - wide / 2), width - wide);
      const tick = svg("line", { x1: x, x2: x, y1: TOP, y2: BOTTOM, class: "event" });
      if (left < free) return [tick];
      free = left + wide + 6;
      return [tick, svg("text", { x: left, y: 9, class: "tick mark" }, label)];
    });
  }

  /** @param {State} state */
  function draw(state) {
    const run = runs[state.run];
    const key = `${state.run} ${state.log} ${state.guessing ? state.frame : ""} ${node.clientWidth}`;
    if (key !== drawnFor) redraw(run, state);
    drawnFor = key;
    const x = place(run.frames[state.frame]);
    stand(cursor, x);
    handle.setAttribute("cx", String(x));
    guessed.setAttribute("visibility", state.guess === null ? "hidden" : "visible");
    stand(guessed, place(state.guess ?? 0));
    veil.setAttribute("x", String(x));
    veil.setAttribute("width", String(Math.max(0, width - x)));
  }

  /** @param {PointerEvent} e */
  function move(e) {
    const part = Math.min(1, Math.max(0, (e.clientX - root.getBoundingClientRect().left - EDGE) / (width - 2 * EDGE)));
    const step = axis.step(part);
    if (store.state.guessing) { store.set({ guess: Math.round(step) }); return; }
    stop();
    store.set({ frame: nearest(runs[store.state.run].frames, step) });
  }
  node.addEventListener("pointerdown", (e) => {
    node.setPointerCapture(e.pointerId);
    move(e);
    slider.focus({ preventScroll: true });
    e.preventDefault();
  });
  node.addEventListener("pointermove", (e) => { if (e.buttons) move(e); });
  const observer = new ResizeObserver(() => { if (node.clientWidth !== width) draw(store.state); });
  observer.observe(node);
  store.signal.addEventListener("abort", () => observer.disconnect());
  node.title = "drag to move in time";
  return { node, draw };
}

/** Put an upright line there. @param {SVGElement} line @param {number} x */
function stand(line, x) {
  line.setAttribute("x1", String(x));
  line.setAttribute("x2", String(x));
}
