// A small network run in the page, at any checkpoint: what the neurons of each part add to the logits
// of a pair, and how many pairs are right without some of them.

import { ACTIVATIONS } from "../activations.js";
import { colourOf } from "../colours.js";
import { frameOf } from "../decode.js";
import { el, number, percent, svg } from "../dom.js";
import { cellOf, nameOf } from "../names.js";
import { finder } from "../pairs.js";

const [WIDTH, HEIGHT] = [340, 90];
const REST = "the other neurons";

/** @type {import("../types").Mount} */
export function forward(place) {
  const { run, stacks, store } = place;
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const act = ACTIVATIONS[neurons.act ?? "relu"];
  const [lefts, rights] = neurons.pairs ?? [[], []];
  const right = neurons.right ?? [];
  const { rows: count, columns } = stacks.out;
  const named = neurons.waves.map((x) => x.name).filter((x) => neurons.parts.includes(x));
  const groupOf = neurons.parts.map((x) => (x !== null && named.includes(x) ? named.indexOf(x) : named.length));
  const names = groupOf.includes(named.length) ? [...named, REST] : named;
  const pair = finder([lefts, rights]);

  /** Weights of a frame as numbers. @param {number} frame */
  function weights(frame) {
    /** @param {string} name */
    const of = (name) => Float32Array.from(frameOf(stacks[name], frame), (x) => (x / 127) * stacks[name].scale);
    const a = of("of_a");
    return { a, b: "of_b" in stacks ? of("of_b") : a, level: of("level"), out: of("out") };
  }
  /** @param {ReturnType<typeof weights>} w @param {number} neuron @param {number} a @param {number} b */
  const post = (w, neuron, a, b) => act(w.a[neuron * stacks.of_a.columns + a] + w.b[neuron * stacks.of_a.columns + b] + w.level[neuron]);

  /** What each group adds to each answer. @param {ReturnType<typeof weights>} w @param {number} a @param {number} b */
  function added(w, a, b) {
    const found = names.map(() => new Float32Array(columns));
    for (let i = 0; i < count; i++) {
      const x = post(w, i, a, b);
      const into = found[groupOf[i]];
      if (x !== 0) for (let c = 0; c < columns; c++) into[c] += x * w.out[i * columns + c];
    }
    return found;
  }
  /** The share of all pairs that are right. @param {ReturnType<typeof weights>} w @param {boolean[]} kept */
  function accuracy(w, kept) {
    const logits = new Float32Array(columns);
    let correct = 0;
    for (let p = 0; p < right.length; p++) {
      logits.fill(0);
      for (let i = 0; i < count; i++) {
        if (!kept[groupOf[i]]) continue;
        const x = post(w, i, lefts[p], rights[p]);
        if (x !== 0) for (let c = 0, at = i * columns; c < columns; c++, at++) logits[c] += x * w.out[at];
      }
      const mine = logits[right[p]];
      let isBest = true;
      for (let c = 0; c < columns && isBest; c++) isBest = c === right[p] || logits[c] < mine;
      if (isBest) correct++;
    }
    return correct / right.length;
  }

  const boxes = names.map((name, i) => {
    const input = el("input", { type: "checkbox", checked: true, onchange: () => draw(store.state) });
    return { input, node: el("label", { class: "part" }, input, el("i", { style: `background:${colour(i)}` }), name) };
  });
  const told = el("p", { class: "told", "aria-live": "off" });
  const grid = el("div", { class: "small-multiples" });
  place.drawing.append(el("fieldset", {}, el("legend", {}, "neurons that follow"), ...boxes.map((x) => x.node)), told, grid);
  const charts = [...names, "together"].map((name, i) => {
    const line = svg("path", { fill: "none", stroke: i < names.length ? colour(i) : "currentColor", "stroke-width": 1.6 });
    const mark = svg("line", { y1: 0, y2: HEIGHT, class: "event" });
    const title = name === "together" ? "all that are kept, together" : name;
    const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "lines", role: "img", "aria-label": `logit of each answer from ${title}` },
      svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2, class: "grid" }), mark, line);
    const node = el("div", {}, el("div", { class: "title" }, title), root);
    grid.append(node);
    return { line, mark, node };
  });
  /** @param {number} i */
  function colour(i) {
    return colourOf(run, names[i]);
  }

  /** @param {import("../types").State} state */
  function found(state) {
    const where = pair(state.a, state.b);
    const w = weights(state.frame);
    const kept = boxes.map((x) => x.input.checked);
    const groups = added(w, where.a, where.b);
    const sum = Float32Array.from({ length: columns }, (_, c) => groups.reduce((x, group, i) => x + (kept[i] ? group[c] : 0), 0));
    return { ...where, w, kept, rows: [...groups, sum] };
  }
  /** @param {import("../types").State} state */
  function draw(state) {
    const { at, isTurned, w, kept, rows } = found(state);
    grid.style.display = at === undefined ? "none" : "";
    let largest = 1e-9;
    for (const row of rows) for (const x of row) largest = Math.max(largest, Math.abs(x));
    rows.forEach((row, i) => {
      let d = "";
      for (let c = 0; c < columns; c++) d += `${c ? "L" : "M"}${(((c + 0.5) * WIDTH) / columns).toFixed(1)},${(HEIGHT / 2 - (row[c] / largest) * (HEIGHT / 2 - 3)).toFixed(1)}`;
      charts[i].line.setAttribute("d", d);
      const x = String((((at === undefined ? 0 : right[at]) + 0.5) * WIDTH) / columns);
      charts[i].mark.setAttribute("x1", x);
      charts[i].mark.setAttribute("x2", x);
      charts[i].node.classList.toggle("gone", i < names.length && !kept[i]);
    });
    const sum = rows[rows.length - 1];
    const share = accuracy(w, kept);
    told.dataset.accuracy = String(share);
    told.textContent = at === undefined ? `The pair a = ${nameOf(run, state.a)}, b = ${nameOf(run, state.b)} is not in the task.`
      : `a = ${nameOf(run, state.a)}, b = ${nameOf(run, state.b)} at step ${number(run.frames[state.frame])}: the right answer is ${nameOf(run, right[at])}, the highest ${nameOf(run, sum.indexOf(Math.max(...sum)))}. ${isTurned ? "(b, a) is the same pair here. " : ""}${kept.every(Boolean) ? "With all neurons" : "With the neurons that are kept"} ${percent(share)} of all ${number(right.length)} pairs are right.`;
  }
  return {
    draw,
    says: ({ frame, a, b }) => `step ${run.frames[frame]}, a = ${nameOf(run, a)}, b = ${nameOf(run, b)}${boxes.map(({ input }, i) => (input.checked ? "" : `, without ${names[i]}`)).join("")}`,
    table(state) {
      const { at, rows } = found(state);
      return [["answer", ...names, "together"], ...(at === undefined ? [] : Array.from({ length: columns }, (_, c) => [cellOf(run, c), ...rows.map((row) => row[c])]))];
    },
  };
}
