// What is said of a run while it trains: the same events, by the same rules, as in a report.

import { number, percent } from "../dom.js";
import { shortOf } from "./paint/spectrum.js";

/** @typedef {import("./view.js").View} View */

/** Before anything has happened. @param {View} view */
export function beginning({ task, frame, isTrain, settings: { labels, decay } }) {
  if (frame.step > 0) return "It is learning what it is shown.";
  const shown = isTrain.reduce((sum, x) => sum + x, 0);
  const what = task.kind === "parity" ? "inputs" : "pairs";
  const taught = labels === "shuffled" ? " with answers drawn at random" : "";
  const free = decay === 0 ? ", without weight decay" : "";
  return `The task: ${task.title}. It is shown ${number(shown)} of ${number(isTrain.length)} ${what}${taught}${free}. Press play.`;
}

/** What has happened by the step that is seen. @param {View} view */
export function happened(view) {
  const { step, events, keys } = view.frame;
  const [memorised, generalised, fell] = [events.memorised, events.generalised, events.fell].map((x) => (x !== null && x <= step ? x : null));
  const [train, test] = [1, 2].map((x) => accuracyAt(view, step, x) ?? 1);
  const said = [];
  if (memorised !== null) {
    said.push(view.knewMore ? `By step ${number(memorised)} it was right on what it was shown, and on most of the rest already.` : `Memorised at step ${number(memorised)}: right then on what it was shown, on ${percent(accuracyAt(view, memorised, 2), 0)} of the rest.`);
    if (train < FORGOTTEN) said.push("By now it has forgotten some of what it was shown.");
  }
  if (generalised !== null) said.push(`Generalised at step ${number(generalised)}${memorised === null || generalised <= memorised ? "" : `, ${number(generalised - memorised)} steps later${after(view, generalised)}`}: right on what it never saw.${won(keys)}`);
  if (fell !== null && generalised !== null) said.push(`It fell back at step ${number(fell)}${after(view, fell)}${test >= RIGHT ? ", and is right again" : ""}.`);
  return said.join(" ");
}

const [RIGHT, FORGOTTEN] = [0.99, 0.95];

/** How long after the last change that came before. @param {View} view @param {number} step */
function after({ frame: { changes } }, step) {
  const last = changes.filter((x) => x.step <= step).pop();
  return last ? `, ${number(step - last.step)} after you set: ${last.what}` : "";
}

/** The parts that carry its answers. @param {string[]} keys */
function won(keys) {
  if (!keys.length) return "";
  const kind = keys[0].split(" ")[0];
  const isNumbered = keys.every((x) => /^(frequency|character|digit) /.test(x));
  const names = isNumbered ? `${{ frequency: "frequencies", character: "characters", digit: "digits" }[kind]} ${listed(keys.map(shortOf))}` : listed(keys);
  return ` What it goes by: ${names}.`;
}

/** @param {string[]} names */
const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`);

/** Of the last evaluation by a step: 1, on train, or 2, on test. @param {View} view @param {number} step @param {number} which */
function accuracyAt({ frame: { rows } }, step, which) {
  let found = null;
  for (let i = 0; i < rows.length && rows[i] <= step; i += 6) found = rows[i + which];
  return found;
}

/** What is cut and what that costs. @param {View} view */
export function wounded({ cuts, frame, isTrain }) {
  if (!frame.without) return "";
  const names = [...cuts.parts, ...cuts.neurons.map((k) => `neuron ${k}`)];
  const shown = isTrain.reduce((sum, x) => sum + x, 0);
  const { train, test } = frame.without;
  const all = (train.accuracy * shown + test.accuracy * (isTrain.length - shown)) / isTrain.length;
  return `Without ${listed(names)} it is right on ${percent(all, 1)} of all: ${percent(train.accuracy, 1)} of what it was shown, ${percent(test.accuracy, 1)} of the rest.`;
}

/** A pair under the pointer. @param {View} view @param {number} a @param {number} b */
export function pairInWords({ task, frame, isTrain }, a, b) {
  const i = a * task.nB + b;
  const name = (/** @type {number} */ x) => task.names?.[x] ?? String(x);
  const sure = frame.certainty[i];
  const asked = task.kind === "parity" ? `${(i + 2 ** task.digits).toString(2).slice(1)}: ${task.answers[i] ? "odd" : "even"}` : `${name(a)}, ${name(b)}: ${name(task.answers[i])}`;
  return `${asked}. ${isTrain[i] ? "Shown" : "Never shown"}; it gives this answer ${percent(Math.abs(sure), 0)}${sure > 0 ? ", its first choice" : ""}.`;
}
