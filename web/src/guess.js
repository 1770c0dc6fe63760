// "Guess first": the future is hidden until a guess is made.

import { el, number } from "./dom.js";
import { atOrBefore } from "./state.js";

/** @param {HTMLElement} root @param {import("./types").Run[]} runs @param {import("./types").Store} store @param {{play(from: number, to: number): void, stop(): void}} time */
export function guessing(root, runs, store, time) {
  const start = el("button", { type: "button", id: "guess" }, "Guess first");
  const input = el("input", { type: "number", min: 0, step: 1, "aria-label": "the step at which you expect it to generalise" });
  const told = el("p", { class: "told", "aria-live": "polite" });
  const question = el("p", {}, "By now it is right on what it was shown. At which step will it answer the others? Point at the curve, or type a step: ", input, " ",
    el("button", { type: "button", onclick: () => reveal(false) }, "Reveal"), " ",
    el("button", { type: "button", onclick: () => reveal(true) }, "It never will"));
  const panel = el("section", { class: "asking", hidden: true }, question, told);
  input.addEventListener("input", () => store.set({ guess: input.value === "" ? null : Number(input.value) }));
  start.addEventListener("click", () => {
    time.stop();
    const run = runs[store.state.run];
    const memorised = run.events.find((x) => x.name === "t_memorize")?.step;
    const last = run.frames.length - 1;
    const at = memorised === undefined ? Math.round(last / 5) : Math.max(0, atOrBefore(run.frames, memorised));
    question.firstChild && (question.firstChild.textContent = `${memorised === undefined ? "This is how it began." : "By now it is right on what it was shown."} At which step will it answer the others? Point at the curve, or type a step: `);
    told.textContent = "";
    panel.hidden = question.hidden = false;
    input.value = "";
    store.set({ guessing: true, guess: null, frame: at });
    root.classList.add("guessing");
    panel.scrollIntoView({ block: "nearest" });
    input.focus();
  });
  /** @param {boolean} never */
  function reveal(never) {
    const run = runs[store.state.run];
    const grok = run.events.find((x) => x.name === "t_grok")?.step;
    const { guess, frame } = store.state;
    const mine = never ? "never" : guess === null ? "nothing" : `step ${number(guess)}`;
    told.textContent = `You guessed ${mine}. ${grok === undefined ? `It did not generalise within ${number(run.frames[run.frames.length - 1])} steps.` : `It generalised at step ${number(grok)}.`}`;
    question.hidden = true;
    root.classList.remove("guessing");
    store.set({ guessing: false, guess: null });
    time.play(frame, run.frames.length - 1);
  }
  store.subscribe((state) => {
    if (state.guessing && !input.matches(":focus") && state.guess !== null) input.value = String(state.guess);
  });
  return { start, panel };
}
