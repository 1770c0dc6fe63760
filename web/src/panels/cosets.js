// The cosets that a chosen neuron follows: its activation with elements ordered coset by coset, and
// its functions of a, of b and of the answer; how many neurons follow which subgroup.

import { frameOf, valueOf } from "../decode.js";
import { el, number, percent, svg } from "../dom.js";
import { heat } from "../heat.js";
import { cellOf, nameOf } from "../names.js";
import { neuronList } from "../neuron.js";

/** @typedef {import("../types").CosetNeuron} CosetNeuron */
/** @typedef {import("../types").Subgroup} Subgroup */
/** @typedef {{title: string, stack: string, groups: number[][], names: string[]}} Side */

const HEIGHT = 96;
const FIT = 46; // characters of labels that stand beside one another

/** @type {import("../types").Mount} */
export function cosets(place) {
  const { run, stacks, store } = place;
  const found = /** @type {import("../types").Cosets} */ (run.cosets);
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const there = neurons.index.flatMap((_, row) => (found.neurons[row] ? [row] : []));
  const of = (/** @type {number} */ row) => /** @type {CosetNeuron} */ (found.neurons[row]);
  const last = run.frames.length - 1;
  const first = there.find((row) => of(row).follows && !of(row).isNormal && !of(row).isSign);
  const list = neuronList(place, { rows: there, first, called: (row) => called(of(row)) });
  const told = el("p", { class: "told", "aria-live": "polite" });
  const numbers = el("div", { class: "wide" });
  const map = el("div", { class: "cosetmap" });
  const pointed = el("p", { class: "small", "aria-live": "off" });
  const lines = el("div");
  place.drawing.append(list.node, told, el("div", { class: "cosetpair" }, map, numbers), pointed, lines, summary());

  /** @param {CosetNeuron} x */
  function called(x) {
    return x.isSign ? "irreps ±1" : x.follows ? found.subgroups[x.h].name : "none";
  }
  /** @param {number} x @param {number} least that is told */
  const share = (x, least = 1e-4) => (x < least ? `below ${percent(least)}` : percent(x));

  /** Values of a neuron. @param {string} name @param {number} row @param {number} frame */
  function values(name, row, frame) {
    const stack = stacks[name in stacks ? name : "of_a"];
    return Array.from(frameOf(stack, frame).subarray(row * stack.columns, (row + 1) * stack.columns), (x) => valueOf(stack, x) ?? 0);
  }
  /** Elements by coset, in this order of cosets. @param {number[]} owner @param {number[]} order */
  const gathered = (owner, order) => order.map((coset) => owner.flatMap((x, i) => (x === coset ? [i] : [])));

  /** What is drawn of a neuron: cosets of a in the order of their values, those of b matched to them.
   * @param {number} row @returns {Side[]} */
  function sides(row) {
    const x = of(row);
    const [H, K] = [found.subgroups[x.h], found.subgroups[x.k]];
    const mean = (/** @type {number[]} */ f, /** @type {number[]} */ owner) => (/** @type {number} */ coset) =>
      f.reduce((sum, y, i) => sum + (owner[i] === coset ? y : 0), 0) / owner.filter((y) => y === coset).length;
    const byMean = (/** @type {string} */ name, /** @type {number[]} */ owner, /** @type {number} */ count) => {
      const means = Array.from({ length: count }, (_, i) => mean(values(name, row, last), owner)(i));
      return means.map((_, i) => i).sort((i, j) => means[i] - means[j]);
    };
    const rights = byMean("of_a", H.right, H.rightNames.length);
    const lefts = rights.map((coset) => x.match[coset]);
    const doubles = "out" in stacks ? byMean("out", x.double, x.doubleNames.length) : [];
    const name = (/** @type {Subgroup} */ S) => `${S.name}${S.point === null ? "" : `, those that fix ${S.point}`}`;
    return [
      { title: `function of a, by right cosets Hx (H = ${name(H)})`, stack: "of_a", groups: gathered(H.right, rights), names: rights.map((i) => H.rightNames[i]) },
      { title: `function of b, by left cosets yK (K = ${name(K)})`, stack: "of_b", groups: gathered(K.left, lefts), names: lefts.map((i) => K.leftNames[i]) },
      ...(doubles.length ? [{ title: "output to each answer, by double cosets HzK", stack: "out", groups: gathered(x.double, doubles), names: doubles.map((i) => x.doubleNames[i]) }] : []),
    ];
  }

  /** How much of the variance is within cosets. @param {number[]} f @param {number[][]} groups */
  function within(f, groups) {
    const mean = f.reduce((x, y) => x + y, 0) / f.length;
    const inside = groups.reduce((sum, group) => {
      const own = group.reduce((x, i) => x + f[i], 0) / group.length;
      return sum + group.reduce((x, i) => x + (f[i] - own) ** 2, 0);
    }, 0);
    return inside / (f.reduce((x, y) => x + (y - mean) ** 2, 0) || 1);
  }

  /** @type {{node: HTMLElement, side: Side, dots: SVGElement[], means: SVGElement[], value: HTMLElement, full: number}[]} */
  let drawn = [];
  /** @param {number} row */
  function prepare(row) {
    const x = of(row);
    const shown = sides(row);
    told.textContent = words(row);
    const isShown = x.follows || x.isSign;
    for (const node of [numbers, map, pointed, lines]) node.hidden = !isShown;
    if (!isShown) { drawn = []; return; }
    numbers.replaceChildren(evidence(x));
    picture(row, shown[0], shown[1]);
    const inputs = Math.max(largest("of_a", row), largest("of_b", row));
    drawn = shown.map((side) => ({ ...strip(row, side), side, full: side.stack === "out" ? largest("out", row) : inputs }));
  }

  /** Of all steps. @param {string} name @param {number} row */
  function largest(name, row) {
    return run.frames.reduce((most, _, frame) => values(name, row, frame).reduce((x, y) => Math.max(x, Math.abs(y)), most), 1e-9);
  }

  /** @param {number} row */
  function words(row) {
    const x = of(row);
    const H = found.subgroups[x.h];
    const who = `Neuron ${neurons.index[row]}`;
    const group = `${H.name} (order ${H.order}, ${H.conjugates > 1 ? `one of ${H.conjugates} conjugates` : "normal"})`;
    if (x.isSign) return `${who} lies in the irreps ±1. Such functions are constant on the cosets of normal subgroups by definition, so this is no evidence of cosets. Shown are those of ${group}.`;
    const K = found.subgroups[x.k];
    const shared = H.point !== null && K.point !== null ? `ab sends ${H.point} to ${K.point}` : `ab lies in the coset that H and K share, ${x.doubleNames[x.shared]}`;
    const where = `In the blocks on the diagonal of the picture ${shared}. ${diagonal(row)}`;
    if (!x.follows) return `${who} is constant on the cosets of no subgroup, to 1 % of its variance at the last checkpoint.`;
    const is = `${who} is constant on the cosets of ${group}: ${share(x.spread)} of its variance is within them, at the last checkpoint.`;
    if (x.isNormal) return `${is} What lies in some irreps is constant on the cosets of a normal subgroup, so this says no more than its irreps do.`;
    if (!x.isLikely) return `${is} ${where}`;
    return `${is} What is drawn in its place at random is so too, on the cosets of this subgroup or one as large, in ${Math.max(...Object.values(x.controls))} of ${found.draws} draws, so this alone is no evidence.`;
  }

  /** What is seen on the diagonal of the picture and above it, and what the neuron does to the answers
   * there, in words. @param {number} row */
  function diagonal(row) {
    const still = stacks.activations;
    const n = found.subgroups[0].right.length;
    if (!still || still.rows !== n || still.columns !== n) return "";
    const [a, b] = sides(row);
    const levels = frameOf(still, row);
    const full = levels.reduce((most, y) => (y === -128 ? most : Math.max(most, Math.abs(y))), 1);
    /** Whether all blocks are 0, to 5 % of the most. @param {(i: number, j: number) => boolean} which */
    const isDark = (which) => a.groups.every((rows, i) => b.groups.every((columns, j) => !which(i, j)
      || rows.every((p) => columns.every((q) => levels[p * n + q] === -128 || Math.abs(levels[p * n + q]) <= 0.05 * full))));
    const seen = isDark((i, j) => j >= i) ? "There and above it the neuron is 0." : isDark((i, j) => j === i) ? "There the neuron is 0." : "";
    if (!seen || !("out" in stacks)) return seen;
    const x = of(row);
    const out = values("out", row, last);
    const mean = (/** @type {boolean} */ isShared) => {
      const own = out.filter((_, i) => (x.double[i] === x.shared) === isShared);
      return own.reduce((sum, y) => sum + y, 0) / own.length;
    };
    return `${seen} Where it is not, it ${mean(true) < mean(false) ? "lowers" : "raises"} those answers against the others.`;
  }

  /** @param {CosetNeuron} x */
  function evidence(x) {
    const rows = [["this neuron", share(x.spread)], ...(x.isNormal ? [] : [["on the wrong sides (Hx and yK exchanged)", share(x.wrong)]]),
      ...Object.entries(x.controls).map(([name, count]) => [`in its place: ${name}`, `below 1\u00a0% in ${count} of ${found.draws} draws`]),
      ...(x.out === null || x.outShuffled === null ? [] : [["its outputs, on double cosets", share(x.out)], ["the same, elements shuffled", share(x.outShuffled)]])];
    return el("table", { class: "numbers" }, el("tr", {}, el("th", {}, "at the last checkpoint"), el("th", {}, "variance within cosets")),
      ...rows.map(([name, y]) => el("tr", {}, el("td", {}, name), el("td", {}, y))));
  }

  /** The activation over (a, b), coset by coset. @param {number} row @param {Side} a @param {Side} b */
  function picture(row, a, b) {
    const still = stacks.activations;
    const n = found.subgroups[0].right.length;
    map.hidden = !still || still.rows !== n || still.columns !== n;
    if (map.hidden) return;
    const scale = Math.max(1, Math.ceil(96 / n));
    const gap = a.groups.length > 20 ? 1 : 2;
    /** Which element stands at each pixel. @param {number[][]} groups */
    const laid = (groups) => groups.flatMap((group, i) => [...(i ? Array(gap).fill(-1) : []), ...group.flatMap((x) => Array(scale).fill(x))]);
    const [rows, columns] = [laid(a.groups), laid(b.groups)];
    const levels = frameOf(still, row);
    const cells = new Int8Array(rows.length * columns.length).fill(-128);
    rows.forEach((x, i) => columns.forEach((y, j) => { if (x >= 0 && y >= 0) cells[i * columns.length + j] = levels[x * n + y]; }));
    const full = levels.reduce((most, x) => (x === -128 ? most : Math.max(most, Math.abs(x))), 1);
    const drawing = heat({ rows: rows.length, columns: columns.length, isSigned: levels.some((x) => x < 0 && x !== -128), full, most: (full / 127) * still.scale, label: "activation over (a, b), coset by coset, last checkpoint", rowsAre: "a by Hx", columnsAre: "b by yK" });
    drawing.draw(cells);
    /** @param {MouseEvent} e @returns {[number, number] | null} */
    const pair = (e) => {
      const [i, j] = drawing.cell(e);
      return rows[i] < 0 || columns[j] < 0 ? null : [rows[i], columns[j]];
    };
    const coset = (/** @type {Side} */ side, /** @type {number} */ x) => side.names[side.groups.findIndex((group) => group.includes(x))];
    drawing.canvas.addEventListener("pointermove", (e) => {
      const x = pair(e);
      if (x) pointed.textContent = `a = ${nameOf(run, x[0])} in ${coset(a, x[0])}, b = ${nameOf(run, x[1])} in ${coset(b, x[1])}: ${number(valueOf(still, levels[x[0] * n + x[1]]))}`;
    });
    drawing.canvas.addEventListener("click", (e) => {
      const x = pair(e);
      if (x) store.set({ a: x[0], b: x[1] });
    });
    const holder = /** @type {HTMLElement} */ (drawing.canvas.parentElement);
    const label = (/** @type {string} */ x) => el("span", {}, el("span", { class: "title" }, x));
    const size = (/** @type {string[]} */ names) => Math.max(...names.map((x) => x.length));
    const fits = a.groups.length <= 12;
    const above = fits && b.names.length * (size(b.names) + 1) <= FIT;
    const framed = el("div", { class: fits ? "framed" : "" }, ...(fits ? [el("div", { class: "corner" }), el("div", { class: "above" }, ...(above ? b.names.map(label) : [])), el("div", { class: "beside" }, ...a.names.map(label))] : []));
    holder.replaceWith(framed);
    framed.append(holder);
    map.replaceChildren(drawing.node);
    pointed.textContent = "Point at the picture for its elements and cosets; click to take them as a and b.";
  }

  /** A function's values as dots, coset by coset. @param {number} row @param {Side} side */
  function strip(row, side) {
    const n = side.groups.flat().length;
    const width = Math.max(300, Math.min(680, place.drawing.clientWidth));
    const wide = width / n;
    const root = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT + 14}`, class: "lines", role: "img", "aria-label": `neuron ${neurons.index[row]}: ${side.title}` },
      svg("line", { x1: 0, x2: width, y1: HEIGHT / 2, y2: HEIGHT / 2, class: "grid" }));
    /** @type {SVGElement[]} */ const dots = [];
    /** @type {SVGElement[]} */ const means = [];
    let x = 0;
    side.groups.forEach((group, k) => {
      if (x) root.append(svg("line", { x1: x, x2: x, y1: 0, y2: HEIGHT, class: "grid" }));
      means.push(svg("line", { x1: x + 1, x2: x + group.length * wide - 1, class: "mean" }));
      root.append(means[k]);
      if (side.names[k].length * 6.2 < group.length * wide) root.append(svg("text", { x: x + (group.length * wide) / 2, y: HEIGHT + 11, class: "mid" }, side.names[k]));
      group.forEach((i, j) => {
        const dot = svg("circle", { cx: x + (j + 0.5) * wide, r: Math.min(2.2, Math.max(1.4, wide / 3)), class: "member" }, svg("title", {}, `${nameOf(run, i)} in ${side.names[k]}`));
        dots.push(dot);
        root.append(dot);
      });
      x += group.length * wide;
    });
    const value = el("span");
    return { node: el("div", {}, el("div", { class: "charthead" }, el("span", { class: "title" }, side.title), value), root), dots, means, value };
  }

  /** How many neurons follow which subgroup. */
  function summary() {
    const { columns, rows } = found.table;
    return el("div", { class: "wide" }, el("div", { class: "title" }, "live neurons by the largest subgroup on whose cosets they are constant, to 1 % of their variance"), el("table", { class: "numbers counts" },
      el("tr", {}, ...["subgroup", "order", "cosets", "conjugates", ...columns].map((x) => el("th", {}, x))),
      ...rows.map((row) => el("tr", {}, ...[row.name, row.order, row.cosets, row.conjugates, ...row.counts].map((x) => el("td", {}, x === undefined ? "" : String(x)))))));
  }

  let before = -1;
  return {
    draw(state) {
      const at = list.rowAt(state);
      if (at !== before) {
        before = at;
        prepare(at);
        lines.replaceChildren(...drawn.map((x) => x.node));
      }
      for (const { side, dots, means, value, full } of drawn) {
        const f = values(side.stack, at, state.frame);
        const up = (/** @type {number} */ y) => HEIGHT / 2 - Math.max(-1, Math.min(1, y / full)) * (HEIGHT / 2 - 4);
        let k = 0;
        side.groups.forEach((group, c) => {
          const mean = up(group.reduce((sum, i) => sum + f[i], 0) / group.length);
          means[c].setAttribute("y1", mean.toFixed(1));
          means[c].setAttribute("y2", mean.toFixed(1));
          for (const i of group) dots[k++].setAttribute("cy", up(f[i]).toFixed(1));
        });
        const inside = within(f, side.groups);
        value.textContent = `variance within cosets at this step: ${share(inside, 1e-3)}`;
      }
    },
    table(state) {
      const { columns, rows } = found.table;
      const at = list.rowAt(state);
      const shown = sides(at);
      return [["subgroup", "order", "cosets", "conjugates", ...columns],
        ...rows.map((row) => [row.name, row.order ?? null, row.cosets ?? null, row.conjugates ?? null, ...row.counts]), [],
        ["neuron", "function of", "coset", "element", "value"],
        ...shown.flatMap((side) => {
          const f = values(side.stack, at, state.frame);
          const what = { of_a: "a", of_b: "b", out: "answer" }[side.stack] ?? "";
          return side.groups.flatMap((group, k) => group.map((i) => [neurons.index[at], what, side.names[k], cellOf(run, i), f[i]]));
        })];
    },
  };
}
