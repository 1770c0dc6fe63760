// The page of many runs: which settings are across and upwards, thresholds, filters, the cell in view.

import { el, number, percent } from "../dom.js";
import { savers } from "../save.js";
import { classOf, fromHash, kinds, medianDelay, naming, text, unpack, wilson } from "./data.js";
import { curveRows, delayRows, drawCurves, drawDelays } from "./drawings.js";
import { cells, grid, name } from "./grid.js";

/** @typedef {import("./data.js").Facts} Facts */
/** @typedef {import("./data.js").Axis} Axis */
/** @typedef {import("./grid.js").Cell} Cell */

const LISTED = 40; // networks of a cell, each a line
const NONE = "-"; // no setting, or no filter
/** @param {string} id */
const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {Facts} */
const facts = JSON.parse($("facts").textContent ?? "");
const axes = facts.axes.filter((axis) => axis.values.length <= facts.most);
const curves = await unpack(facts.curves);
const every = Array.from({ length: facts.networks }, (_, i) => i);
const settings = axes.filter((axis) => axis.key !== "seed");
const choices = [...settings, ...axes.filter((axis) => axis.key === "seed")];
/** @type {Axis} */
const all = { key: "all networks", values: [""], of: every.map(() => 0), with: [] };
const colourings = [
  ...(facts.numbers.best_train_loss ? [["class", "its losses: the classes of the PAIR page"]] : []),
  ["event", "what happened: memorised, grokked"],
  ...(facts.words.algorithm?.names.length ? [["algorithm", "the algorithm that is named"]] : []),
  ...(facts.words.verdict?.names.length ? [["verdict", "the verdict"]] : []),
];
// The classes are of losses that are low when a network is right for sure; others never get there.
const { loss: low, ratio: wide } = facts.thresholds;
const hasClasses = every.some((n) => facts.classes.indexOf(classOf(facts, n, low, wide) ?? "") > 1);
const start = {
  across: choices[0]?.key ?? NONE, up: choices[1]?.key ?? NONE, panels: settings[2]?.key ?? NONE, colour: hasClasses ? "class" : "event", curves: "accuracy",
  loss: String(Math.log10(low)), ratio: Math.log10(wide).toFixed(2),
};
const keys = [NONE, ...axes.map((axis) => axis.key)];
const allowed = /** @type {Record<string, string[]>} */ ({
  across: keys, up: keys, panels: keys, colour: colourings.map(([key]) => key), curves: ["accuracy", "loss"],
  ...Object.fromEntries(axes.map((axis) => [`only.${axis.key}`, [NONE, ...axis.values.map((_, i) => String(i))]])),
});
/** @type {Record<string, string>} */
let state = fromHash(location.hash, start, allowed);
/** @type {Cell} */
let cell = { panel: 0, i: 0, j: 0 };
let isKept = false;
let writing = 0;
/** @type {ReturnType<typeof grid>} */ let drawn;
/** @type {Map<string, number[]>} */ let found = new Map();
/** @type {number[]} */ let shown = every;

/** @param {string} key */
const axis = (key) => axes.find((x) => x.key === key) ?? null;
const named = () => naming(facts, state.colour, 10 ** +state.loss, 10 ** +state.ratio);
const colours = () => new Map(kinds(facts, state.colour).map((kind) => [kind.name, kind.colour]));

/** @param {string} label @param {string} key @param {[string, string][]} options */
function select(label, key, options) {
  const chosen = el("select", { id: `s-${key}`, onchange: () => change({ [key]: chosen.value }) },
    ...options.map(([value, shown]) => el("option", { value, selected: (state[key] ?? NONE) === value }, shown)));
  return el("div", { class: "control" }, el("label", { for: `s-${key}` }, label), chosen);
}

/** @param {string} label @param {string} key @param {number} low @param {number} high */
function slider(label, key, low, high) {
  const told = el("output", { for: `s-${key}` }, power(state[key]));
  const input = el("input", { id: `s-${key}`, type: "range", min: low, max: high, step: 0.05, value: state[key], "aria-valuetext": power(state[key]),
    oninput: () => {
      told.textContent = power(input.value);
      input.setAttribute("aria-valuetext", power(input.value));
      change({ [key]: input.value });
    } });
  return el("div", { class: "control slides" }, el("label", { for: `s-${key}` }, label), input, told);
}

/** @param {string} exponent */
function power(exponent) {
  return (10 ** +exponent).toExponential(1);
}

function controls() {
  const place = /** @type {[string, string][]} */ (choices.map((x) => [x.key, x.key]));
  const none = /** @type {[string, string]} */ ([NONE, "none"]);
  $("controls").replaceChildren(
    select("across", "across", place.length ? place : [none]), select("upwards", "up", [none, ...place]), select("a grid for each", "panels", [none, ...place]),
    select("coloured by", "colour", /** @type {[string, string][]} */ (colourings)),
    ...(state.colour === "class" ? [slider("low loss, at most", "loss", -9, 1), slider("grokking: test loss over train loss, at least", "ratio", 0, 8)] : []),
  );
  const filtered = axes.filter((x) => ![state.across, state.up, state.panels].includes(x.key));
  $("filters").replaceChildren(...filtered.map((x) => select(`only ${x.key}`, `only.${x.key}`,
    [[NONE, "all"], ...x.values.map((value, i) => /** @type {[string, string]} */ ([String(i), text(value)]))])));
  $("filters").hidden = !filtered.length;
}

function legend() {
  const of = named();
  const total = shown.length;
  $("legend").replaceChildren(...kinds(facts, state.colour).flatMap(({ name: kind, colour }) => {
    const hits = shown.filter((n) => of(n) === kind).length;
    if (!hits) return [];
    const [share, low, high] = wilson(hits, total);
    return [el("li", {}, el("span", { class: "swatch", style: `background:${colour}` }), `${kind}: ${number(hits)} of ${number(total)}, ${percent(share, 1)} `,
      el("span", { class: "small" }, `(${percent(low, 1)} to ${percent(high, 1)})`))];
  }));
}

/** Where a cell is, in words. */
function place() {
  return [["panels", cell.panel], ["across", cell.i], ["up", cell.j]].flatMap(([role, at]) => {
    const of = axis(state[role]);
    return of ? [`${of.key} ${text(of.values[Number(at)])}`] : [];
  }).join(", ") || "all networks";
}

function inCell() {
  return found.get(name(cell)) ?? [];
}

function showCell() {
  const [some, of] = [inCell(), named()];
  const counts = kinds(facts, state.colour).flatMap(({ name: kind }) => {
    const n = some.filter((x) => of(x) === kind).length;
    return n ? [`${n} ${kind}`] : [];
  });
  const median = medianDelay(facts, some);
  const delay = some.some((n) => facts.numbers.memorised?.[n] != null) ? ` Median delay: ${median === null ? "longer than was seen" : `${number(median)} steps`}.` : "";
  $("where").textContent = place();
  $("counts").textContent = some.length ? `${some.length} ${some.length === 1 ? "network" : "networks"}: ${counts.join(", ")}.${delay}` : "No network is here.";
  drawn.mark(cell, isKept);
  const colour = colours();
  drawCurves($("lines"), curves, some, state.curves === "loss", (n) => colour.get(of(n)) ?? "", `${state.curves} of ${some.length} networks at ${place()}`);
  const heads = ["network", "seed", "is", "memorised", "grokked", "test accuracy"];
  const seeds = axis("seed");
  $("networks").replaceChildren(el("thead", {}, el("tr", {}, ...heads.map((x) => el("th", { scope: "col" }, x)))),
    el("tbody", {}, ...some.slice(0, LISTED).map((n) => el("tr", {}, el("th", { scope: "row" }, link(n)), el("td", {}, seeds ? text(seeds.values[seeds.of[n]]) : "–"), el("td", {}, of(n)),
      ...["memorised", "grokked"].map((x) => el("td", {}, number(facts.numbers[x]?.[n]))), el("td", {}, percent(facts.numbers.test_accuracy?.[n], 1))))));
  $("more").textContent = some.length > LISTED ? `and ${some.length - LISTED} more` : "";
}

/** A network's id, which leads to its own page where that is kept. @param {number} n */
function link(n) {
  const id = facts.ids[n];
  const short = id.length > 24 ? `…${id.slice(-14)}` : id;
  return facts.pages[n] ? el("a", { href: facts.pages[n], title: id }, short) : el("code", { title: id }, short);
}

/** @param {Cell} next @param {boolean} isChosen */
function onCell(next, isChosen) {
  if (isKept && !isChosen) return;
  if (isChosen) isKept = !(isKept && name(next) === name(cell));
  if (name(next) !== name(cell) || isChosen) {
    cell = next;
    showCell();
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const moves = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] });
  const move = moves[event.key];
  if (move) {
    let { panel, i, j } = cell;
    [i, j] = [i + move[0], j + move[1]];
    if (i < 0 && panel > 0) [panel, i] = [panel - 1, drawn.columns - 1];
    if (i >= drawn.columns && panel < drawn.panels - 1) [panel, i] = [panel + 1, 0];
    if (i < 0 || j < 0 || i >= drawn.columns || j >= drawn.rows) return event.preventDefault();
    onCell({ panel, i, j }, isKept);
    isKept = false;
    showCell();
  } else if (event.key === "Enter" || event.key === " ") onCell(cell, true);
  else if (event.key === "Escape") {
    isKept = false;
    showCell();
  } else return;
  event.preventDefault();
}

function recolour() {
  const [of, colour] = [named(), colours()];
  drawn.recolour((n) => colour.get(of(n)) ?? "");
  legend();
  drawDelays($("spread"), facts, shown, kinds(facts, state.colour), of, `How long ${shown.length} networks took from memorising to grokking`);
}

function draw() {
  shown = every.filter((n) => axes.every((x) => [NONE, undefined, String(x.of[n])].includes(isFree(x.key) ? state[`only.${x.key}`] : NONE)));
  const layout = { across: axis(state.across) ?? all, up: axis(state.up), panels: axis(state.panels) };
  found = cells(layout, shown);
  drawn = grid($("grid"), layout, found, onCell, onKey);
  if (cell.panel >= drawn.panels || cell.i >= drawn.columns || cell.j >= drawn.rows) cell = { panel: 0, i: 0, j: 0 };
  recolour();
  showCell();
}

/** A setting that is no side of the grid can be a filter. @param {string} key */
function isFree(key) {
  return ![state.across, state.up, state.panels].includes(key);
}

/** @param {Record<string, string>} some */
function change(some) {
  const before = state;
  state = { ...state, ...some };
  for (const role of ["up", "panels"]) if (some.across && state[role] === some.across) state[role] = before.across; // they change places
  if (some.up && some.up !== NONE && state.across === some.up) state.across = before.up;
  for (const role of ["across", "up"]) if (some.panels && some.panels !== NONE && state[role] === some.panels) state[role] = before.panels;
  if (some.up && some.up !== NONE && state.panels === some.up) state.panels = before.up;
  if (state.across === NONE && choices.length) state.across = choices.find((x) => ![state.up, state.panels].includes(x.key))?.key ?? NONE;
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, "", `#${new URLSearchParams(state)}`), 300);
  if (Object.keys(some).every((key) => key === "loss" || key === "ratio")) {
    recolour();
    showCell();
  } else if (Object.keys(some).every((key) => key === "curves")) showCell();
  else {
    const had = document.activeElement?.id;
    controls();
    draw();
    if (had) document.getElementById(had)?.focus();
  }
}

for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("[name=curves]"))) {
  radio.checked = radio.value === state.curves;
  radio.addEventListener("change", () => change({ curves: radio.value }));
}
const notes = () => [document.title, place(), "grokscope sweep"];
$("lines").after(savers({ figure: $("lines"), drawing: $("lines") }, "curves", notes, () => curveRows(facts, curves, inCell())));
$("spread").after(savers({ figure: $("spread"), drawing: $("spread") }, "delays", () => [document.title], () => delayRows(facts, shown)));
const left = facts.axes.filter((x) => x.values.length > facts.most).map((x) => x.key);
const together = facts.axes.filter((x) => x.with.length).map((x) => `${x.with.join(" and ")} with ${x.key}`);
$("left").textContent = [left.length ? `Settings with more than ${facts.most} values are no side of the grid: ${left.join(", ")}.` : "",
  together.length ? `Going together: ${together.join(", ")}.` : ""].join(" ");
$("controls").closest("form")?.addEventListener("submit", (event) => event.preventDefault());
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== width) requestAnimationFrame(draw); // a telephone's bars change its height alone
  width = innerWidth;
});
document.body.classList.add("live");
controls();
draw();
document.body.dataset.ready = "";
