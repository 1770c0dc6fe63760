// Training apart from the page, which stays quick: it asks for a frame when it has drawn the last.

import kernel from "playground.wasm";
import { sweeper } from "./fast.js";
import { readDigits, readParts, sharesOf } from "./lens.js";
import { fold } from "./network.js";
import { EVERY, advance, begun, change, eventsOf, forget, goBack, keepNow, operate, scored } from "./run.js";
import { saved } from "./saved.js";
import { KEY_SHARE, logitShares, without } from "./surgery.js";

/** @typedef {import("./messages.js").Asked} Asked */
/** @typedef {import("./messages.js").Frame} Frame */

const AT_ONCE = 8; // milliseconds of training before messages are heard
const PATIENCE = 100; // milliseconds for which a frame may be drawn, by a core that both may share
const CUT_EVERY = 10; // steps between evaluations of what is cut, while it trains
const [REST, ENOUGH] = [300, 3000]; // steps after which it rests: from generalising, and without

/** @type {import("./run.js").Run} */ let run;
let isPlaying = false;
let speed = Infinity; // steps a second
let isWaiting = false; // the page is ready for a frame
let isQueued = false;
let timer = 0; // by which it is queued, if it waits
let due = 0; // the moment of the next step
let drawnBy = 0; // the moment by which the page has drawn the last frame, or stands still
let last = 0; // the newest step
let began = 0; // the step at which it was last set to play
let playing = 0; // which of the plays that was
let life = 0; // which network of the page this is
/** @type {import("./surgery.js").Cuts} */ let cuts = { parts: [], neurons: [] };
/** @type {Frame["without"]} */ let cutScore = null;
/** @type {string[]} */ let keys = [];

/** Messages to oneself are not held back as timers are. */
const soon = new MessageChannel();
soon.port1.onmessage = () => {
  isQueued = false;
  turn();
};
function queue() {
  if (isQueued) return;
  isQueued = true;
  const rest = Math.max(due, drawnBy) - performance.now();
  if (rest > 4) timer = setTimeout(wake, rest);
  else wake();
}
function wake() {
  timer = 0;
  soon.port2.postMessage(null);
}

function turn() {
  const until = drawnBy > performance.now() ? 0 : performance.now() + AT_ONCE;
  while (isPlaying && performance.now() < until && due <= performance.now()) {
    advance(run);
    due = Math.max(due + 1000 / speed, performance.now() - 100);
    if (cutting() && run.step % CUT_EVERY === 0) measureCut();
    if (run.step % EVERY === 0 && run.step >= restsAt()) rest();
  }
  last = Math.max(last, run.step);
  if (isWaiting && isPlaying) drawnBy = performance.now() + PATIENCE;
  if (isWaiting) tell();
  if (isPlaying) queue();
}

/** The step at which it has trained enough; play goes on from there. */
function restsAt() {
  const { generalised } = eventsOf(run.rows);
  return generalised !== null && generalised >= began ? generalised + REST : began + ENOUGH;
}

function rest() {
  isPlaying = false;
  keepNow(run);
  settle();
}

const cutting = () => cuts.parts.length + cuts.neurons.length > 0;

function measureCut() {
  cutScore = cutting() ? scored(run, without(run.network, run.task, cuts), run.certaintyCut) : null;
}

/** Stand still: everything is of this very step. */
function settle() {
  scored(run, run.network, run.certainty);
  measureCut();
  keys = winners();
}

/** The parts that carry the logits, the largest first. */
function winners() {
  if (run.task.kind === "parity") {
    const shares = sharesOf(readDigits(run.network.matrices[0].data, run.task.digits, run.network.shape.neurons));
    return shares.map((x, i) => ({ x, i })).filter(({ x }) => x > 1 / shares.length).sort((p, q) => q.x - p.x).map(({ i }) => `digit ${i + 1}`);
  }
  return logitShares(run.network, run.task).filter((x) => x.share >= KEY_SHARE).sort((x, y) => y.share - x.share).map((x) => x.name);
}

/** @returns {Frame} */
function frame() {
  const { network, rows, task } = run;
  const tables = fold(network);
  const flat = Float64Array.from(rows.flatMap((x) => [x.step, x.train.accuracy, x.test.accuracy, x.train.loss, x.test.loss, x.norm]));
  return { step: run.step, last, rows: flat, events: eventsOf(rows), kept: [...run.kept.keys()].sort((x, y) => x - y), isPlaying, certainty: (cutScore ? run.certaintyCut : run.certainty).slice(),
    L: Float32Array.from(tables.L), R: Float32Array.from(tables.R), U: Float32Array.from(tables.U),
    digits: task.kind === "parity" ? Float32Array.from(network.matrices[0].data) : null, without: cutScore, keys, turn: playing, life, changes: run.changes, decay: run.settings.decay, lr: run.settings.lr };
}

function tell() {
  isWaiting = false;
  const told = frame();
  postMessage({ frame: told }, { transfer: [told.rows, told.certainty, told.L, told.R, told.U].map((x) => x.buffer) });
}

/** @type {{[K in Asked["do"]]: (asked: Extract<Asked, {do: K}>) => void}} */
const heard = {
  begin({ settings, groups, life: asked }) {
    life = asked;
    run = begun(settings, groups, (shape) => sweeper(kernel, shape));
    [isPlaying, last, keys, cutScore, cuts] = [false, 0, [], null, { parts: [], neurons: [] }];
    settle();
  },
  play({ speed: asked, turn: number }) {
    [speed, playing] = [asked, number];
    forget(run);
    if (!isPlaying) began = run.step;
    last = run.step;
    due = performance.now();
    isPlaying = true;
    queue();
  },
  pause: rest,
  step({ count }) {
    forget(run);
    for (let i = 0; i < count; i++) advance(run);
    last = run.step;
    keepNow(run);
    settle();
  },
  show({ step }) {
    isPlaying = false;
    if (run.step === last) keepNow(run);
    goBack(run, step);
    scored(run, run.network, run.certainty);
    measureCut();
  },
  cut({ cuts: asked }) {
    cuts = asked;
    measureCut();
  },
  operate() {
    forget(run);
    operate(run, cuts);
    cuts = { parts: [], neurons: [] };
    settle();
  },
  change({ name, value }) { change(run, name, value); },
  winners() { keys = winners(); },
  save() {
    const file = saved(run);
    postMessage({ file }, { transfer: [file.buffer] });
  },
  frame() {
    isWaiting = true;
    drawnBy = 0;
    if (!timer) return;
    clearTimeout(timer); // it may go on before
    [timer, isQueued] = [0, false];
    queue();
  },
};

onmessage = ({ data }) => {
  /** @type {(asked: Asked) => void} */ (heard[/** @type {Asked} */ (data).do])(data);
  if (isWaiting && !isPlaying) tell();
};
