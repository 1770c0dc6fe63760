// The one control of time: the curve in the bar, keys, and play.

import { axisOf } from "./axis.js";
import { el, number, percent } from "./dom.js";
import { atOrBefore, nearest } from "./state.js";
import { track } from "./track.js";

/** @typedef {import("./types").Store} Store */
/** @typedef {import("./types").Run} Run */

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const SECONDS = 8; // that the whole axis takes
const LEAST = 1.2; // seconds
const REST = 0.8; // seconds before it begins again
const SPEEDS = /** @type {[number, string][]} */ ([[0.5, "½×"], [1, "1×"], [2, "2×"], [4, "4×"]]);

/** @param {HTMLElement} root where keys are heard @param {Run[]} runs @param {Store} store */
export function timeControl(root, runs, store) {
  let playing = 0;
  let played = store.state.run;
  const frames = () => runs[store.state.run].frames;
  const slider = el("input", { type: "range", min: 0, step: 1, id: "time", "aria-label": "step of training" });
  const button = el("button", { type: "button", id: "play" }, "▶ play");
  const speed = el("select", { id: "speed", "aria-label": "speed" }, ...SPEEDS.map(([x, name]) => el("option", { value: x, selected: x === 1 }, name)));
  const again = el("button", { type: "button", id: "loop", "aria-pressed": "false", onclick: () => again.setAttribute("aria-pressed", String(!loops())) }, "loop");
  const loops = () => again.getAttribute("aria-pressed") === "true";
  const readout = el("output", { for: "time", id: "step" });
  const scale = el("button", { type: "button", id: "scale", "aria-label": "logarithmic time", "aria-pressed": "true" }, "time: log");
  slider.addEventListener("input", () => { stop(); store.set({ frame: Number(slider.value) }); });
  button.addEventListener("click", () => (playing ? stop() : play(atEnd() ? 0 : store.state.frame, frames().length - 1)));
  scale.addEventListener("click", () => store.set({ log: !store.state.log }));
  const curve = track(runs, store, slider, () => stop());
  const atEnd = () => store.state.frame >= frames().length - 1;

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    button.textContent = "▶ play";
  }

  /** The neuron that is shown after the marked one, or before it. @param {number} by */
  function beside(by) {
    const index = runs[store.state.run].neurons?.index ?? [];
    const at = store.state.neuron === null ? -1 : index.indexOf(store.state.neuron);
    return index.length ? index[at < 0 ? 0 : (at + by + index.length) % index.length] : null;
  }

  /** Play from one frame to another; without motion, go there. @param {number} from @param {number} to */
  function play(from, to) {
    stop();
    if (calm.matches) { store.set({ frame: to }); return; }
    const axis = axisOf(runs[store.state.run], store.state);
    const [start, end] = [axis.across(frames()[from]), axis.across(frames()[to])];
    const length = 1000 * Math.max(LEAST, SECONDS * Math.abs(end - start));
    let [part, before] = [0, performance.now()];
    button.textContent = "❚❚ pause";
    played = store.state.run;
    const next = (/** @type {number} */ now) => {
      if (store.state.run !== played || store.state.guessing) { stop(); return; }
      part += ((now - before) / length) * Number(speed.value);
      before = now;
      store.set({ frame: part < 1 ? nearest(frames(), axis.step(start + part * (end - start))) : to });
      if (part >= 1 && !loops()) { stop(); return; }
      if (part > 1 + (1000 * REST) / length) part = 0;
      playing = requestAnimationFrame(next);
    };
    playing = requestAnimationFrame(next);
  }

  const { signal } = store;
  signal.addEventListener("abort", stop);
  root.addEventListener("keydown", (e) => {
    const on = /** @type {HTMLElement} */ (e.target);
    if (e.ctrlKey || e.metaKey || e.altKey || store.state.guessing) return;
    if (on.closest("input:not([type=checkbox]), select, textarea") && on !== slider) return;
    const by = e.shiftKey ? 10 : 1;
    const last = frames().length - 1;
    const { frame } = store.state;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => store.set({ frame: Math.max(0, frame - by) }),
      ArrowRight: () => store.set({ frame: Math.min(last, frame + by) }),
      Home: () => store.set({ frame: 0 }),
      End: () => store.set({ frame: last }),
      " ": () => button.click(),
      l: () => scale.click(),
      n: () => store.set({ neuron: beside(1) }),
      p: () => store.set({ neuron: beside(-1) }),
    };
    const key = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    if (!(key in keys) || (key === " " && on.closest("button, summary, a, input"))) return;
    e.preventDefault();
    e.stopPropagation(); // a notebook has keys of its own
    if (key.length > 1) stop();
    keys[key]();
  }, { signal });
  root.addEventListener("click", (e) => {
    const asked = /** @type {HTMLElement} */ (e.target).closest("[data-play]");
    if (!asked) return;
    const [from, to] = (asked.getAttribute("data-play") ?? "").split(",").map(Number);
    play(nearest(frames(), from), nearest(frames(), to));
  }, { signal });
  store.subscribe((state) => {
    curve.draw(state);
    const run = runs[state.run];
    slider.max = String(run.frames.length - 1);
    slider.disabled = state.guessing || run.frames.length < 2;
    button.disabled = state.guessing || run.frames.length < 2;
    scale.disabled = run.frames.length < 2;
    slider.value = String(state.frame);
    const step = run.frames[state.frame];
    const row = run.rows.step ? atOrBefore(/** @type {number[]} */ (run.rows.step), step) : -1;
    const at = row < 0 ? step : /** @type {number} */ (run.rows.step[row]);
    const right = row < 0 ? "" : ` · train ${percent(run.rows.train_accuracy[row])} · test ${percent(run.rows.test_accuracy[row])} right${at < step ? ` (evaluated at ${number(at)})` : ""}`;
    readout.textContent = `step ${number(step)}${right}`;
    slider.setAttribute("aria-valuetext", readout.textContent);
    scale.setAttribute("aria-pressed", String(state.log));
    scale.textContent = state.log ? "time: log" : "time: linear";
  });
  const how = el("span", { class: "how" }, speed, again, scale);
  const node = el("div", { class: "time" }, button, curve.node, el("div", { class: "under" }, readout, how));
  return { node, how, stop, play };
}
