// Lines over time, with the one cursor that every figure shares.

import { axisOf } from "./axis.js";
import { number, svg, el } from "./dom.js";
import { atOrBefore, nearest } from "./state.js";

/** @typedef {import("./types").Place} Place */
/** @typedef {import("./types").State} State */
/** @typedef {{label: string, x: number[], y: (number | null)[], colour: string, dash?: string, plain?: boolean, thin?: number, shown?: (x: number | null) => string}} Drawn */
/** @typedef {{title: string, height: number, log: boolean, range?: [number, number], lines: Drawn[], level?: {y: number, label: string} | null, marks?: boolean, tick?: (y: number) => string, axis?: boolean}} Options */

const LEFT = 46;
const RIGHT = 10;
const TOP = 8;
const ROW = 14; // of names of events
const ROWS = 3;
const APART = 7; // pixels between measurements that are drawn as dots

/** @param {Place} place @param {Options} options @returns {(state: State) => void} */
export function chart(place, options) {
  const { run, store } = place;
  const legend = el("div", { class: "legend" });
  const values = options.lines.map((line) => {
    const value = el("b");
    const mark = svg("svg", { width: 22, height: 10, "aria-hidden": "true" }, svg("line", {
      x1: 0, x2: 22, y1: 5, y2: 5, stroke: line.colour, "stroke-width": 2.5, "stroke-dasharray": line.dash ?? "",
    }));
    legend.append(el("span", {}, mark, `${line.label} `, value));
    return value;
  });
  if (options.level) legend.append(el("span", {}, svg("svg", { width: 22, height: 10, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 22, y1: 5, y2: 5, class: "level" })), options.level.label));
  const since = el("span", { class: "since" }); // when the numbers are older than the cursor
  legend.append(since);
  const holder = el("div", { class: "chart" });
  place.drawing.append(el("div", { class: "charthead" }, el("span", { class: "title" }, options.title), legend), holder);
  let width = 0;
  let drawnFor = "";
  /** @type {SVGElement} */ let cursor;
  /** @type {SVGElement} */ let guessed;
  /** @type {SVGElement} */ let guessedAt;
  /** @type {(step: number) => number} */ let across = () => 0;
  let axis = axisOf(run, store.state);

  /** @param {State} state */
  function redraw(state) {
    width = holder.clientWidth || 640;
    const inner = width - LEFT - RIGHT;
    const top = TOP + (options.marks && !state.guessing ? ROW * Math.min(ROWS, run.events.length) : 0); // events are named above
    const height = options.height + top - TOP;
    const bottom = height - (options.axis === false ? 6 : 22);
    axis = axisOf(run, state);
    across = (step) => LEFT + inner * axis.across(step);
    const until = state.guessing ? run.frames[state.frame] : Infinity; // what comes after is hidden
    const { low, high, up } = vertical(options, bottom, top, until);
    const title = `${options.title} over training`;
    const root = svg("svg", { width, height: height, role: "img", "aria-label": title, class: "lines" });
    if (options.marks && !state.guessing) for (const [i, phase] of run.phases.entries()) {
      const x = across(phase.from);
      root.append(svg("rect", { x, y: top, width: Math.max(0, across(phase.to) - x), height: bottom - top, class: `phase p${i}` },
        svg("title", {}, `${phase.name}: steps ${number(phase.from)} to ${number(phase.to)}`)));
    }
    for (const y of ticks(low, high, options.log)) {
      root.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: up(y), y2: up(y), class: "grid" }));
      root.append(svg("text", { x: LEFT - 6, y: up(y) + 4, class: "tick end" }, (options.tick ?? tick)(y)));
    }
    if (options.axis !== false) {
      root.append(svg("text", { x: LEFT - 10, y: height - 6, class: "tick end" }, "step"));
      for (const step of steps(axis.end, axis.isLog, inner)) root.append(svg("text", { x: across(step), y: height - 6, class: "tick mid" }, number(step)));
    }
    if (options.level) {
      const y = up(options.level.y);
      root.append(svg("line", { x1: LEFT, x2: width - RIGHT, y1: y, y2: y, class: "level" }));
    }
    const marked = [];
    if (options.marks && !state.guessing) for (const [i, event] of run.events.entries()) {
      const x = across(event.step);
      const row = ROW * (i % ROWS);
      root.append(svg("line", { x1: x, x2: x, y1: row + 2, y2: bottom, class: "event" }));
      const left = x > width - 120;
      marked.push(svg("text", { x: x + (left ? -4 : 4), y: row + 11, class: `tick mark ${left ? "end" : ""}` }, `${event.label}, ${number(event.step)}`));
    }
    const lines = svg("g", {});
    for (const line of options.lines) {
      lines.append(svg("path", { d: path(line, across, up, low, until), fill: "none", stroke: line.colour, "stroke-width": line.thin ?? 1.8, opacity: line.thin ? 0.7 : 1, "stroke-dasharray": line.dash ?? "", "stroke-linejoin": "round" }));
      for (const [x, y] of line.plain ? [] : apart(line, across, up, low, until)) lines.append(svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.4, fill: line.colour }));
    }
    cursor = svg("line", { y1: top - 4, y2: bottom, class: "cursor" });
    guessed = svg("line", { y1: top, y2: bottom, class: "guess" });
    guessedAt = svg("text", { y: bottom - 6, class: "tick mark" });
    root.append(lines, ...(options.marks && !state.guessing ? named(run.phases, across, top, bottom) : []), ...marked, guessed, guessedAt, cursor);
    holder.replaceChildren(root);
    const move = (/** @type {PointerEvent} */ e) => {
      const x = (e.clientX - root.getBoundingClientRect().left - LEFT) / inner;
      const part = Math.min(1, Math.max(0, x));
      const step = axis.step(part);
      if (store.state.guessing) store.set({ guess: Math.round(step) });
      else store.set({ frame: nearest(run.frames, step) });
    };
    root.addEventListener("pointerdown", (e) => {
      const event = /** @type {PointerEvent} */ (e);
      root.setPointerCapture(event.pointerId);
      move(event);
    });
    root.addEventListener("pointermove", (e) => {
      if (/** @type {PointerEvent} */ (e).buttons) move(/** @type {PointerEvent} */ (e));
    });
  }

  const observer = new ResizeObserver(() => {
    if (holder.clientWidth && Math.abs(holder.clientWidth - width) > 1) { drawnFor = ""; draw(store.state); }
  });
  observer.observe(holder);
  store.signal.addEventListener("abort", () => observer.disconnect());

  /** @param {State} state */
  function draw(state) {
    const key = `${state.log} ${state.guessing ? state.frame : ""}`;
    if (key !== drawnFor) redraw(state);
    drawnFor = key;
    const step = run.frames[state.frame];
    const x = across(step);
    cursor.setAttribute("x1", String(x));
    cursor.setAttribute("x2", String(x));
    const at = across(Math.min(state.guess ?? 0, axis.end));
    for (const mark of [guessed, guessedAt]) mark.setAttribute("visibility", state.guess === null ? "hidden" : "visible");
    guessed.setAttribute("x1", String(at));
    guessed.setAttribute("x2", String(at));
    const left = at > width - 130;
    guessedAt.textContent = options.marks ? `your guess, ${number(state.guess)}` : "";
    guessedAt.setAttribute("x", String(at + (left ? -5 : 5)));
    guessedAt.classList.toggle("end", left);
    let before = step;
    options.lines.forEach((line, i) => {
      const row = atOrBefore(line.x, step);
      values[i].textContent = (line.shown ?? number)(row < 0 ? null : line.y[row]);
      if (row >= 0 && values[i].textContent) before = Math.min(before, line.x[row]);
    });
    since.textContent = before < step ? `at ${number(before)}, the last evaluation` : "";
  }
  return draw;
}

/** @param {number} y */
function tick(y) {
  return y !== 0 && (Math.abs(y) < 1e-3 || Math.abs(y) >= 1e5) ? y.toExponential().replace("e+", "e") : number(y);
}

/** The names of phases: beside one another where they fit, else on two lines, else upright.
 * @param {import("./types").Run["phases"]} phases @param {(step: number) => number} across @param {number} top @param {number} bottom */
function named(phases, across, top, bottom) {
  const middle = (top + bottom) / 2;
  let free = 0; // no name that stands upright begins left of it
  return phases.map(({ name, from, to }) => {
    const wide = across(to) - across(from);
    const x = (across(to) + across(from)) / 2;
    const words = name.split(" ");
    if (wide > 6.2 * name.length) return svg("text", { x, y: middle, class: "tick mark mid" }, name);
    if (wide > 5.8 * Math.max(...words.map((word) => word.length))) {
      return svg("text", { class: "tick mark mid" }, ...words.map((word, i) => svg("tspan", { x, y: middle + 13 * i }, word)));
    }
    const at = Math.max(x + 4, free);
    free = at + 13;
    return svg("text", { x: at, y: middle, transform: `rotate(-90 ${at} ${middle})`, class: "tick mark mid" }, name);
  });
}

/** @param {Options} options @param {number} bottom @param {number} top @param {number} until */
function vertical(options, bottom, top, until) {
  const known = options.lines.flatMap((x) => x.y.flatMap((y, i) => (y === null || x.x[i] > until || (options.log && y <= 0) ? [] : [y])));
  if (options.level) known.push(options.level.y);
  let [low, high] = options.range ?? [Math.min(...known), Math.max(...known)];
  if (!options.range && !options.log) low = Math.min(0, low);
  if (!(high > low)) [low, high] = options.log ? [low / 2, low * 2] : [low - 1, low + 1];
  const f = options.log ? Math.log : (/** @type {number} */ y) => y;
  const up = (/** @type {number} */ y) => bottom - ((bottom - top - 4) * (f(y) - f(low))) / (f(high) - f(low));
  return { low, high, up };
}

/** @param {Drawn} line @param {(step: number) => number} across @param {(y: number) => number} up @param {number} low @param {number} until */
function path(line, across, up, low, until) {
  let d = "";
  let pen = "M";
  line.x.forEach((step, i) => {
    const y = line.y[i];
    if (y === null || y === undefined || step > until) { pen = "M"; return; }
    d += `${pen}${across(step).toFixed(1)},${up(Math.max(y, low)).toFixed(1)}`;
    pen = "L";
  });
  return d;
}

/** Where a number was measured, as far as that can be seen: no other within some pixels.
 * @param {Drawn} line @param {(step: number) => number} across @param {(y: number) => number} up @param {number} low @param {number} until */
function apart(line, across, up, low, until) {
  /** @type {[number, number][]} */
  const found = [];
  line.x.forEach((step, i) => {
    const y = line.y[i];
    if (y !== null && y !== undefined && step <= until) found.push([across(step), up(Math.max(y, low))]);
  });
  return found.filter(([x], i) => (i === 0 || x - found[i - 1][0] > APART) && (i === found.length - 1 || found[i + 1][0] - x > APART));
}

/** @param {number} low @param {number} high @param {boolean} log @returns {number[]} */
function ticks(low, high, log) {
  if (log) {
    const [from, to] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
    const every = Math.max(1, Math.ceil((to - from) / 4));
    const found = [];
    for (let i = from; i <= to; i += every) found.push(10 ** i);
    return found.length > 1 ? found : ticks(low, high, false).filter((y) => y >= low);
  }
  const span = high - low;
  const unit = 10 ** Math.floor(Math.log10(span));
  const size = [unit / 5, unit / 2, unit, unit * 2, unit * 5].find((x) => span / x <= 5) ?? span;
  const found = [];
  for (let y = Math.ceil(low / size) * size; y <= high + size * 1e-6; y += size) found.push(Number(y.toPrecision(12)));
  return found;
}

/** @param {number} last @param {boolean} log @param {number} width */
function steps(last, log, width) {
  if (log) {
    const found = [0];
    for (let x = 10; x <= last; x *= 10) found.push(x);
    return found;
  }
  return ticks(0, last, false).filter((_, i, all) => all.length * 60 < width || i % 2 === 0);
}
