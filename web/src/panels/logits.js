// The logits of one pair, what each part adds to them, and what is lost without some parts.

import { colourOf } from "../colours.js";
import { el, number, percent, svg } from "../dom.js";
import { cellOf, nameOf, operand } from "../names.js";
import { finder } from "../pairs.js";

/** @type {import("../types").Mount} */
export function logits(place) {
  const { run, stacks, store } = place;
  const found = /** @type {import("../types").Answers} */ (run.answers);
  const network = stacks.answers;
  const added = stacks.added;
  const [width, height, names] = [Math.max(280, place.drawing.clientWidth || 680), 170, 16]; // names: room beneath the bars
  const from = 38; // of the axis
  const [lefts, rights] = found.pairs;
  const pair = finder(found.pairs);
  const n = Math.max(...lefts, ...rights);
  const [a, b] = [operand(place, "a", n), operand(place, "b", n)];
  const boxes = found.parts.map((part) => {
    const input = el("input", { type: "checkbox", checked: true, "data-part": part, onchange: () => draw(store.state) });
    return { input, node: el("label", { class: "part" }, input, el("i", { style: `background:${colourOf(run, part)}` }), part) };
  });
  const told = el("p", { class: "told", "aria-live": "polite", "data-accuracy": "" });
  const sum = svg("svg", { viewBox: `0 0 ${width} ${height + names}`, class: "lines", role: "img", "aria-label": "logit of each answer" });
  const zero = svg("line", { x1: from, x2: width, class: "grid" });
  const axis = [0, 1].map(() => svg("text", { x: from - 5, class: "tick end" }));
  const ends = [0, network.columns - 1].map((c) => svg("text", { x: c ? width : from, y: height + 12, class: c ? "tick end" : "tick" }, nameOf(run, c)));
  const marked = /** @type {SVGElement} */ (svg("text", { y: height + 12, class: "tick mark mid" }));
  sum.append(zero, ...axis, ...ends, marked);
  const wide = (width - from) / network.columns;
  const bars = Array.from({ length: network.columns }, (_, i) => {
    const bar = svg("rect", { x: from + i * wide, width: Math.max(0.5, wide * 0.85) }, svg("title", {}, `answer ${nameOf(run, i)}`));
    sum.append(bar);
    return bar;
  });
  const rows = found.parts.map((part) => {
    const line = svg("path", run.names ? { fill: colourOf(run, part) } : { fill: "none", stroke: colourOf(run, part), "stroke-width": 1.6 });
    const mark = svg("line", { y1: 0, y2: 56, class: "cursor" });
    const root = svg("svg", { viewBox: `0 0 ${width} 56`, class: "lines", role: "img", "aria-label": `what ${part} adds to each answer` },
      svg("line", { x1: from, x2: width, y1: 28, y2: 28, class: "grid" }), mark, line);
    return { line, mark, node: el("div", {}, el("div", { class: "title" }, `what ${part} adds`), root) };
  });
  place.drawing.append(el("div", { class: "pair" }, a.node, b.node));
  if (boxes.length) place.drawing.append(el("fieldset", {}, el("legend", {}, `what its logits are made of (${found.form}, which ${found.verdict}): untick to remove`), ...boxes.map((x) => x.node)));
  const picture = el("div", {}, el("div", { class: "title" }, `the logit of each answer (step ${number(found.step)}; their mean is 0; orange: the right answer)`), sum, ...(added ? rows.map((x) => x.node) : []));
  place.drawing.append(told, picture);

  /** @param {number} at @param {number} part */
  function partOf(at, part) {
    const size = added.columns;
    const row = found.product ? found.product[at] : at;
    const start = (part * added.rows + row) * size;
    return added.levels.subarray(start, start + size);
  }
  /** @param {number} i @param {number[]} gone */
  function values(i, gone) {
    const levels = network.levels.subarray(i * network.columns, (i + 1) * network.columns);
    const whole = Array.from(levels, (x) => (x / 127) * network.scale);
    if (added) for (const part of gone) partOf(i, part).forEach((x, c) => { whole[c] -= (x / 127) * added.scale; });
    return whole;
  }
  const gone = () => boxes.flatMap((box, i) => (box.input.checked ? [] : [i]));

  /** @param {import("../types").State} state */
  function draw(state) {
    a.show(state.a);
    b.show(state.b);
    const { at: i, isTurned } = pair(state.a, state.b);
    const removed = gone();
    const scored = found.without?.find((x) => x.gone.join() === removed.join());
    const accuracy = removed.length ? scored?.accuracy : found.network;
    told.dataset.accuracy = accuracy === undefined ? "" : String(accuracy);
    const whole = boxes.length === 0 ? "" : removed.length === 0 ? ` With all parts the network is right on ${percent(accuracy)} of all pairs.`
      : ` Without ${removed.map((x) => found.parts[x]).join(", ")} it is right on ${accuracy === undefined ? "a share that was not computed" : percent(accuracy)} of all pairs (with all: ${percent(found.network)}).`;
    picture.hidden = i === undefined;
    if (i === undefined) { told.textContent = `The pair a = ${nameOf(run, state.a)}, b = ${nameOf(run, state.b)} is not in the task.${whole}`; return; }
    const shown = values(i, removed);
    const best = shown.indexOf(Math.max(...shown));
    const known = [0, ...shown, ...values(i, [])]; // the scale of all parts, whichever are there
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const up = (/** @type {number} */ y) => 6 + ((high - y) / (high - low || 1)) * (height - 12);
    zero.setAttribute("y1", String(up(0)));
    zero.setAttribute("y2", String(up(0)));
    [0, high].forEach((y, k) => {
      axis[k].setAttribute("y", String(up(y) + (k ? 6 : 4)));
      axis[k].textContent = number(Number(y.toPrecision(3)));
    });
    shown.forEach((y, c) => {
      bars[c].setAttribute("y", String(Math.min(up(0), up(y))));
      bars[c].setAttribute("height", String(Math.max(0.5, Math.abs(up(y) - up(0)))));
      bars[c].setAttribute("class", c === found.right[i] ? "bar right" : c === best ? "bar best" : "bar");
    });
    const middle = from + (found.right[i] + 0.5) * wide;
    marked.textContent = nameOf(run, found.right[i]);
    marked.setAttribute("x", String(middle));
    ends.forEach((end, k) => end.setAttribute("visibility", Math.abs(middle - (k ? width : from)) < 6 * nameOf(run, found.right[i]).length + 24 ? "hidden" : "visible"));
    told.textContent = `Right answer: ${nameOf(run, found.right[i])}. Highest: ${nameOf(run, best)}${best === found.right[i] ? ", right." : ", wrong."}${isTurned ? " (b, a) is the same pair here." : ""}${whole}`;
    if (added) rows.forEach(({ line, mark, node }, part) => {
      const levels = partOf(i, part);
      // A line would join elements that have no order.
      line.setAttribute("d", Array.from(levels, (y, c) => (run.names
        ? `M${(from + c * wide).toFixed(1)},28v${((-y / 127) * 26).toFixed(1)}h${(wide * 0.85).toFixed(1)}V28Z`
        : `${c ? "L" : "M"}${(from + (c + 0.5) * wide).toFixed(1)},${(28 - (y / 127) * 26).toFixed(1)}`)).join(""));
      mark.setAttribute("x1", String(from + (found.right[i] + 0.5) * wide));
      mark.setAttribute("x2", String(from + (found.right[i] + 0.5) * wide));
      node.classList.toggle("gone", removed.includes(part));
    });
  }
  return {
    draw,
    says: ({ a, b }) => `step ${found.step}, a = ${nameOf(run, a)}, b = ${nameOf(run, b)}${gone().map((x) => `, without ${found.parts[x]}`).join("")}`,
    table(state) {
      const { at: i } = pair(state.a, state.b);
      if (i === undefined) return [["answer", "logit"]];
      const shown = values(i, gone());
      return [["answer", "logit", ...(added ? found.parts : [])], ...shown.map((y, c) => [cellOf(run, c), y, ...(added ? found.parts.map((_, part) => (partOf(i, part)[c] / 127) * added.scale) : [])])];
    },
  };
}
