// The weights of each digit, for tasks of digits: as a picture, their size, and each over time.

import { chart } from "../chart.js";
import { PARTS } from "../colours.js";
import { frameOf, largestAtEnd, valueOf } from "../decode.js";
import { el, number, svg } from "../dom.js";
import { heat } from "../heat.js";

/** @typedef {import("../types").Stack} Stack */

const MOST_POINTS = 30_000; // of all lines over time together, so that they are drawn at once
const MOST_STEPS = 60; // of a line
const BIAS = "var(--ink)";
const DISTRACTS = "var(--faint)";

/** @type {import("../types").Mount} */
export function digits(place) {
  const { run, stacks: { digits: stack } } = place;
  const [width, height] = [Math.max(280, place.drawing.clientWidth || 680), 130];
  const [from, floor, ceiling] = [34, height - 16, 8];
  const map = heat({ rows: stack.rows, columns: stack.columns, isSigned: true, full: largestAtEnd(stack), most: (largestAtEnd(stack) / 127) * stack.scale, label: "input weights", aspect: 2.6, rowsAre: "neuron", columnsAre: "digit, b the bias" });
  const every = Math.ceil((stack.columns * 17) / width); // that has room for its name
  const called = (/** @type {number} */ i) => (i === stack.columns - 1 ? "b" : i % every === 0 && i + every <= stack.columns ? String(i) : "");
  map.node.querySelector(".map")?.after(el("div", { class: "beneath" }, ...Array.from({ length: stack.columns }, (_, i) => el("span", {}, called(i)))));
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "lines", role: "img", "aria-label": "size of the weights of each digit" });
  const wide = (width - from) / stack.columns;
  const bars = Array.from({ length: stack.columns }, (_, i) => {
    const colour = colourOfDigit(i);
    const bar = svg("rect", { x: from + i * wide + 1, width: Math.max(1, wide - 2), class: "bar", ...(colour === DISTRACTS ? {} : { style: `fill:${colour}` }) });
    root.append(bar, svg("text", { x: from + (i + 0.5) * wide, y: height - 2, class: "tick mid" }, called(i)));
    return bar;
  });
  place.drawing.append(map.node, el("div", { class: "title" }, "size of each digit's weights (norm over neurons)"), root);
  const overTime = stack.frames > 1 ? chart(place, trajectories()) : () => {};

  /** Of a digit that the answer depends on its own colour. @param {number} digit */
  function colourOfDigit(digit) {
    if (digit === stack.columns - 1) return BIAS;
    if (run.digits === null || run.digits === undefined) return "var(--key)";
    return digit < run.digits ? PARTS[digit % PARTS.length] : DISTRACTS;
  }

  /** Each weight as a line; of many neurons, those of the largest weights at the end. */
  function trajectories() {
    const every = Math.ceil(stack.frames / MOST_STEPS);
    const frames = Array.from({ length: stack.frames }, (_, i) => i).filter((i) => (stack.frames - 1 - i) % every === 0);
    const many = Math.max(1, Math.floor(MOST_POINTS / (stack.columns * frames.length)));
    const neurons = largest(stack, many);
    const steps = frames.map((i) => run.frames[i]);
    /** Lines of one colour are one line with gaps. @param {string} label @param {number[]} columns @param {string} colour */
    const joined = (label, columns, colour) => {
      /** @type {number[]} */ const x = [];
      /** @type {(number | null)[]} */ const y = [];
      for (const column of columns) for (const neuron of neurons) {
        x.push(...steps, steps[steps.length - 1]);
        y.push(...frames.map((i) => valueOf(stack, frameOf(stack, i)[neuron * stack.columns + column])), null);
      }
      return { label, x, y, colour, plain: true, thin: colour === DISTRACTS ? 0.5 : 0.9, shown: () => "" };
    };
    const all = [...bars.keys()];
    const named = all.filter((i) => colourOfDigit(i) === DISTRACTS);
    const others = all.filter((i) => colourOfDigit(i) !== DISTRACTS && i < stack.columns - 1);
    const isKnown = run.digits !== null && run.digits !== undefined;
    return {
      title: `each weight over training${neurons.length < stack.rows ? `, of the ${neurons.length} neurons (of ${stack.rows}) whose weights are largest at the end` : ""}`,
      height: 190, log: false, lines: [
        ...(named.length ? [joined(`${named.length} digits that distract`, named, DISTRACTS)] : []),
        joined("bias", [stack.columns - 1], BIAS),
        ...(isKnown ? others.map((i) => joined(`digit ${i}`, [i], colourOfDigit(i))) : [joined("digits", others, "var(--key)")]),
      ],
    };
  }
  /** @param {number} frame */
  const norms = (frame) => {
    const levels = frameOf(stack, frame);
    return bars.map((_, i) => {
      let sum = 0;
      for (let j = i; j < levels.length; j += stack.columns) sum += levels[j] ** 2;
      return (Math.sqrt(sum) / 127) * stack.scale;
    });
  };
  const axis = [0, 1].map((part) => svg("text", { x: from - 5, y: part ? ceiling + 8 : floor, class: "tick end" }));
  root.append(...axis, ...[floor, ceiling].map((y) => svg("line", { x1: from, x2: width, y1: y, y2: y, class: "grid" })));
  return {
    draw(state) {
      map.draw(frameOf(stack, state.frame));
      const sizes = norms(state.frame);
      const top = Math.max(1e-9, ...sizes);
      axis.forEach((label, part) => { label.textContent = number(part * Number(top.toPrecision(3))); });
      sizes.forEach((x, i) => {
        const tall = (x / top) * (floor - ceiling);
        bars[i].setAttribute("y", String(floor - tall));
        bars[i].setAttribute("height", String(tall));
      });
      overTime(state);
    },
    table(state) {
      const levels = frameOf(stack, state.frame);
      return [["neuron", ...bars.keys()], ...Array.from({ length: stack.rows }, (_, i) =>
        [i, ...Array.from(levels.subarray(i * stack.columns, (i + 1) * stack.columns), (x) => valueOf(stack, x))])];
    },
  };
}

/** The rows with the largest norm in the last frame, at most so many. @param {Stack} stack @param {number} most */
function largest(stack, most) {
  const levels = frameOf(stack, stack.frames - 1);
  const size = (/** @type {number} */ row) => levels.subarray(row * stack.columns, (row + 1) * stack.columns).reduce((sum, x) => sum + x * x, 0);
  return Array.from({ length: stack.rows }, (_, row) => row).sort((i, j) => size(j) - size(i)).slice(0, most);
}
