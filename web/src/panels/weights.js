// The weights of the shown neurons as pictures: a row a neuron, sorted by part and phase. A column
// is a symbol, or the cosine or sine of a part.

import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el, number, percent } from "../dom.js";
import { heat, reordered, ticked } from "../heat.js";
import { cellOf } from "../names.js";
import { brush, chosenRow } from "../neuron.js";
import { oneOf } from "../views.js";

/** @typedef {import("../types").Place} Place */
/** @typedef {import("../types").Stack} Stack */
/** @typedef {import("../types").Cycle} Cycle */
/** @typedef {{name: string, stack: Stack, title: string, role: string}} Shown */

const TITLES = { of_a: "input: neuron as a function of a", of_b: "input: as a function of b", out: "output: what the neuron adds to each answer" };
const ROLES = { of_a: "a", of_b: "b", out: "c" };

/** @type {import("../types").Mount} */
export function weights(place) {
  const { run, stacks } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const shown = Object.entries(TITLES).filter(([name]) => name in stacks).map(([name, title]) => ({
    name, stack: stacks[name], role: ROLES[/** @type {keyof typeof ROLES} */ (name)],
    title: name === "of_a" && !("of_b" in stacks) ? "input: neuron as a function of a, and of b" : title,
  }));
  const told = el("p", { class: "small" });
  const views = [bySymbol(place, shown)];
  if (shown.every((x) => neurons.cycles[x.role])) views.push(byWave(place, shown));
  const { nodes, shown: seen } = oneOf("columns", views, () => draw(place.store.state));
  place.drawing.append(...nodes, told);
  /** @param {import("../types").State} state */
  function draw(state) {
    const row = chosenRow(place, state);
    seen().draw(state, row);
    told.textContent = row < 0 ? "Point at a row to see the same neuron everywhere." : named(neurons, row) + seen().more();
  }
  return { draw, table: (state) => seen().table(state) };
}

/** What both pictures share: a neuron is pointed at. @param {Place} place @param {ReturnType<typeof heat>} map */
function brushed({ run, store }, map) {
  const { index } = /** @type {import("../types").Neurons} */ (run.neurons);
  brush(map.canvas, store, (e) => index[map.cell(e)[0]]);
  return map;
}

/** A column a symbol. @param {Place} place @param {Shown[]} shown */
function bySymbol(place, shown) {
  const { run } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const drawn = shown.map(({ name, stack, title }) => {
    const order = name === "out" ? run.symbols.c : run.symbols.a;
    const map = brushed(place, heat({ rows: stack.rows, columns: stack.columns, label: title, isSigned: true, full: largestAtEnd(stack), most: (largestAtEnd(stack) / 127) * stack.scale, aspect: 2.2,
      rowsAre: "neuron", columnsAre: `${name === "out" ? "answer" : name.slice(3)}${order ? ", in the group's order" : ""}` }));
    return { name, stack, order, map, into: new Int8Array(stack.rows * stack.columns) };
  });
  return {
    label: "as weights",
    node: el("div", {}, el("div", { class: "maps" }, ...drawn.map((x) => x.map.node))),
    more: () => "",
    /** @param {import("../types").State} state @param {number} row */
    draw(state, row) {
      for (const { stack, order, map, into } of drawn) {
        map.draw(reordered(frameOf(stack, state.frame), stack.columns, order, into));
        map.mark(row < 0 ? null : row);
      }
    },
    /** @param {import("../types").State} state */
    table(state) {
      /** @type {(string | number | null)[][]} */
      const found = [["picture", "neuron", "part", ...Array.from({ length: drawn[0].stack.columns }, (_, i) => cellOf(place.run, i))]];
      for (const { name, stack } of drawn) {
        const levels = frameOf(stack, state.frame);
        neurons.index.forEach((neuron, i) => found.push([name, neuron, neurons.parts[i] ?? "",
          ...Array.from(levels.subarray(i * stack.columns, (i + 1) * stack.columns), (x) => valueOf(stack, x))]));
      }
      return found;
    },
  };
}

/** A column the cosine or the sine of a part: what a neuron has of it. @param {Place} place
 * @param {Shown[]} shown */
function byWave(place, shown) {
  const neurons = /** @type {import("../types").Neurons} */ (place.run.neurons);
  let pointed = "";
  const drawn = shown.map(({ name, stack, title, role }) => {
    const basis = wavesOf(/** @type {Cycle} */ (neurons.cycles[role]));
    const full = coefficients(stack, stack.frames - 1, basis).reduce((most, x) => Math.max(most, Math.abs(x)), 1e-12);
    const label = `${title.split(":")[0]}: coefficients of each wave${name === "of_a" && !("of_b" in place.stacks) ? " of a, and of b" : name === "of_b" ? " of b" : name === "of_a" ? " of a" : ""}`;
    const map = heat({ rows: stack.rows, columns: basis.length, label, isSigned: true, most: full, aspect: 2.2, rowsAre: "neuron", columnsAre: basis[0].part.split(" ").slice(0, -1).join(" ") });
    ticked(map.node, marksOf(basis, place.run.spectra?.keys ?? []));
    /** @type {Float64Array} */ let now = new Float64Array(0);
    map.canvas.addEventListener("pointermove", (e) => {
      const [row, column] = map.cell(e);
      pointed = ` ${basis[column].part}, ${basis[column].wave}: ${number(now[row * basis.length + column])}.`;
    });
    map.canvas.addEventListener("pointerleave", () => { pointed = ""; });
    brushed(place, map);
    const set = (/** @type {Float64Array} */ x) => { now = x; };
    return { name, stack, basis, full, map, set, into: new Int8Array(stack.rows * basis.length) };
  });
  return {
    label: "as waves' coefficients",
    node: el("div", {}, el("p", { class: "small" }, "Each wave has two columns, its cosine and its sine. A neuron that follows one frequency is one coloured pair in its row."),
      el("div", { class: "maps" }, ...drawn.map((x) => x.map.node))),
    more: () => pointed,
    /** @param {import("../types").State} state @param {number} row */
    draw(state, row) {
      for (const { stack, basis, full, map, set, into } of drawn) {
        const found = coefficients(stack, state.frame, basis);
        set(found);
        for (let i = 0; i < into.length; i++) into[i] = Math.max(-127, Math.min(127, Math.round((found[i] / full) * 127)));
        map.draw(into);
        map.mark(row < 0 ? null : row);
      }
    },
    /** @param {import("../types").State} state */
    table(state) {
      /** @type {(string | number | null)[][]} */
      const found = [["picture", "neuron", "its part", "part", "wave", "coefficient"]];
      for (const { name, stack, basis } of drawn) coefficients(stack, state.frame, basis).forEach((x, i) => {
        const row = Math.floor(i / basis.length);
        const { part, wave } = basis[i % basis.length];
        found.push([name, neurons.index[row], neurons.parts[row], part, wave, Number(x.toPrecision(4))]);
      });
      return found;
    },
  };
}

/** The numbers of the key parts, and of others every tenth, at the middle of their columns.
 * @param {ReturnType<typeof wavesOf>} basis @param {string[]} keys @returns {import("../heat.js").Mark[]} */
function marksOf(basis, keys) {
  const parts = [...new Set(basis.map((x) => x.part))];
  return parts.flatMap((part) => {
    const k = Number(part.split(" ").pop());
    const isKey = keys.includes(part);
    if (!isKey && k % 10 && parts.length > 12) return [];
    const own = basis.flatMap((x, i) => (x.part === part ? [i + 0.5] : []));
    return [{ at: own.reduce((sum, x) => sum + x, 0) / own.length / basis.length, name: String(k), isKey }];
  });
}

/** The normalised cosines and sines on a cycle. @param {Cycle} cycle */
function wavesOf({ places, m, parts }) {
  return parts.flatMap(([part, k]) => (2 * k === m ? ["cos"] : ["cos", "sin"]).map((wave) => {
    const f = wave === "cos" ? Math.cos : Math.sin;
    const size = Math.sqrt(2 * k === m ? m : m / 2);
    return { part, wave, values: Float64Array.from(places, (x) => (x < 0 ? 0 : f((2 * Math.PI * k * x) / m) / size)) };
  }));
}

/** @param {Stack} stack @param {number} frame @param {ReturnType<typeof wavesOf>} basis */
function coefficients(stack, frame, basis) {
  const levels = frameOf(stack, frame);
  const found = new Float64Array(stack.rows * basis.length);
  for (let row = 0; row < stack.rows; row++) {
    const own = levels.subarray(row * stack.columns, (row + 1) * stack.columns);
    basis.forEach(({ values }, k) => {
      let sum = 0;
      for (let i = 0; i < own.length; i++) sum += own[i] * values[i];
      found[row * basis.length + k] = (sum * stack.scale) / 127;
    });
  }
  return found;
}

/** A neuron in words. @param {import("../types").Neurons} neurons @param {number} row */
export function named(neurons, row) {
  const part = neurons.parts[row];
  const share = neurons.shares[row];
  return `Neuron ${neurons.index[row]}${part && share !== null ? `: ${part} explains ${percent(share, 0)} of its variation at the last checkpoint` : ""}.`;
}
