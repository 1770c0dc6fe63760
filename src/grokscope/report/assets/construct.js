// The constructed solution of modular addition, computed and drawn: report/construct.py has the
// equations and the same numbers.
//
// M = the modulus; N = the number of neurons; act = "relu" or "square"; s = a half angle, πu/M.

export const SLACK = 1e-12; // radians; nearer than this to the middle of two answers is a tie
const TAU = 2 * Math.PI;
const ACT = { relu: (z) => Math.max(z, 0), square: (z) => z * z };
const LIMITS = { M: [2, 500], N: [1, 12] };

// ---- the network -------------------------------------------------------------------------------

/** Σ_i act(cos(s - iθ)) exp(i 2iθ): where the logits point for the half angle s, and how far. */
export function direction(s, N, act) {
  let x = 0;
  let y = 0;
  for (let i = 0; i < N; i++) {
    const h = ACT[act](Math.cos(s - (i * TAU) / N));
    x += h * Math.cos((2 * i * TAU) / N);
    y += h * Math.sin((2 * i * TAU) / N);
  }
  const error = Math.atan2(
    y * Math.cos(2 * s) - x * Math.sin(2 * s),
    x * Math.cos(2 * s) + y * Math.sin(2 * s),
  );
  return { length: Math.hypot(x, y), error };
}

/** For each u of 2M: the direction, whether its answer is right, and its lead over the next. */
function byHalfAngle(M, N, act) {
  return Array.from({ length: 2 * M }, (_, u) => {
    const { length, error } = direction((Math.PI * u) / M, N, act);
    const off = Math.abs(error);
    const steps = Math.max(Math.floor((off * M) / TAU + 0.5), 1);
    const lead = length * (Math.cos(off) - Math.cos(off - (steps * TAU) / M));
    const isTold = length > SLACK;
    return { error, isTold, isRight: isTold && off < Math.PI / M - SLACK, lead };
  });
}

/** |2 cos((a-b)ω/2)|, squared for squares, by a - b modulo 2M; exactly 0 where a - b = M/2. */
function gains(M, act) {
  return Float64Array.from({ length: 2 * M }, (_, d) => {
    if ((2 * d) % (2 * M) === M) return 0;
    const gain = Math.abs(2 * Math.cos((Math.PI * d) / M));
    return act === "square" ? gain * gain : gain;
  });
}

/** The u whose half angle the pair's neurons see: a + b, half a turn on if the gain's cosine is
 * negative. */
export function halfAngle(a, b, M) {
  const d = (((a - b) % (2 * M)) + 2 * M) % (2 * M);
  return (a + b + (M < 2 * d && 2 * d < 3 * M ? M : 0)) % (2 * M);
}

/** The network on all M² pairs: how many are right, the smallest margin, the largest angle error;
 * and the margin of each pair, a tie or a mistake as -1. */
export function constructed(M, N, act) {
  const here = byHalfAngle(M, N, act);
  const gain = gains(M, act);
  const margins = new Float64Array(M * M);
  let right = 0;
  let margin = Infinity;
  let angle = 0;
  for (let a = 0; a < M; a++) {
    for (let b = 0; b < M; b++) {
      const x = here[halfAngle(a, b, M)];
      const g = gain[(a - b + 2 * M) % (2 * M)];
      const isRight = g > 0 && x.isRight;
      right += isRight;
      margin = Math.min(margin, g * x.lead);
      if (g > 0 && x.isTold) angle = Math.max(angle, Math.abs(x.error));
      margins[a * M + b] = isRight ? g * x.lead : -1;
    }
  }
  return { M, N, act, right, accuracy: right / (M * M), margin, angle, margins };
}

/** The network itself on one pair, as it is written down: pre-activations, activations, logits. */
export function forward(a, b, M, N, act) {
  const zero = (2 * Math.abs(a - b)) === M;
  const pre = Array.from({ length: N }, (_, i) =>
    zero ? 0 : Math.cos((a * TAU) / M - (i * TAU) / N) + Math.cos((b * TAU) / M - (i * TAU) / N),
  );
  const post = pre.map(ACT[act]);
  const logits = Array.from({ length: M }, (_, c) =>
    post.reduce((sum, h, i) => sum + h * Math.cos((c * TAU) / M - (2 * i * TAU) / N), 0),
  );
  return { pre, post, logits };
}

// ---- words -------------------------------------------------------------------------------------

/** Three digits, or two and a power of ten if it is below .001. */
export function number(x) {
  if (Math.abs(x) < 1e-13) return "0";
  return Math.abs(x) >= 1e-3 ? x.toPrecision(3) : x.toExponential(1);
}

const whole = (n) => n.toLocaleString("en-US");

/** How many pairs are right, and why not all. */
export function summary({ M, right, accuracy, margin, angle }) {
  const pairs = M * M;
  const most = `π/${M} = ${number(Math.PI / M)}`;
  if (right === pairs)
    return (
      `All ${whole(pairs)} pairs are right: accuracy 1 (guessing gives 1/${M}). The right logit ` +
      `leads the next by ${number(margin)} at least. The angle is off by at most ` +
      `${number(angle)} rad, and ${most} would be too much.`
    );
  const count =
    `${whole(right)} of ${whole(pairs)} pairs are right: accuracy ${accuracy.toFixed(4)} ` +
    `(guessing gives 1/${M}).`;
  if (right === pairs - M && M % 2 === 0)
    return (
      `${count} That is exactly 1 - 1/${M}: the ${M} others are those with a - b = ${M / 2}, ` +
      "and all their logits are 0."
    );
  if (angle < Math.PI / M - SLACK) return `${count} In the others all logits are 0.`;
  return `${count} The angle is off by up to ${number(angle)} rad, and ${most} is too much.`;
}

/** What the network answers to one pair: the right answer, the best other, their logits. */
function answered({ M, N, act, a, b }) {
  const { logits } = forward(a, b, M, N, act);
  const c = (a + b) % M;
  let rival = c === 0 ? 1 : 0;
  for (let k = 0; k < M; k++) if (k !== c && logits[k] > logits[rival]) rival = k;
  const lead = logits[c] - logits[rival];
  return { c, rival, lead, isRight: lead > SLACK, isTie: Math.abs(lead) <= SLACK, logits };
}

const networkInWords = ({ M, N, act }) =>
  `a + b mod ${M}, ${N} ${act === "relu" ? "ReLU" : "square"} neuron${N === 1 ? "" : "s"}`;

function pairInWords(state) {
  const { c, rival, lead, isRight, isTie, logits } = answered(state);
  const sum = `${state.a} + ${state.b} = ${c} mod ${state.M}. `;
  if (logits.every((x) => x === 0)) {
    const isOpposite = 2 * Math.abs(state.a - state.b) === state.M;
    const why = isOpposite ? `as a - b = ${state.M / 2}` : "as no neuron is active";
    return `${sum}All logits are 0, ${why}: the network says nothing.`;
  }
  if (isTie) return `${sum}A tie: ${c} and ${rival} both have the logit ${number(logits[c])}.`;
  return isRight
    ? `${sum}Right: the logit of ${c} is ${number(logits[c])} and leads ${rival}, the next, by ` +
        `${number(lead)}.`
    : `${sum}Wrong: the network says ${rival}, whose logit leads that of ${c} by ${number(-lead)}.`;
}

// ---- the address -------------------------------------------------------------------------------

const within = (x, [low, high]) => Math.min(Math.max(Math.round(x), low), high);

/** The state that a hash such as #M=67&N=5&act=relu&a=3&b=4 asks for, with what it leaves out or
 * has wrong from `state`. */
export function fromHash(hash, state) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const integer = (key) => (/^\d{1,6}$/.test(asked.get(key) ?? "") ? +asked.get(key) : state[key]);
  const M = within(integer("M"), LIMITS.M);
  return {
    M,
    N: within(integer("N"), LIMITS.N),
    act: Object.hasOwn(ACT, asked.get("act") ?? "") ? asked.get("act") : state.act,
    a: within(integer("a"), [0, M - 1]),
    b: within(integer("b"), [0, M - 1]),
  };
}

export const toHash = (state) => `#${new URLSearchParams(state)}`;

// ---- drawings ----------------------------------------------------------------------------------

const fixed = (x) => x.toFixed(2);
const tag = (name, of, inside = "") => {
  const all = Object.entries(of).map(([key, x]) => ` ${key}="${x}"`);
  return `<${name}${all.join("")}>${inside}</${name}>`;
};
const label = (x, y, text, more = {}) =>
  tag("text", { x: fixed(x), y: fixed(y), "text-anchor": "middle", ...more }, text);
const path = (points, of) => {
  const d = `M${points.map((p) => p.map(fixed).join(",")).join("L")}`;
  return tag("path", { d, fill: "none", ...of });
};
const dot = ([x, y], r, of) => tag("circle", { cx: fixed(x), cy: fixed(y), r, ...of });
/** Many lines as one element: browsers are slow with hundreds. */
const lines = (all, of) =>
  tag("path", { d: all.map(([p, q]) => `M${p.map(fixed)}L${q.map(fixed)}`).join(""), ...of });
const dots = (places, r, of) => {
  const style = `stroke-width:${2 * r};stroke-linecap:round`;
  return lines(
    places.map((p) => [p, p]),
    { style, ...of },
  );
};
const crosses = (places, r) =>
  lines(
    places.flatMap(([x, y]) => [
      [[x - r, y - r], [x + r, y + r]],
      [[x - r, y + r], [x + r, y - r]],
    ]),
    { class: "two-line" },
  );
const diamond = ([x, y], r, of) =>
  path([[x - r, y], [x, y - r], [x + r, y], [x, y + r], [x - r, y]], of);

const HALF = 150; // circles are drawn in a square of 300
const RADIUS = 118;
const at = (angle, r) => [HALF + r * Math.cos(angle), HALF - r * Math.sin(angle)];

function ring() {
  return dot([HALF, HALF], RADIUS, { class: "axis", fill: "none" });
}

function inputCircle({ M, a, b }) {
  const points = Array.from({ length: M }, (_, c) => at((c * TAU) / M, RADIUS));
  const sum = [points[a][0] + points[b][0] - HALF, points[a][1] + points[b][1] - HALF];
  const half = [(sum[0] + HALF) / 2, (sum[1] + HALF) / 2];
  const apart = Math.min((a - b + M) % M, (b - a + M) % M) * (TAU / M) * RADIUS;
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
 * drawn as long as the radius. */
function spokes({ N, post, turns }) {
  const most = Math.max(...post, SLACK);
  const angles = post.map((_, i) => (turns * i * TAU) / N);
  const corners = angles.map((t) => at(t, RADIUS));
  const here = angles.map((_, i) => angles.flatMap((_, j) => ((turns * (i - j)) % N ? [] : [j])));
  const spoke = (h, i) =>
    path([[HALF, HALF], at(angles[i], (RADIUS * h) / most)], { class: "spoke" });
  const name = (all, i) =>
    all[0] === i ? label(...at(angles[i], RADIUS + 20), all.join(" "), { dy: 4 }) : "";
  return (
    ring() +
    path([...corners, corners[0]], { class: "faint-line" }) +
    post.map(spoke).join("") +
    corners.map((p) => dot(p, 3, { class: "ink-fill" })).join("") +
    here.map(name).join("")
  );
}

function inputNeurons(state) {
  const { post } = forward(state.a, state.b, state.M, state.N, state.act);
  const s = (Math.PI * halfAngle(state.a, state.b, state.M)) / state.M;
  const look = path([[HALF, HALF], at(s, RADIUS)], {
    class: "one-line",
    "stroke-dasharray": "3 4",
  });
  return spokes({ ...state, post, turns: 1 }) + (post.some((h) => h > SLACK) ? look : "");
}

function outputNeurons(state) {
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

/** A frame with axes, into which `draw` draws; it is given what places a number along x and y. */
function chart([width, height], x, y, draw) {
  const [left, right] = [PAD.left, width - PAD.right];
  const [low, high] = [height - PAD.bottom, PAD.top];
  const scale = (axis, from, to) => (v) =>
    from + ((v - axis.from) / (axis.to - axis.from)) * (to - from);
  const [across, up] = [scale(x, left, right), scale(y, low, high)];
  const rule = (v) =>
    path([[left, up(v)], [right, up(v)]], { class: v === 0 ? "axis" : "grid" }) +
    label(left - 6, up(v), tick(v), { "text-anchor": "end", dy: 4 });
  return (
    y.ticks.map(rule).join("") +
    x.ticks.map((v) => label(across(v), low + 16, v)).join("") +
    label((left + right) / 2, height - 4, x.name) +
    draw(across, up)
  );
}

const tick = (v) =>
  v !== 0 && Math.abs(v) < 1e-3 ? v.toExponential(0) : `${+v.toPrecision(2)}`;

function ticks(low, high, about) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((k) => k >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => +((first + i) * step).toPrecision(12));
}

const wholeTicks = (M, width) => ticks(0, M - 1, width / 70).filter(Number.isInteger);

function logitBars(state, size) {
  const { c, rival, lead, logits } = answered(state);
  const wrong = lead < -SLACK ? [rival] : [];
  const most = Math.max(...logits.map(Math.abs));
  const { M } = state;
  const x = { name: "answer c", from: -0.5, to: M - 0.5, ticks: wholeTicks(M, size[0]) };
  const y = { from: -most || -1, to: most || 1, ticks: most ? ticks(-most, most, 5) : [0] };
  return chart(size, x, y, (across, up) => {
    const style = `stroke-width:${fixed(Math.max((across(1) - across(0)) * 0.7, 0.8))}`;
    const bar = (k) => [[across(k), up(0)], [across(k), up(logits[k])]];
    const others = [...logits.keys()].filter((k) => k !== c && k !== wrong[0]);
    const top = (k) => [across(k), up(Math.max(logits[k], 0)) - 9];
    return (
      lines(others.map(bar), { class: "faint-line", style }) +
      lines([bar(c)], { class: "one-line", style }) +
      diamond(top(c), 5, { class: "one-line one-fill" }) +
      lines(wrong.map(bar), { class: "two-line", style }) +
      crosses(wrong.map(top), 5)
    );
  });
}

/** The angle error over (a + b) mod M as a line for each half turn, whole numbers as marks. */
function errorCurve({ M, N, act, a, b }, size) {
  const curves = [0, 1].map((turn) => errors(turn, N, act));
  const limit = Math.PI / M;
  const found = Math.max(...curves.flat().map((e) => (Number.isNaN(e) ? 0 : Math.abs(e))));
  const high = Math.min(Math.max(1.3 * limit, 1.15 * found), 1.05 * Math.PI);
  const x = { name: "(a + b) mod M", from: 0, to: M, ticks: wholeTicks(M, size[0]) };
  const y = { from: -high, to: high, ticks: ticks(-high, high, 6) };
  return chart(size, x, y, (across, up) => {
    const r = M > 150 ? 1.5 : 2.5;
    const told = byHalfAngle(M, N, act).map((x, u) => ({ ...x, u })).filter((x) => x.isTold);
    const places = (some) => some.map(({ u, error }) => [across(u % M), up(error)]);
    const bounds = [limit, -limit].map((v) => [[across(0), up(v)], [across(M), up(v)]]);
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

function errors(turn, N, act) {
  return Array.from({ length: DENSE + 1 }, (_, i) => {
    const { length, error } = direction(Math.PI * (i / DENSE + turn), N, act);
    return length > SLACK ? error : NaN;
  });
}

/** A line that is lifted where it jumps by a quarter turn, or where nothing is told. */
function broken(values, across, up) {
  const joins = (e, i) => i > 0 && Math.abs(e - values[i - 1]) < Math.PI / 2;
  const steps = values.map((e, i) =>
    Number.isNaN(e) ? "" : `${joins(e, i) ? "L" : "M"}${fixed(across(i))},${fixed(up(e))}`,
  );
  return tag("path", { d: steps.join(""), class: "faint-line", fill: "none" });
}

// ---- the page ----------------------------------------------------------------------------------

const WIDE = [0, 114, 178]; // right with a wide margin; barely right; wrong: as in the key beneath
const BARE = [207, 230, 245];
const WRONG = [213, 94, 0];

/** All pairs, a to the right and b down: the margin in steps of blue, what is wrong in orange. */
function paintPairs(canvas, { M, margins }) {
  canvas.width = canvas.height = M;
  const image = new ImageData(M, M);
  const above = margins.filter((m) => m > 0);
  const most = Math.log(above.reduce((x, m) => Math.max(x, m), 0));
  const least = Math.log(above.reduce((x, m) => Math.min(x, m), Infinity));
  for (let a = 0; a < M; a++) {
    for (let b = 0; b < M; b++) {
      const m = margins[a * M + b];
      const t = most > least ? (Math.log(m) - least) / (most - least) : 1;
      const colour = m > 0 ? BARE.map((x, i) => x + t * (WIDE[i] - x)) : WRONG;
      image.data.set([...colour, 255], 4 * (b * M + a));
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function start() {
  const $ = (id) => document.getElementById(id);
  const given = JSON.parse($("start").textContent);
  let playing = 0; // the timers that wait, each 0 if it does not
  let resting = 0;
  let writing = 0;
  let frame = 0;
  let state = fromHash(location.hash, given.state);
  let known = {}; // what was computed of all pairs, by modulus, neurons and activation

  const drawings = {
    input: [inputCircle, () => `The circle of ${state.M} residues, a, b, and the point halfway.`],
    neurons: [inputNeurons, () => `${state.N} neurons, each with its activation as a spoke.`],
    outputs: [outputNeurons, () => "The spokes at twice the angle, their sum, the right answer."],
    logits: [logitBars, () => `The logits of all answers. ${pairInWords(state)}`],
    error: [errorCurve, () => `The angle error over a + b. ${summary(known)}`],
  };

  function drawAll() {
    for (const [id, [drawn, told]] of Object.entries(drawings)) {
      const svg = $(id);
      const { height } = svg.viewBox.baseVal;
      const width = height === 2 * HALF ? height : Math.max(svg.parentElement.clientWidth, 300);
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("aria-label", told());
      svg.innerHTML = drawn(state, [width, height]);
    }
  }

  function fillControls() {
    for (const key of ["M", "N", "a", "b"]) {
      for (const input of document.querySelectorAll(`[data-key="${key}"]`)) {
        if (key === "a" || key === "b") input.max = state.M - 1;
        input.value = state[key];
      }
    }
    for (const input of document.querySelectorAll("[name=act]"))
      input.checked = input.value === state.act;
  }

  function fillTable() {
    for (const cell of document.querySelectorAll("[data-here]")) {
      const [act, N] = cell.dataset.here.split(" ");
      const { right, accuracy } = constructed(state.M, +N, act);
      const { M } = state;
      const isBest = right === (M % 2 ? M * M : M * M - M);
      cell.textContent = !isBest ? accuracy.toFixed(4) : M % 2 ? "1" : `1 − 1/${M}`;
      cell.className = isBest ? "best" : "";
    }
    for (const place of document.querySelectorAll("[data-modulus]")) place.textContent = state.M;
  }

  function fillNumbers() {
    const { pre, post } = forward(state.a, state.b, state.M, state.N, state.act);
    const degrees = (turns, i) => `${(((360 * turns * i) / state.N) % 360).toFixed(1)}°`;
    const row = (z, i) => [degrees(1, i), z.toFixed(5), post[i].toFixed(5), degrees(2, i)];
    const cells = (z, i) => row(z, i).map((x) => tag("td", {}, x)).join("");
    const rows = pre.map((z, i) => tag("tr", {}, tag("th", { scope: "row" }, i) + cells(z, i)));
    $("numbers").innerHTML = rows.join("");
  }

  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text; // the live region speaks of news
  }

  function draw() {
    fillControls();
    if (known.M !== state.M || known.N !== state.N || known.act !== state.act) {
      const hasNewModulus = known.M !== state.M;
      known = constructed(state.M, state.N, state.act);
      paintPairs($("pairs"), known);
      if (hasNewModulus) fillTableSoon();
      for (const cell of document.querySelectorAll("[data-here]"))
        cell.toggleAttribute("data-now", cell.dataset.here === `${state.act} ${state.N}`);
      setText($("summary"), summary(known));
      setText($("reason"), given.reasons[state.act][state.N - 1]);
      $("pairs").setAttribute("aria-label", `All pairs, a to the right, b down. ${summary(known)}`);
      setText($("network"), networkInWords(state));
    }
    setText($("pair"), pairInWords(state));
    const { isRight, isTie } = answered(state);
    const share = known.right === state.M ** 2 ? "1" : known.accuracy.toFixed(4);
    const pair = isRight ? "right" : isTie ? "a tie" : "wrong";
    $("short").textContent = `accuracy ${share}, this pair ${pair}`;
    const place = $("here").style;
    place.left = `${((state.a + 0.5) / state.M) * 100}%`;
    place.top = `${((state.b + 0.5) / state.M) * 100}%`;
    fillNumbers();
    drawAll();
  }

  function fillTableSoon() {
    clearTimeout(resting);
    resting = setTimeout(fillTable, 120);
  }

  function change(some) {
    state = fromHash(toHash({ ...state, ...some }), state);
    clearTimeout(writing); // browsers refuse a page that writes its address often
    writing = setTimeout(() => history.replaceState(null, "", toHash(state)), 300);
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  for (const input of document.querySelectorAll("[data-key]")) {
    // A number is taken when it is typed to the end: the 1 of 113 is no modulus.
    input.addEventListener(input.type === "range" ? "input" : "change", () => {
      if (input.value !== "") change({ [input.dataset.key]: within(+input.value, [0, 1e5]) });
      fillControls();
    });
    input.addEventListener("blur", fillControls);
  }
  for (const input of document.querySelectorAll("[name=act]"))
    input.addEventListener("change", () => change({ act: input.value }));
  for (const link of document.querySelectorAll("[data-set]"))
    link.addEventListener("click", () => {
      change(Object.fromEntries(new URLSearchParams(link.dataset.set)));
      const isSeen = $("short").getBoundingClientRect().bottom > 0;
      if (!isSeen) $("network").scrollIntoView({ block: "center" });
    });
  $("pairs").addEventListener("click", (event) => {
    const box = $("pairs").getBoundingClientRect();
    const a = Math.floor(((event.clientX - box.left) / box.width) * state.M);
    const b = Math.floor(((event.clientY - box.top) / box.height) * state.M);
    change({ a: within(a, [0, state.M - 1]), b: within(b, [0, state.M - 1]) });
  });
  $("play").addEventListener("click", () => {
    const isPlaying = playing !== 0;
    clearInterval(playing);
    const pace = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1500 : 150;
    playing = isPlaying ? 0 : setInterval(() => change({ a: (state.a + 1) % state.M }), pace);
    $("play").textContent = isPlaying ? "Play: a goes round" : "Stop";
    $("pair").setAttribute("aria-live", isPlaying ? "polite" : "off");
  });
  addEventListener("hashchange", () => {
    state = fromHash(location.hash, state);
    draw();
  });
  addEventListener("resize", () => requestAnimationFrame(drawAll));
  document.body.classList.add("live");
  draw();
}

if (typeof document !== "undefined") start();
