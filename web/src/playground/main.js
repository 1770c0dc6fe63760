// The playground: settings, a network that trains in a worker, and what is seen of it.

import { el, number, percent } from "../dom.js";
import { save } from "../save.js";
import { boxOf, drawings } from "./drawings.js";
import { canFilm, film, poster } from "./film.js";
import { coloursOf } from "./paint/canvas.js";
import { stepAt } from "./paint/curves.js";
import { partAt } from "./paint/spectrum.js";
import { neuronAt } from "./paint/weights.js";
import { DEFAULT, STARTS, changed, fromHash, toHash } from "./settings.js";
import { settingsForm } from "./settingsForm.js";
import { splitOf, taskOf } from "./tasks.js";
import { trainer } from "./trainer.js";
import { viewer } from "./view.js";
import { beginning, happened, pairInWords, wounded } from "./words.js";

/** @typedef {import("./messages.js").Frame} Frame */
/** @typedef {import("./view.js").View} View */
/** @typedef {import("./surgery.js").Cuts} Cuts */

const NONE = new Float64Array(0);

/** @template {HTMLElement} T @param {string} id @returns {T} */
const $ = (id) => /** @type {T} */ (document.getElementById(id));
const root = document.body;
const groups = JSON.parse($("groups").textContent ?? "{}");
const play = /** @type {HTMLButtonElement} */ ($("play"));
const slider = /** @type {HTMLInputElement} */ ($("kept"));
const speed = /** @type {HTMLSelectElement} */ ($("speed"));
const draw = drawings(document);

let settings = fromHash(location.hash);
let task = taskOf(settings, groups);
let seen = viewer(settings, task, splitOf(task, settings).train);
let colours = coloursOf(root);
/** @type {View | null} */ let view = null;
/** @type {Cuts} */ let cuts = { parts: [], neurons: [] };
/** @type {Float64Array} */ let ghost = NONE; // the evaluations of another way that was left
let isPlaying = false;
let turn = 0; // of the plays, which this is
let life = 0; // of the networks, which this is
let wanted = -1; // the step to go back to in the next frame
let [said, rested] = ["", ""];
let decayBefore = settings.decay || 2;
/** @type {AbortController | null} */ let filming = null;

const worker = trainer($("worker").textContent ?? "", show, download, (reason) => tell(`It cannot train here: ${reason}. Try another browser.`));
const form = settingsForm($("settings"), set);

/** Draw a frame, unless it is of a network that is gone. @param {Frame} frame */
function show(frame) {
  if (frame.life !== life) return false;
  view = seen.see(frame, ghost, cuts, colours);
  draw(view);
  const rows = frame.rows;
  const at = Array.from({ length: rows.length / 6 }, (_, i) => 6 * i).filter((i) => rows[i] <= frame.step).pop();
  $("step-now").textContent = `step ${number(frame.step)}`;
  $("train-now").textContent = percent(at === undefined ? null : rows[at + 1], 0);
  $("test-now").textContent = percent(at === undefined ? null : rows[at + 2], 0);
  slider.max = String(Math.max(0, frame.kept.length - 1));
  slider.value = String(Math.max(0, frame.kept.findLastIndex((x) => x <= frame.step)));
  slider.setAttribute("aria-valuetext", `step ${number(frame.step)}, train ${$("train-now").textContent}, test ${$("test-now").textContent}`);
  if (isPlaying && !frame.isPlaying && frame.turn === turn) {
    isPlaying = false;
    fillPlay();
    rested = " It rests here; play goes on.";
  }
  tell((happened(view) || beginning(view)) + rested);
  if (frame.isPlaying && frame.events.generalised !== null && !frame.keys.length) worker.say({ do: "winners" });
  $("wound").textContent = wounded(view);
  fillCuts();
  root.dataset.ready = "";
  root.dataset.step = String(frame.step);
  root.dataset.frames = String(Number(root.dataset.frames ?? 0) + 1);
  return true;
}

/** Said once, so that a screen reader says it once. @param {string} text */
function tell(text) {
  if (text === said) return;
  said = text;
  $("told").textContent = text;
}

function begin() {
  pause();
  task = taskOf(settings, groups);
  seen = viewer(settings, task, splitOf(task, settings).train);
  [cuts, ghost, rested] = [{ parts: [], neurons: [] }, NONE, ""];
  form.show(settings);
  document.title = `${task.title}: a network that groks while you watch`;
  history.replaceState(null, "", toHash(settings));
  /** @type {HTMLInputElement} */ ($("link")).value = location.href;
  fillNeurons();
  fillDecay();
  fillPresets();
  fillKinds();
  worker.say({ do: "begin", settings, groups, life: ++life });
}

/** @param {Record<string, string | number>} some */
function set(some) {
  if ("decay" in some || "lr" in some) { change(some); return; }
  settings = changed("task" in some ? changed(DEFAULT, STARTS[String(some.task)]) : settings, some);
  begin();
}

/** What is changed while it trains. @param {Record<string, string | number>} some */
function change(some) {
  settings = changed(settings, some);
  if (settings.decay > 0) decayBefore = settings.decay;
  form.show(settings);
  fillDecay();
  for (const name of /** @type {("decay" | "lr")[]} */ (["decay", "lr"])) if (name in some) worker.say({ do: "change", name, value: settings[name] });
  if (!view || view.frame.last === 0) {
    history.replaceState(null, "", toHash(settings));
    /** @type {HTMLInputElement} */ ($("link")).value = location.href;
  }
}

function start() {
  leave();
  [isPlaying, rested] = [true, ""];
  worker.say({ do: "play", speed: Number(speed.value), turn: ++turn });
  fillPlay();
}

function pause() {
  if (!isPlaying) return;
  isPlaying = false;
  worker.say({ do: "pause" });
  fillPlay();
}

/** Going on from an earlier step, what came after it stays as a faint line. */
function leave() {
  if (view && view.frame.step < view.frame.last) ghost = view.frame.rows;
}

function fillPlay() {
  play.textContent = isPlaying ? "❚❚" : "▶";
  play.setAttribute("aria-label", isPlaying ? "Pause" : "Play: train");
}

/** @param {number} step */
function goTo(step) {
  if (!view || !view.frame.kept.length) return;
  const near = view.frame.kept.reduce((best, x) => (Math.abs(x - step) < Math.abs(best - step) ? x : best));
  [isPlaying, rested] = [false, ""];
  fillPlay();
  if (wanted < 0) requestAnimationFrame(() => {
    worker.say({ do: "show", step: wanted });
    wanted = -1;
  });
  wanted = near;
}

// What is broken

/** @param {Cuts} some */
function cut(some) {
  cuts = some;
  worker.say({ do: "cut", cuts });
}
/** @template T @param {T[]} list @param {T} x */
const toggled = (list, x) => (list.includes(x) ? list.filter((y) => y !== x) : [...list, x]);

/** Buttons for the parts that stand out, largest first. */
function fillCuts() {
  if (!view) return;
  const { shares, slots, read } = view;
  const names = [...slots.keys()].sort((i, j) => shares[j] - shares[i]).map((i) => read[i].name);
  const listed = [...new Set([...names, ...cuts.parts])].slice(0, 8);
  fillDrop();
  const key = `${listed} ${cuts.parts} ${cuts.neurons}`;
  if ($("parts").dataset.key === key) return;
  $("parts").dataset.key = key;
  const focused = document.activeElement?.getAttribute("data-part");
  $("parts").replaceChildren(...listed.map((name) => el("button", { type: "button", "data-part": name, "aria-pressed": String(cuts.parts.includes(name)), onclick: () => cut({ ...cuts, parts: toggled(cuts.parts, name) }) }, name)));
  if (focused) /** @type {HTMLElement | null} */ ($("parts").querySelector(`[data-part="${focused}"]`))?.focus();
  /** @type {HTMLButtonElement} */ ($("operate")).disabled = /** @type {HTMLButtonElement} */ ($("heal")).disabled = !cuts.parts.length && !cuts.neurons.length;
}
function fillDrop() {
  const isOut = cuts.neurons.includes(Number(/** @type {HTMLSelectElement} */ ($("neuron")).value));
  $("drop").textContent = isOut ? "Put it back" : "Drop it";
}
/** What the parts of this task are called; digits have no circles. */
function fillKinds() {
  const kind = task.kind === "parity" ? "digit" : task.names ? "irrep" : settings.task === "a*b" ? "character, a frequency of the logarithm" : "frequency";
  for (const place of document.querySelectorAll("[data-kind]")) place.textContent = kind;
  /** @type {HTMLElement} */ ($("circles").closest("figure")).hidden = task.kind === "parity";
  $("pair").textContent = "Point at one, or touch it, to read it.";
}

/** The experiment that the settings are, and its question. */
function fillPresets() {
  $("question").textContent = "";
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".presets [data-set]"))) {
    const isThis = toHash(fromHash(button.dataset.set ?? "")) === toHash(settings);
    button.setAttribute("aria-pressed", String(isThis));
    if (isThis) $("question").textContent = button.dataset.asks ?? "";
  }
}
function fillNeurons() {
  $("neuron").replaceChildren(...Array.from({ length: settings.neurons }, (_, k) => new Option(String(k), String(k))));
}
function fillDecay() {
  $("decay-off").textContent = settings.decay > 0 ? "Take the weight decay away" : `Bring the weight decay back (${decayBefore})`;
}

// What is taken away

const called = () => `${settings.task === "parity" || !/[-+*]/.test(settings.task) ? settings.task : `${settings.task.replace("*", "x")}-mod-${settings.p}`}-seed-${settings.seed}`;
/** @param {Uint8Array} file */
function download(file) {
  save(`${called()}.safetensors`, new Blob([/** @type {BlobPart} */ (file)]), "application/octet-stream");
}
async function makeFilm() {
  const button = /** @type {HTMLButtonElement} */ ($("film"));
  if (filming) { filming.abort(); return; }
  if (!view) return;
  pause();
  filming = new AbortController();
  button.textContent = "Stop filming";
  const back = view.frame.step;
  const made = await film(view.frame.kept, async (step) => seen.see(await worker.frameAt(step), ghost, cuts, colours), filming.signal);
  save(`${called()}.${made.type.split("/")[1]}`, made, made.type);
  await worker.frameAt(back);
  filming = null;
  button.textContent = "Film";
}

// What is touched

play.addEventListener("click", () => (isPlaying ? pause() : start()));
speed.addEventListener("change", () => { if (isPlaying) start(); });
$("one").addEventListener("click", () => { pause(); leave(); worker.say({ do: "step", count: 1 }); });
$("again").addEventListener("click", begin);
$("newest").addEventListener("click", () => goTo(view?.frame.last ?? 0));
slider.addEventListener("input", () => goTo(view?.frame.kept[Number(slider.value)] ?? 0));
$("heal").addEventListener("click", () => cut({ parts: [], neurons: [] }));
$("operate").addEventListener("click", () => { leave(); cuts = { parts: [], neurons: [] }; worker.say({ do: "operate" }); });
$("drop").addEventListener("click", () => cut({ ...cuts, neurons: toggled(cuts.neurons, Number(/** @type {HTMLSelectElement} */ ($("neuron")).value)) }));
$("neuron").addEventListener("change", fillDrop);
$("to-lessons").addEventListener("click", () => {
  const first = /** @type {HTMLDetailsElement} */ (document.querySelector(".lessons details"));
  first.open = true;
  first.scrollIntoView();
  first.querySelector("summary")?.focus({ preventScroll: true });
});
$("decay-off").addEventListener("click", () => change({ decay: settings.decay > 0 ? 0 : decayBefore }));
$("dice").addEventListener("click", () => set({ seed: Math.floor(Math.random() * 1e6) }));
$("copy").addEventListener("click", async () => {
  const link = /** @type {HTMLInputElement} */ ($("link"));
  link.select();
  const isDone = await navigator.clipboard?.writeText(link.value).then(() => true, () => false);
  $("copied").textContent = isDone ? "Copied." : "Selected: copy it with Ctrl-C.";
});
$("save").addEventListener("click", () => { pause(); worker.say({ do: "save" }); });
$("picture").addEventListener("click", () => {
  if (view) poster(document.createElement("canvas"), view).toBlob((blob) => { if (blob) save(`${called()}.png`, blob, "image/png"); });
});
$("film").hidden = !canFilm();
$("film").addEventListener("click", makeFilm);
for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-set]"))) button.addEventListener("click", () => {
  settings = fromHash(button.dataset.set ?? "");
  begin();
  if (!button.closest(".presets")) $("play").scrollIntoView({ block: "nearest" });
});

/** @param {string} id @param {string} event @param {(canvas: HTMLCanvasElement, x: number, y: number) => void} act */
function pointed(id, event, act) {
  const canvas = /** @type {HTMLCanvasElement} */ ($(id));
  canvas.addEventListener(event, (e) => {
    const { left, top } = canvas.getBoundingClientRect();
    const { clientX, clientY, buttons } = /** @type {PointerEvent} */ (e);
    if (event === "pointermove" && id === "curves" && !buttons) return;
    act(canvas, clientX - left, clientY - top);
  });
}
for (const event of ["pointerdown", "pointermove"]) pointed("curves", event, (canvas, x) => { if (view) goTo(stepAt(boxOf(canvas), x, view.end)); });
pointed("spectrum", "click", (canvas, x) => { if (view) cut({ ...cuts, parts: toggled(cuts.parts, view.read[partAt(boxOf(canvas), x, view.shares.length)].name) }); });
pointed("weights", "click", (canvas, _, y) => {
  const k = view && neuronAt(boxOf(canvas), y, view.sorted.order);
  if (k !== null && k !== undefined) cut({ ...cuts, neurons: toggled(cuts.neurons, k) });
});
for (const event of ["pointerdown", "pointermove"]) pointed("answers", event, (canvas, x, y) => {
  const side = Math.min(canvas.clientWidth, canvas.clientHeight);
  const [row, column] = [Math.floor((y / side) * task.nA), Math.floor((x / side) * task.nB)];
  if (view && row < task.nA && column < task.nB) $("pair").textContent = pairInWords(view, task.order[row], task.order[column]);
});
addEventListener("keydown", (e) => {
  if (e.target instanceof HTMLElement && e.target.closest("input, select, button, textarea, summary, a")) return;
  if (e.key === " ") { e.preventDefault(); if (isPlaying) pause(); else start(); }
  const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
  if (by && view) goTo(view.frame.kept[Number(slider.value) + by] ?? view.frame.step);
});
addEventListener("hashchange", () => { settings = fromHash(location.hash); begin(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(redraw).observe(document.querySelector(".figures") ?? root);
function redraw() {
  colours = coloursOf(root);
  if (view) draw((view = seen.see(view.frame, ghost, cuts, colours)));
}
fillPlay();
begin();
