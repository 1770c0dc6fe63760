// The drawings of the constructed solution, as SVG's own text.

import { SLACK, TAU, answered, byHalfAngle, direction, forward, halfAngle, number } from "./network.js";

/** @typedef {import("./network.js").State} State */
/** @typedef {import("./network.js").Act} Act */
/** @typedef {[number, number]} Point */
/** @typedef {Record<string, string | number>} Look */
/** @typedef {{name?: string, from: number, to: number, ticks: number[]}} Axis */
/** @typedef {(v: number) => number} Scale */

const fixed = (/** @type {number} */ x) => x.toFixed(2);
/** @param {string} name @param {Look} of @param {string | number} inside */
export const tag = (name, of, inside = "") => {
  const all = Object.entries(of).map(([key, x]) => ` ${key}="${x}"`);
  return `<${name}${all.join("")}>${inside}</${name}>`;
};
/** @param {number} x @param {number} y @param {string | number} text @param {Look} more */
const label = (x, y, text, more = {}) =>
  tag("text", { x: fixed(x), y: fixed(y), "text-anchor": "middle", ...more }, text);
/** @param {Point[]} points @param {Look} of */
const path = (points, of) => {
  const d = `M${points.map((p) => p.map(fixed).join(",")).join("L")}`;
  return tag("path", { d, fill: "none", ...of });
};
/** @param {Point} place @param {number} r @param {Look} of */
const dot = ([x, y], r, of) => tag("circle", { cx: fixed(x), cy: fixed(y), r, ...of });
/** Many lines as one element: browsers are slow with hundreds. @param {Point[][]} all @param {Look} of */
const lines = (all, of) =>
  tag("path", { d: all.map(([p, q]) => `M${p.map(fixed)}L${q.map(fixed)}`).join(""), ...of });
/** @param {Point[]} places @param {number} r @param {Look} of */
const dots = (places, r, of) => {
  const style = `stroke-width:${2 * r};stroke-linecap:round`;
  return lines(
    places.map((p) => [p, p]),
    { style, ...of },
  );
};
/** @param {Point[]} places @param {number} r */
const crosses = (places, r) =>
  lines(
    places.flatMap(([x, y]) => [
      [[x - r, y - r], [x + r, y + r]],
      [[x - r, y + r], [x + r, y - r]],
    ]),
    { class: "two-line" },
  );
/** @param {Point} place @param {number} r @param {Look} of */
const diamond = ([x, y], r, of) =>
  path([[x - r, y], [x, y - r], [x + r, y], [x, y + r], [x - r, y]], of);

export const HALF = 150; // circles are drawn in a square of 300
const RADIUS = 118;
/** @param {number} angle @param {number} r @returns {Point} */
const at = (angle, r) => [HALF + r * Math.cos(angle), HALF - r * Math.sin(angle)];

function ring() {
  return dot([HALF, HALF], RADIUS, { class: "axis", fill: "none" });
}

/** @param {State} state */
export function inputCircle({ M, a, b }) {
  const points = Array.from({ length: M }, (_, c) => at((c * TAU) / M, RADIUS));
  const sum = [points[a][0] + points[b][0] - HALF, points[a][1] + points[b][1] - HALF];
  /** @type {Point} */
  const half = [(sum[0] + HALF) / 2, (sum[1] + HALF) / 2];
  const apart = Math.min((a - b + M) % M, (b - a + M) % M) * (TAU / M) * RADIUS;
  /** @type {[number, string, number][]} */
  const marks = a === b ? [[a, "a = b", 22]] : [[a, "a", apart < 16 ? -18 : 22], [b, "b", 22]];
  return (
    ring() +
    dots(points, M > 150 ? 1 : 2, { class: "faint-line" }) +
    path([points[a], points[b]], { class: "axis" }) +
    path([[HALF, HALF], half], { class: "one-line", "stroke-width": 3 }) +
    dot(half, 4, { class: "one-fill" }) +
    marks.map(([c]) => dot(points[c], 5, { class: "ink-fill" })).join("") +
    marks.map(([c, name, r]) => label(...at((c * TAU) / M, RADIUS + r), name, { dy: 4 })).join("")
  );
}

/** Corners joined in the order of the neurons, a spoke for each activation; the longest spoke is
 * drawn as long as the radius. @param {{N: number, post: number[], turns: number}} of */
function spokes({ N, post, turns }) {
  const most = Math.max(...post, SLACK);
  const angles = post.map((_, i) => (turns * i * TAU) / N);
  const corners = angles.map((t) => at(t, RADIUS));
  const here = angles.map((_, i) => angles.flatMap((_, j) => ((turns * (i - j)) % N ? [] : [j])));
  const spoke = (/** @type {number} */ h, /** @type {number} */ i) =>
    path([[HALF, HALF], at(angles[i], (RADIUS * h) / most)], { class: "spoke" });
  const name = (/** @type {number[]} */ all, /** @type {number} */ i) =>
    all[0] === i ? label(...at(angles[i], RADIUS + 20), all.join(" "), { dy: 4 }) : "";
  return (
    ring() +
    path([...corners, corners[0]], { class: "faint-line" }) +
    post.map(spoke).join("") +
    corners.map((p) => dot(p, 3, { class: "ink-fill" })).join("") +
    here.map(name).join("")
  );
}

/** @param {State} state */
export function inputNeurons(state) {
  const { post } = forward(state.a, state.b, state.M, state.N, state.act);
  const s = (Math.PI * halfAngle(state.a, state.b, state.M)) / state.M;
  const look = path([[HALF, HALF], at(s, RADIUS)], {
    class: "one-line",
    "stroke-dasharray": "3 4",
  });
  return spokes({ ...state, post, turns: 1 }) + (post.some((h) => h > SLACK) ? look : "");
}

/** @param {State} state */
export function outputNeurons(state) {
  const { M, N, act, a, b } = state;
  const { post } = forward(a, b, M, N, act);
  const right = (((a + b) % M) * TAU) / M;
  const s = (Math.PI * halfAngle(a, b, M)) / M;
  const { error, length } = direction(s, N, act);
  const isTold = post.some((h) => h > SLACK) && length > SLACK;
  const sum = path([[HALF, HALF], at(2 * s + error, RADIUS - 12)], { class: "one-line" });
  return (
    spokes({ ...state, post, turns: 2 }) +
    (isTold ? sum : "") +
    diamond(at(right, RADIUS), 7, { class: "one-line one-fill" })
  );
}

const PAD = { left: 46, right: 14, top: 26, bottom: 36 };

/** A frame with axes, into which `draw` draws; it is given what places a number along x and y.
 * @param {Point} size @param {Axis} x @param {Axis} y @param {(across: Scale, up: Scale) => string} draw */
function chart([width, height], x, y, draw) {
  const [left, right] = [PAD.left, width - PAD.right];
  const [low, high] = [height - PAD.bottom, PAD.top];
  /** @param {Axis} axis @param {number} from @param {number} to @returns {Scale} */
  const scale = (axis, from, to) => (v) =>
    from + ((v - axis.from) / (axis.to - axis.from)) * (to - from);
  const [across, up] = [scale(x, left, right), scale(y, low, high)];
  const rule = (/** @type {number} */ v) =>
    path([[left, up(v)], [right, up(v)]], { class: v === 0 ? "axis" : "grid" }) +
    label(left - 6, up(v), tick(v), { "text-anchor": "end", dy: 4 });
  return (
    y.ticks.map(rule).join("") +
    x.ticks.map((v) => label(across(v), low + 16, v)).join("") +
    label((left + right) / 2, height - 4, x.name ?? "") +
    draw(across, up)
  );
}

const tick = (/** @type {number} */ v) =>
  v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(0) : `${+v.toPrecision(2)}`;

/** @param {number} low @param {number} high @param {number} about */
function ticks(low, high, about) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => +((first + i) * step).toPrecision(12));
}

const wholeTicks = (/** @type {number} */ M, /** @type {number} */ width) => ticks(0, M - 1, width / 70).filter(Number.isInteger);

/** @param {State} state @param {Point} size */
export function logitBars(state, size) {
  const { c, rival, lead, logits } = answered(state);
  const wrong = lead < -SLACK ? [rival] : [];
  const most = Math.max(...logits.map(Math.abs));
  const { M } = state;
  const x = { name: "answer c", from: -0.5, to: M - 0.5, ticks: wholeTicks(M, size[0]) };
  const y = { from: -most || -1, to: most || 1, ticks: most ? ticks(-most, most, 5) : [0] };
  return chart(size, x, y, (across, up) => {
    const style = `stroke-width:${fixed(Math.max((across(1) - across(0)) * 0.7, 0.8))}`;
    const bar = (/** @type {number} */ k) => /** @type {Point[]} */ ( [[across(k), up(0)], [across(k), up(logits[k])]]);
    const others = [...logits.keys()].filter((k) => k !== c && k !== wrong[0]);
    const top = (/** @type {number} */ k) => /** @type {Point} */ ( [across(k), up(Math.max(logits[k], 0)) - 9]);
    return (
      lines(others.map(bar), { class: "faint-line", style }) +
      lines([bar(c)], { class: "one-line", style }) +
      diamond(top(c), 5, { class: "one-line one-fill" }) +
      lines(wrong.map(bar), { class: "two-line", style }) +
      crosses(wrong.map(top), 5)
    );
  });
}

/** The angle error over (a + b) mod M as a line for each half turn, whole numbers as marks.
 * @param {State} state @param {Point} size */
export function errorCurve({ M, N, act, a, b }, size) {
  const curves = [0, 1].map((turn) => errors(turn, N, act));
  const limit = Math.PI / M;
  const found = Math.max(...curves.flat().map((e) => (Number.isNaN(e) ? 0 : Math.abs(e))));
  const high = Math.min(Math.max(1.3 * limit, 1.15 * found), 1.05 * Math.PI);
  const x = { name: "(a + b) mod M", from: 0, to: M, ticks: wholeTicks(M, size[0]) };
  const y = { from: -high, to: high, ticks: ticks(-high, high, 6) };
  return chart(size, x, y, (across, up) => {
    const r = M > 150 ? 1.5 : 2.5;
    const told = byHalfAngle(M, N, act).map((x, u) => ({ ...x, u })).filter((x) => x.isTold);
    const places = (/** @type {typeof told} */ some) => some.map(({ u, error }) => /** @type {Point} */ ([across(u % M), up(error)]));
    const bounds = [limit, -limit].map((v) => /** @type {Point[]} */ ([[across(0), up(v)], [across(M), up(v)]]));
    const { length, error } = direction((Math.PI * halfAngle(a, b, M)) / M, N, act);
    const pair = dot([across((a + b) % M), up(error)], 7, { class: "ink-line", fill: "none" });
    return (
      lines(bounds, { class: "ink-line", "stroke-dasharray": "6 4" }) +
      curves.map((curve) => broken(curve, (i) => across((i / DENSE) * M), up)).join("") +
      crosses(places(told.filter((x) => !x.isRight)), r) +
      dots(places(told.filter((x) => x.isRight)), r, { class: "one-line" }) +
      (length > SLACK && 2 * Math.abs(a - b) !== M ? pair : "") +
      label(across(0) + 4, up(limit) - 6, `π/M = ${number(limit)}`, { "text-anchor": "start" })
    );
  });
}

const DENSE = 720;

/** @param {number} turn @param {number} N @param {Act} act */
function errors(turn, N, act) {
  return Array.from({ length: DENSE + 1 }, (_, i) => {
    const { length, error } = direction(Math.PI * (i / DENSE + turn), N, act);
    return length > SLACK ? error : NaN;
  });
}

/** A line that is lifted where it jumps by a quarter turn, or where nothing is told.
 * @param {number[]} values @param {Scale} across @param {Scale} up */
function broken(values, across, up) {
  const joins = (/** @type {number} */ e, /** @type {number} */ i) => i > 0 && Math.abs(e - values[i - 1]) < Math.PI / 2;
  const steps = values.map((e, i) =>
    Number.isNaN(e) ? "" : `${joins(e, i) ? "L" : "M"}${fixed(across(i))},${fixed(up(e))}`,
  );
  return tag("path", { d: steps.join(""), class: "faint-line", fill: "none" });
}
