// The page of the constructed solution: sliders, an address, drawings that can be saved.

import { el } from "../dom.js";
import { savers } from "../save.js";
import { HALF, errorCurve, inputCircle, inputNeurons, logitBars, outputNeurons } from "./drawings.js";
import { answered, byHalfAngle, constructed, forward, fromHash, networkInWords, pairInWords, summary, toHash, within } from "./network.js";

/** @typedef {import("./network.js").State} State */
/** @typedef {import("./network.js").Act} Act */
/** @typedef {import("./network.js").Constructed} Constructed */
/** @typedef {import("../save.js").Rows} Rows */

const WIDE = [0, 114, 178]; // right with a wide margin; barely right; wrong: as in the key beneath
const BARE = [207, 230, 245];
const WRONG = [213, 94, 0];

/** All pairs, a to the right and b down: the margin in steps of blue, what is wrong in orange.
 * @param {HTMLCanvasElement} canvas @param {Constructed} found */
function paintPairs(canvas, { M, margins }) {
  canvas.width = canvas.height = M;
  const image = new ImageData(M, M);
  const above = margins.filter((m) => m > 0);
  const most = Math.log(above.reduce((x, m) => Math.max(x, m), 0));
  const least = Math.log(above.reduce((x, m) => Math.min(x, m), Infinity));
  for (let a = 0; a < M; a++) {
    for (let b = 0; b < M; b++) {
      const m = margins[a * M + b];
      const t = most > least ? (Math.log(m) - least) / (most - least) : 1;
      const colour = m > 0 ? BARE.map((x, i) => x + t * (WIDE[i] - x)) : WRONG;
      image.data.set([...colour, 255], 4 * (b * M + a));
    }
  }
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(image, 0, 0);
}

/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const inputs = (/** @type {string} */ selector) => /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(selector));
const cells = () => /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-here]"));

/** @type {{state: State, reasons: Record<Act, string[]>}} */
const given = JSON.parse($("start").textContent ?? "");
const pairs = /** @type {HTMLCanvasElement} */ ($("pairs"));
let playing = 0; // the timers that wait, each 0 if it does not
let resting = 0;
let writing = 0;
let frame = 0;
let state = fromHash(location.hash, given.state);
let known = constructed(state.M, state.N, state.act); // of all pairs
let isDrawn = false;

/** By its place in the page: what draws it, what it shows in words, and its numbers.
 * @type {Record<string, {draw: (state: State, size: [number, number]) => string, says: () => string, rows: () => Rows}>} */
const drawings = {
  input: {
    draw: inputCircle,
    says: () => `The circle of ${state.M} residues, a, b, and the point halfway.`,
    rows: () => [["residue", "x", "y", "is"], ...Array.from({ length: state.M }, (_, c) => {
      const angle = (2 * Math.PI * c) / state.M;
      return [c, Math.cos(angle), Math.sin(angle), c === state.a ? (c === state.b ? "a and b" : "a") : c === state.b ? "b" : ""];
    })],
  },
  neurons: { draw: inputNeurons, says: () => `${state.N} neurons, each with its activation as a spoke.`, rows: neuronRows },
  outputs: { draw: outputNeurons, says: () => "The spokes at twice the angle, their sum, the right answer.", rows: neuronRows },
  logits: {
    draw: logitBars,
    says: () => `The logits of all answers. ${pairInWords(state)}`,
    rows: () => [["answer c", "logit"], ...forward(state.a, state.b, state.M, state.N, state.act).logits.map((x, c) => [c, x])],
  },
  error: {
    draw: errorCurve,
    says: () => `The angle error over a + b. ${summary(known)}`,
    rows: () => [["half turn", "(a + b) mod M", "angle error in radians", "is right"],
      ...byHalfAngle(state.M, state.N, state.act).map((x, u) => [u < state.M ? 0 : 1, u % state.M, x.isTold ? x.error : null, String(x.isRight)])],
  },
};

/** @returns {Rows} */
function neuronRows() {
  const { pre, post } = forward(state.a, state.b, state.M, state.N, state.act);
  const degrees = (/** @type {number} */ turns, /** @type {number} */ i) => ((360 * turns * i) / state.N) % 360;
  return [["neuron", "looks from (degrees)", "before act", "h", "answers at (degrees)"],
    ...pre.map((z, i) => [i, degrees(1, i), z, post[i], degrees(2, i)])];
}

/** @returns {Rows} */
function pairRows() {
  const { M, margins } = known;
  return [["a", "b", "margin of the right logit (blank: wrong or a tie)"],
    ...Array.from(margins, (m, i) => [Math.floor(i / M), i % M, m > 0 ? m : null])];
}

function addSavers() {
  const notes = (/** @type {string} */ says) => [networkInWords(state), `a = ${state.a}`, `b = ${state.b}`, "grokscope construct", says];
  const under = (/** @type {HTMLElement} */ drawing, /** @type {string} */ name, /** @type {() => string} */ says, /** @type {() => Rows} */ rows) =>
    drawing.after(savers({ figure: drawing, drawing }, `construct-${name}`, () => notes(says()), rows));
  for (const [id, { says, rows }] of Object.entries(drawings)) under(/** @type {HTMLElement} */ ($(id).closest(".drawing")), id, says, rows);
  under(/** @type {HTMLElement} */ (pairs.closest(".drawing")), "pairs", () => summary(known), pairRows);
}

function drawAll() {
  for (const [id, { draw, says }] of Object.entries(drawings)) {
    const svg = /** @type {SVGSVGElement} */ (/** @type {unknown} */ ($(id)));
    const { height } = svg.viewBox.baseVal;
    const width = height === 2 * HALF ? height : Math.max(svg.parentElement?.clientWidth ?? 0, 300);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", says());
    svg.innerHTML = draw(state, [width, height]);
  }
}

function fillControls() {
  for (const key of /** @type {("M" | "N" | "a" | "b")[]} */ (["M", "N", "a", "b"])) {
    for (const input of inputs(`[data-key="${key}"]`)) {
      if (key === "a" || key === "b") input.max = String(state.M - 1);
      input.value = String(state[key]);
    }
  }
  for (const input of inputs("[name=act]")) input.checked = input.value === state.act;
}

function fillTable() {
  for (const cell of cells()) {
    const [act, N] = (cell.dataset.here ?? "").split(" ");
    const { right, accuracy } = constructed(state.M, +N, /** @type {Act} */ (act));
    const { M } = state;
    const isBest = right === (M % 2 ? M * M : M * M - M);
    cell.textContent = !isBest ? accuracy.toFixed(4) : M % 2 ? "1" : `1 − 1/${M}`;
    cell.className = isBest ? "best" : "";
  }
  for (const place of document.querySelectorAll("[data-modulus]")) place.textContent = String(state.M);
}

function fillNumbers() {
  const shown = (/** @type {string | number | null} */ x, /** @type {number} */ k) => (k % 3 === 1 ? `${Number(x).toFixed(1)}°` : Number(x).toFixed(5));
  $("numbers").replaceChildren(...neuronRows().slice(1).map(([i, ...row]) =>
    el("tr", {}, el("th", { scope: "row" }, String(i)), ...row.map((x, k) => el("td", {}, shown(x, k + 1))))));
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text; // the live region speaks of news
}

function draw() {
  fillControls();
  const { M, N, act } = known;
  if (!isDrawn || M !== state.M || N !== state.N || act !== state.act) {
    known = constructed(state.M, state.N, state.act);
    paintPairs(pairs, known);
    if (!isDrawn || M !== state.M) fillTableSoon();
    for (const cell of cells()) cell.toggleAttribute("data-now", cell.dataset.here === `${state.act} ${state.N}`);
    setText($("summary"), summary(known));
    setText($("reason"), given.reasons[state.act][state.N - 1]);
    pairs.setAttribute("aria-label", `All pairs, a to the right, b down. ${summary(known)}`);
    setText($("network"), networkInWords(state));
    isDrawn = true;
  }
  setText($("pair"), pairInWords(state));
  const { isRight, isTie } = answered(state);
  const share = known.right === state.M ** 2 ? "1" : known.accuracy.toFixed(4);
  const pair = isRight ? "right" : isTie ? "a tie" : "wrong";
  $("short").textContent = `accuracy ${share}, this pair ${pair}`;
  const place = $("here").style;
  place.left = `${((state.a + 0.5) / state.M) * 100}%`;
  place.top = `${((state.b + 0.5) / state.M) * 100}%`;
  fillNumbers();
  drawAll();
}

function fillTableSoon() {
  clearTimeout(resting);
  resting = setTimeout(fillTable, 120);
}

/** @param {Record<string, string | number>} some */
function change(some) {
  state = fromHash(toHash({ ...state, ...some }), state);
  clearTimeout(writing); // browsers refuse a page that writes its address often
  writing = setTimeout(() => history.replaceState(null, "", toHash(state)), 300);
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(draw);
}

for (const input of inputs("[data-key]")) {
  // A number is taken when it is typed to the end: the 1 of 113 is no modulus.
  input.addEventListener(input.type === "range" ? "input" : "change", () => {
    if (input.value !== "") change({ [input.dataset.key ?? ""]: within(+input.value, [0, 1e5]) });
    fillControls();
  });
  input.addEventListener("blur", fillControls);
}
for (const input of inputs("[name=act]")) input.addEventListener("change", () => change({ act: input.value }));
for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-set]")))
  link.addEventListener("click", () => {
    change(Object.fromEntries(new URLSearchParams(link.dataset.set)));
    const isSeen = $("short").getBoundingClientRect().bottom > 0;
    if (!isSeen) $("network").scrollIntoView({ block: "center" });
  });
document.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
pairs.addEventListener("click", (event) => {
  const box = pairs.getBoundingClientRect();
  const a = Math.floor(((event.clientX - box.left) / box.width) * state.M);
  const b = Math.floor(((event.clientY - box.top) / box.height) * state.M);
  change({ a: within(a, [0, state.M - 1]), b: within(b, [0, state.M - 1]) });
});
$("play").addEventListener("click", () => {
  const isPlaying = playing !== 0;
  clearInterval(playing);
  const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1500 : 150;
  playing = isPlaying ? 0 : setInterval(() => change({ a: (state.a + 1) % state.M }), pace);
  $("play").textContent = isPlaying ? "Play: a goes round" : "Stop";
  $("pair").setAttribute("aria-live", isPlaying ? "polite" : "off");
});
addEventListener("hashchange", () => {
  state = fromHash(location.hash, state);
  draw();
});
addEventListener("resize", () => requestAnimationFrame(drawAll));
document.body.classList.add("live");
addSavers();
draw();
