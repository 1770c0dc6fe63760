// What each head attends to from the position that is read: over (a, b), or by position.

import { colourOf } from "../colours.js";
import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el, percent, svg } from "../dom.js";
import { heat } from "../heat.js";
import { cellOf } from "../names.js";
import { nearest } from "../state.js";
import { oneOf } from "../views.js";

/** @typedef {import("../types").Place} Place */
/** @typedef {import("../types").Attention} Attention */

/** @type {import("../types").Mount} */
export function attention(place) {
  const { kind, fixed } = /** @type {Attention} */ (place.run.attention);
  return kind === "sequences" ? ofSequences(place) : fixed ? ofNone(place) : ofPairs(place);
}

/** Attention that no pair and no step changes, in words. @param {Place} place @returns {import("../types").Panel} */
function ofNone(place) {
  const { heads, positions, means } = /** @type {Attention} */ (place.run.attention);
  const last = /** @type {(number | null)[][][]} */ (means).length - 1;
  const to = heads.map((_, head) => positions.map((name, i) => `${name}\u00a0${share(means?.[last][head][i])}`).join(", "));
  const lines = to.every((x) => x === to[0]) ? [`each head: ${to[0]}`] : heads.map((name, head) => `${name}: ${to[head]}`);
  place.drawing.append(...lines.map((x) => el("p", {}, `${x}.`)));
  return { draw: () => {}, table: () => [["head", ...positions], ...heads.map((name, head) => [name, .../** @type {(number | null)[][][]} */ (means)[last][head]])] };
}

/** Attention to a of every pair, and its means over b and over a. @param {Place} place @returns {import("../types").Panel} */
function ofPairs(place) {
  const { run, stacks } = place;
  const facts = /** @type {Attention} */ (run.attention);
  const [width, height] = [200, 64];
  const n = stacks.attention.columns;
  const rows = facts.kind === "symbols" ? n : stacks.attention.rows / facts.heads.length;
  const order = rows === n ? run.symbols.a : null;
  const ordered = order ? ", in the group's order" : "";
  const level = facts.sums ? 1 - 1 / facts.positions.length : 0;
  const drawn = facts.heads.map((head) => {
    const map = heat({ rows, columns: n, label: head, isSigned: false, most: 1, rowsAre: rows === n ? `a${ordered}` : `a, of ${run.operators.join(", then ")}`, columnsAre: "b" });
    const lines = ["train", "test"].map((colour) => svg("path", { fill: "none", stroke: `var(--${colour})`, "stroke-width": 1.4 }));
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "lines", role: "img", "aria-label": `${head}: attention to a as a function of a, and of b, from 0 to 1` },
      svg("rect", { x: 0.5, y: 0.5, width: width - 1, height: height - 1, class: "frame" }),
      ...(level ? [svg("line", { x1: 0, x2: width, y1: height * level, y2: height * level, class: "level" })] : []), ...lines);
    const told = el("div", { class: "small" });
    const node = el("div", {}, map.node, root, told);
    return { map, lines, told, node };
  });
  const mark = (/** @type {string} */ colour) => svg("svg", { width: 22, height: 10, "aria-hidden": "true" },
    svg("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: `var(--${colour})`, "stroke-width": 2.5 }));
  place.drawing.append(
    el("div", { class: "legend small" },
      el("span", {}, mark("train"), `as a function of a${ordered}, the mean over b`), el("span", {}, mark("test"), "of b, the mean over a"),
      ...(level ? [el("span", {}, `dotted: 1/${facts.positions.length}, the same to each position`)] : [])),
    el("div", { class: "maps" }, ...drawn.map((x) => x.node)));
  const into = new Int8Array(rows * n);
  let shown = -1;
  const at = (/** @type {import("../types").State} */ state) => nearest(facts.frames, run.frames[state.frame]);
  return {
    draw(state) {
      const frame = at(state);
      if (frame === shown) return;
      shown = frame;
      drawn.forEach(({ map, lines, told }, head) => {
        const x = toA(place, frame, head, rows);
        for (let i = 0; i < rows; i++) for (let j = 0; j < n; j++) {
          const value = x[order ? order[i] * n + order[j] : i * n + j];
          into[i * n + j] = Number.isNaN(value) ? -128 : Math.round(value * 127);
        }
        map.draw(into);
        means(x, rows, n).forEach((values, side) => lines[side].setAttribute("d", curve(order ? order.map((i) => values[i]) : values, width, height)));
        const best = facts.parts?.[frame][head] ?? null;
        const to = facts.positions.map((name, i) => `${name}\u00a0${share(facts.means?.[frame][head][i])}`).join(", ");
        told.replaceChildren(to, el("br"), ...(isEven(x) ? ["the same for every pair"]
          : best ? [el("i", { class: "swatch", style: `background:${colourOf(run, best[0])}` }), `the score for a: ${best[0]} explains ${share(best[1])}`] : []));
      });
    },
    table(state) {
      const frame = at(state);
      /** @type {(string | number | null)[][]} */
      const found = [["head", ...(rows === n ? [] : ["operator"]), "a", "b", "attention to a"]];
      facts.heads.forEach((name, head) => toA(place, frame, head, rows).forEach((x, i) => {
        if (Number.isNaN(x)) return;
        const a = Math.floor(i / n);
        found.push([name, ...(rows === n ? [] : [run.operators[Math.floor(a / n)]]), cellOf(run, a % n), cellOf(run, i % n), Number(x.toFixed(5))]);
      }));
      return found;
    },
  };
}

/** @param {number | null | undefined} x */
const share = (x) => percent(x, 1);

/** Whether it is the same for every pair, to within what is drawn. @param {Float64Array} x */
function isEven(x) {
  let [low, high] = [1, 0];
  for (const y of x) if (!Number.isNaN(y)) [low, high] = [Math.min(low, y), Math.max(high, y)];
  return high >= low && high - low < 0.005;
}

/** A head's attention to a over (a, b). @param {Place} place @param {number} frame @param {number} head @param {number} rows */
function toA({ run, stacks }, frame, head, rows) {
  const { attention: stack, "attention rest": rest } = stacks;
  const facts = /** @type {Attention} */ (run.attention);
  const n = stack.columns;
  const found = new Float64Array(rows * n);
  const levels = frameOf(stack, frame);
  if (facts.kind === "pairs") {
    const from = head * rows * n;
    return found.map((_, i) => valueOf(stack, levels[from + i]) ?? NaN);
  }
  const less = frameOf(rest, frame);
  const [a, b] = [0, 1].map((role) => Array.from({ length: n }, (_, i) => {
    const at = (2 * head + role) * n + i;
    const score = (levels[at] * stack.scale + less[at] * rest.scale) / 127;
    return Math.exp(score + (facts.levels?.[frame][head][role] ?? NaN));
  }));
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) found[i * n + j] = a[i] / (a[i] + b[j] + 1);
  return found;
}

/** The means over b and over a, of what is there. @param {Float64Array} x @param {number} rows @param {number} n */
function means(x, rows, n) {
  const [sums, counts] = [[0, 1].map(() => new Array(n).fill(0)), [0, 1].map(() => new Array(n).fill(0))];
  for (let i = 0; i < rows; i++) for (let j = 0; j < n; j++) {
    const value = x[i * n + j];
    if (Number.isNaN(value)) continue;
    for (const [side, k] of [i % n, j].entries()) {
      sums[side][k] += value;
      counts[side][k]++;
    }
  }
  return sums.map((sum, side) => sum.map((y, k) => (counts[side][k] ? y / counts[side][k] : NaN)));
}

/** @param {number[]} values @param {number} width @param {number} height */
function curve(values, width, height) {
  let pen = "M";
  return values.map((y, i) => {
    if (Number.isNaN(y)) { pen = "M"; return ""; }
    const point = `${pen}${((i * width) / (values.length - 1)).toFixed(1)},${(height * (1 - y)).toFixed(1)}`;
    pen = "L";
    return point;
  }).join("");
}

/** Of sequences, the mean or that of one: a row for each position that is read. @param {Place} place
 * @returns {import("../types").Panel} */
function ofSequences(place) {
  const { run, stacks, store } = place;
  const facts = /** @type {Attention} */ (run.attention);
  const reads = /** @type {number[]} */ (facts.reads);
  const symbols = /** @type {number[]} */ (facts.input);
  const columns = stacks.attention.columns;
  const size = reads.length * columns;
  const told = el("p", { class: "small" });
  const views = [["attention", "mean over inputs"], ["attention of one", "of one input"]].map(([name, label]) => {
    const stack = stacks[name];
    const full = name === "attention" ? largestAtEnd(stack) : 127;
    const maps = facts.heads.map((head, i) => {
      const map = heat({
        rows: reads.length, columns, label: head, isSigned: false, full, most: (full / 127) * stack.scale, aspect: Math.min(8, Math.max(1, columns / reads.length)),
        rowsAre: reads.length > 1 ? `from position ${reads[0]} to ${reads[reads.length - 1]}` : `from position ${reads[0]}`, columnsAre: `to position 0 to ${columns - 1}`,
      });
      map.canvas.addEventListener("pointermove", (e) => {
        const [row, column] = map.cell(e);
        const of = (/** @type {number} */ at) => `position ${at}${name === "attention" ? "" : `, symbol ${symbols[at]}`}`;
        told.textContent = `${head}, from ${of(reads[row])}, to ${of(column)}: ${share(valueOf(stack, frameOf(stack, store.state.frame)[i * size + row * columns + column]))}.`;
      });
      map.canvas.addEventListener("pointerleave", rest);
      return map;
    });
    return { name, label, stack, maps, node: el("div", {}, el("div", { class: "maps two" }, ...maps.map((x) => x.node))) };
  });
  const { nodes, shown } = oneOf("inputs", views, () => { rest(); draw(store.state); });
  place.drawing.append(...nodes, told);
  function rest() {
    told.textContent = shown().name === "attention" ? "Point at a cell for its number." : `The symbols of this input, by position: ${symbols.join(" ")}.`;
  }
  /** @param {import("../types").State} state */
  function draw(state) {
    const { stack, maps } = shown();
    const levels = frameOf(stack, state.frame);
    maps.forEach((map, head) => map.draw(levels.subarray(head * size, (head + 1) * size)));
  }
  rest();
  return {
    draw,
    table(state) {
      const { stack, label } = shown();
      /** @type {(string | number | null)[][]} */
      const found = [["head", "from position", "to position", `attention, ${label}`]];
      frameOf(stack, state.frame).forEach((x, i) => found.push([facts.heads[Math.floor(i / size)], reads[Math.floor((i % size) / columns)], i % columns, valueOf(stack, x)]));
      return found;
    },
  };
}
