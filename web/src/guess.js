// "Guess first": the future is hidden until a guess is made.

import { el, number } from "./dom.js";
import { atOrBefore } from "./state.js";

/** @param {HTMLElement} root @param {import("./types").Run[]} runs @param {import("./types").Store} store @param {{play(from: number, to: number): void, stop(): void}} time */
export function guessing(root, runs, store, time) {
  const start = el("button", { type: "button", id: "guess" }, "Guess first");
  const input = el("input", { type: "number", min: 0, step: 1, "aria-label": "the step at which you expect it to generalise" });
  const told = el("p", { class: "told", "aria-live": "polite" });
  const begun = el("span");
  const question = el("p", {}, begun, " At which step will it answer the others? Point at the curve, or type a step: ", input, " ",
    el("button", { type: "button", onclick: () => reveal(false) }, "Reveal"), " ",
    el("button", { type: "button", onclick: () => reveal(true) }, "It never will"));
  const panel = el("section", { class: "asking", hidden: true }, question, told);
  input.addEventListener("input", () => store.set({ guess: input.value === "" ? null : Math.max(0, Math.round(Number(input.value))) }));
  input.addEventListener("keydown", (e) => {
    if (e.key !== "Enter") return;
    e.preventDefault(); // or it would press what has the focus next
    reveal(false);
  });
  start.addEventListener("click", () => {
    time.stop();
    const run = runs[store.state.run];
    const memorised = run.events.find((x) => x.name === "t_memorize")?.step;
    const at = beginning(run, memorised);
    const knows = memorised !== undefined && run.frames[at] >= memorised;
    begun.textContent = knows ? "By now it is right on what it was shown." : "This is how it began.";
    tell("");
    input.value = "";
    store.set({ guessing: true, guess: null, frame: at });
    show(store.state);
    panel.scrollIntoView({ block: "nearest" });
    input.focus();
  });
  /** @param {boolean} never */
  function reveal(never) {
    const run = runs[store.state.run];
    const grok = run.events.find((x) => x.name === "t_grok")?.step;
    const { guess, frame } = store.state;
    const mine = never ? "never" : guess === null ? "nothing" : `step ${number(guess)}`;
    tell(`You guessed ${mine}. ${grok === undefined ? `It did not generalise within ${number(run.frames[run.frames.length - 1])} steps.` : `It generalised at step ${number(grok)}.`}`);
    store.set({ guessing: false, guess: never ? null : guess });
    show(store.state);
    start.focus();
    time.play(frame, run.frames.length - 1);
  }
  let of = store.state.run;
  /** Of the run that is shown. @param {string} text */
  function tell(text) {
    told.textContent = text;
    of = store.state.run;
  }
  /** @param {import("./types").State} state */
  function show(state) {
    if (state.run !== of) tell("");
    root.classList.toggle("guessing", state.guessing);
    question.hidden = !state.guessing;
    panel.hidden = !state.guessing && told.textContent === "";
  }
  store.subscribe(show);
  store.subscribe((state) => {
    if (state.guessing && !input.matches(":focus") && state.guess !== null) input.value = String(state.guess);
  });
  return { start, panel };
}

/** The first frame at which it has memorised; a fifth of the way where that is not known; in any case
 * one before it generalised, if there is one. @param {import("./types").Run} run @param {number | undefined} memorised */
function beginning(run, memorised) {
  const last = run.frames.length - 1;
  const first = memorised === undefined ? Math.round(last / 5) : run.frames.findIndex((step) => step >= memorised);
  const grok = run.events.find((x) => x.name === "t_grok")?.step ?? Infinity;
  return Math.max(0, Math.min(first < 0 ? last : first, atOrBefore(run.frames, grok - 1)));
}
