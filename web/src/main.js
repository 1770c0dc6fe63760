// The page of one run or several: facts are unpacked, figures mounted where the page has places.

import { unpack } from "./decode.js";
import { el } from "./dom.js";
import { guessing } from "./guess.js";
import { rightmap } from "./panels/answersmap.js";
import { circles } from "./panels/circles.js";
import { compare } from "./panels/compare.js";
import { curves } from "./panels/curves.js";
import { digits } from "./panels/digits.js";
import { films } from "./panels/films.js";
import { forward } from "./panels/forward.js";
import { logits } from "./panels/logits.js";
import { progress } from "./panels/progress.js";
import { spectrum } from "./panels/spectrum.js";
import { stars } from "./panels/stars.js";
import { waves } from "./panels/waves.js";
import { weights } from "./panels/weights.js";
import { tools } from "./save.js";
import { createStore, fromHash, nearest, toHash } from "./state.js";
import { timeControl } from "./time.js";

/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").State} State */

/** @type {Record<string, import("./types").Mount>} */
const PANELS = { curves, progress, rightmap, weights, waves, stars, spectrum, circles, films, forward, logits, digits };

const runs = /** @type {Run[]} */ (JSON.parse(document.getElementById("facts")?.textContent ?? "[]"));
const store = createStore(fromHash(location.hash, runs), (state) => toHash(state, runs));
const articles = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("article[data-run]")]);
/** @type {(Promise<void> | undefined)[]} */
const mounted = [];
/** @type {{run: number, figure: HTMLElement, draw: (state: State) => void, isSeen: boolean}[]} */
const panels = [];

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const panel = panels.find((x) => x.figure === entry.target);
    if (!panel) continue;
    panel.isSeen = entry.isIntersecting;
    if (panel.isSeen) panel.draw(store.state);
  }
}, { rootMargin: "200px" });

/** @param {number} i */
async function mount(i) {
  const run = runs[i];
  /** @type {Record<string, import("./types").Packed>} */
  const packed = { ...run.stacks, ...(run.answers ? { answers: run.answers.logits } : {}), ...(run.answers?.added ? { added: run.answers.added } : {}) };
  const names = Object.keys(packed);
  const unpacked = await Promise.all(names.map((name) => unpack(packed[name])));
  const stacks = Object.fromEntries(names.map((name, k) => [name, unpacked[k]]));
  for (const figure of /** @type {NodeListOf<HTMLElement>} */ (articles[i].querySelectorAll("figure[data-panel]"))) {
    const drawing = /** @type {HTMLElement} */ (figure.querySelector(".drawing"));
    const place = { run, store, stacks, figure, drawing };
    const panel = PANELS[figure.dataset.panel ?? ""](place);
    figure.append(tools(place, panel));
    panels.push({ run: i, figure, draw: panel.draw, isSeen: false });
    watcher.observe(figure);
  }
}

/** @param {number} i */
function choose(i) {
  const step = runs[store.state.run].frames[store.state.frame];
  store.set({ run: i, frame: nearest(runs[i].frames, step), neuron: null, guessing: false });
  document.body.classList.remove("guessing");
}

/** @param {State} state */
function show(state) {
  articles.forEach((article, i) => { article.hidden = i !== state.run; });
  mounted[state.run] ??= mount(state.run).then(() => { document.body.dataset.ready = "true"; });
  for (const panel of panels) if (panel.isSeen && panel.run === state.run) panel.draw(state);
}

const time = timeControl(runs, store);
const guess = guessing(runs, store, time);
const bar = el("div", { class: "control", role: "region", "aria-label": "time" }, time.node);
if (runs.some((run) => run.rows.step)) time.node.append(guess.start);
if (runs.length > 1) {
  const chooser = el("select", { id: "run", "aria-label": "run", onchange: () => choose(Number(chooser.value)) },
    ...runs.map((run, i) => el("option", { value: i }, run.id)));
  bar.prepend(chooser);
  store.subscribe((state) => { chooser.value = String(state.run); });
  const drawing = document.querySelector("#compare .drawing");
  if (drawing) store.subscribe(compare(runs, store, /** @type {HTMLElement} */ (drawing), choose));
}
document.body.prepend(bar);
bar.after(guess.panel);
store.subscribe(show);
addEventListener("hashchange", () => store.set(fromHash(location.hash, runs)));
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const panel of panels) if (panel.run === store.state.run) panel.draw(store.state);
});
store.set({});
