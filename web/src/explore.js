// Runs in any element that has their words: facts are unpacked, figures mounted where it has places.

import { onScheme } from "./colours.js";
import { compare } from "./compare.js";
import { unpack } from "./decode.js";
import { el, number } from "./dom.js";
import { guessing } from "./guess.js";
import { PANELS } from "./panels.js";
import { tools } from "./save.js";
import { createStore, fromHash, keepAddress, mostOf, nearest } from "./state.js";
import { timeControl } from "./time.js";

/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").State} State */

/**
 * `isPage`: the element is the whole page, whose address restores what is shown; else it stands in a
 * shadow of its own, beside others, and hears keys only while it has the focus.
 * @param {HTMLElement} root @param {Run[]} runs @param {{isPage?: boolean}} options
 * @returns {{store: import("./types").Store, dispose: () => void}}
 */
export function explore(root, runs, { isPage = false } = {}) {
  root.classList.add("grokscope");
  const life = new AbortController();
  const { signal } = life;
  const store = createStore(fromHash(isPage ? location.hash : "", runs), signal);
  const articles = /** @type {HTMLElement[]} */ ([...root.querySelectorAll("article[data-run]")]);
  const nows = articles.map((x) => [...x.querySelectorAll(".now")]); // where captions say which step is shown
  /** @type {(Promise<void> | undefined)[]} */
  const mounted = [];
  /** @type {{run: number, figure: HTMLElement, draw: (state: State) => void, isSeen: boolean}[]} */
  const panels = [];

  // What comes near is drawn once, so that a fast scroll meets no empty place; what is in view moves.
  const early = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      early.unobserve(target);
      panels.find((x) => x.figure === target)?.draw(store.state);
    }
  }, { root: isPage ? null : root, rootMargin: "2500px" });
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const panel = panels.find((x) => x.figure === entry.target);
      if (!panel) continue;
      panel.isSeen = entry.isIntersecting;
      if (panel.isSeen) panel.draw(store.state);
    }
  }, { root: isPage ? null : root, rootMargin: "200px" });
  signal.addEventListener("abort", () => { early.disconnect(); watcher.disconnect(); });

  /** @param {number} i */
  async function mount(i) {
    const run = runs[i];
    /** @type {Record<string, import("./types").Packed>} */
    const packed = { ...run.stacks, ...(run.answers ? { answers: run.answers.logits } : {}), ...(run.answers?.added ? { added: run.answers.added } : {}) };
    const names = Object.keys(packed);
    const unpacked = await Promise.all(names.map((name) => unpack(packed[name])));
    if (signal.aborted) return;
    const stacks = Object.fromEntries(names.map((name, k) => [name, unpacked[k]]));
    for (const figure of /** @type {NodeListOf<HTMLElement>} */ (articles[i].querySelectorAll("figure[data-panel]"))) {
      const drawing = /** @type {HTMLElement} */ (figure.querySelector(".drawing"));
      const place = { run, store, stacks, figure, drawing };
      const panel = PANELS[figure.dataset.panel ?? ""](place);
      figure.append(tools(place, panel));
      panels.push({ run: i, figure, draw: panel.draw, isSeen: false });
      early.observe(figure);
      watcher.observe(figure);
    }
    root.dataset.ready = "true";
  }

  /** The same step of another run, as near as it has one. @param {number} i */
  function choose(i) {
    const step = runs[store.state.run].frames[store.state.frame];
    const most = mostOf(runs[i]);
    store.set({ run: i, frame: nearest(runs[i].frames, step), neuron: null, a: Math.min(store.state.a, most), b: Math.min(store.state.b, most) });
  }

  /** @param {State} state */
  function show(state) {
    articles.forEach((article, i) => { article.hidden = i !== state.run; });
    mounted[state.run] ??= mount(state.run);
    const step = runs[state.run].frames[state.frame];
    for (const now of nows[state.run]) now.textContent = `step ${number(step)}`;
    for (const panel of panels) if (panel.isSeen && panel.run === state.run) panel.draw(state);
  }

  const time = timeControl(root, runs, store);
  const guess = guessing(root, runs, store, time);
  const bar = el("div", { class: "control", role: "region", "aria-label": "time" }, time.node);
  if (runs.some((run) => run.rows.step)) time.how.append(guess.start);
  if (runs.length > 1) {
    const chooser = el("select", { id: "run", "aria-label": "run", onchange: () => choose(Number(chooser.value)) },
      ...runs.map((run, i) => el("option", { value: i }, run.id)));
    bar.prepend(chooser);
    store.subscribe((state) => { chooser.value = String(state.run); });
    const drawing = root.querySelector(".compare .drawing");
    if (drawing) store.subscribe(compare(runs, store, /** @type {HTMLElement} */ (drawing), choose));
  }
  root.prepend(bar);
  bar.after(guess.panel);
  store.subscribe(show);
  if (isPage) keepAddress(store, runs);
  onScheme(root, signal);
  addEventListener("beforeprint", () => {
    for (const details of root.querySelectorAll("details")) details.open = true;
    for (const panel of panels) if (panel.run === store.state.run) panel.draw(store.state);
  }, { signal });
  store.set({});
  return { store, dispose: () => life.abort() };
}
