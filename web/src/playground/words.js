// What is said of a run while it trains: the same events, by the same rules, as in a report.

import { number, percent } from "../dom.js";
import { shortOf } from "./paint/spectrum.js";

/** @typedef {import("./view.js").View} View */

/** Before the first step. @param {import("./tasks.js").Task} task @param {number} shown @param {import("./settings.js").Settings} settings */
export function beginning(task, shown, { labels }) {
  const all = task.nA * task.nB;
  const what = task.kind === "parity" ? "inputs" : "pairs";
  const taught = labels === "shuffled" ? " with answers drawn at random" : "";
  return `The task: ${task.title}. It is shown ${number(shown)} of ${number(all)} ${what}${taught}. Press play.`;
}

/** What has happened, the last first to be heard. @param {View} view */
export function happened(view) {
  const { events: { memorised, generalised, fell }, keys } = view.frame;
  const said = [];
  if (memorised !== null) said.push(view.knewMore ? `By step ${number(memorised)} it was right on what it was shown, and on most of the rest already.` : `Memorised at step ${number(memorised)}: right on what it was shown, on ${percent(testAt(view, memorised), 0)} of the rest.`);
  if (generalised !== null) said.push(`Generalised at step ${number(generalised)}${memorised === null || generalised <= memorised ? "" : `, ${number(generalised - memorised)} steps later`}: right on what it never saw.${won(keys)}`);
  if (fell !== null && generalised !== null) said.push(`It fell back at step ${number(fell)}.`);
  return said.join(" ");
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

/** @param {View} view @param {number} step */
function testAt({ frame: { rows } }, step) {
  for (let i = 0; i < rows.length; i += 6) if (rows[i] === step) return rows[i + 2];
  return null;
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
