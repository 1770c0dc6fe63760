// The constructed solution of modular addition: page/construct.py has the equations and the same
// numbers.
//
// M = the modulus; N = the number of neurons; act = "relu" or "square"; s = a half angle, πu/M.

/** @typedef {"relu" | "square"} Act */
/** @typedef {{M: number, N: number, act: Act, a: number, b: number}} State */
/** @typedef {ReturnType<typeof constructed>} Constructed */

export const SLACK = 1e-12; // radians; nearer than this to the middle of two answers is a tie
export const TAU = 2 * Math.PI;
/** @type {Record<Act, (z: number) => number>} */
const ACT = { relu: (z) => Math.max(z, 0), square: (z) => z * z };
/** @type {Record<"M" | "N", [number, number]>} */
const LIMITS = { M: [2, 500], N: [1, 12] };

// ---- the network -------------------------------------------------------------------------------

/** Σ_i act(cos(s - iθ)) exp(i 2iθ): where the logits point for the half angle s, and how far.
 * @param {number} s @param {number} N @param {Act} act */
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

/** For each u of 2M: the direction, whether its answer is right, and its lead over the next.
 * @param {number} M @param {number} N @param {Act} act */
export function byHalfAngle(M, N, act) {
  return Array.from({ length: 2 * M }, (_, u) => {
    const { length, error } = direction((Math.PI * u) / M, N, act);
    const off = Math.abs(error);
    const steps = Math.max(Math.floor((off * M) / TAU + 0.5), 1);
    const lead = length * (Math.cos(off) - Math.cos(off - (steps * TAU) / M));
    const isTold = length > SLACK;
    return { error, isTold, isRight: isTold && off < Math.PI / M - SLACK, lead };
  });
}

/** |2 cos((a-b)ω/2)|, squared for squares, by a - b modulo 2M; exactly 0 where a - b = M/2.
 * @param {number} M @param {Act} act */
function gains(M, act) {
  return Float64Array.from({ length: 2 * M }, (_, d) => {
    if ((2 * d) % (2 * M) === M) return 0;
    const gain = Math.abs(2 * Math.cos((Math.PI * d) / M));
    return act === "square" ? gain * gain : gain;
  });
}

/** The u whose half angle the pair's neurons see: a + b, half a turn on if the gain's cosine is
 * negative. @param {number} a @param {number} b @param {number} M */
export function halfAngle(a, b, M) {
  const d = (((a - b) % (2 * M)) + 2 * M) % (2 * M);
  return (a + b + (M < 2 * d && 2 * d < 3 * M ? M : 0)) % (2 * M);
}

/** The network on all M² pairs: how many are right, the smallest margin, the largest angle error;
 * and the margin of each pair, a tie or a mistake as -1.
 * @param {number} M @param {number} N @param {Act} act */
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
      right += Number(isRight);
      margin = Math.min(margin, g * x.lead);
      if (g > 0 && x.isTold) angle = Math.max(angle, Math.abs(x.error));
      margins[a * M + b] = isRight ? g * x.lead : -1;
    }
  }
  return { M, N, act, right, accuracy: right / (M * M), margin, angle, margins };
}

/** The network itself on one pair, as it is written down: pre-activations, activations, logits.
 * @param {number} a @param {number} b @param {number} M @param {number} N @param {Act} act */
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

/** Three digits, or two and a power of ten if it is below .001. @param {number} x */
export function number(x) {
  if (Math.abs(x) < 1e-13) return "0";
  return Math.abs(x) >= 1e-3 ? x.toPrecision(3) : x.toExponential(1);
}

const whole = (/** @type {number} */ n) => n.toLocaleString("en-US");

/** How many pairs are right, and why not all. @param {Omit<Constructed, "margins">} found */
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

/** What the network answers to one pair: the right answer, the best other, their logits. @param {State} state */
export function answered({ M, N, act, a, b }) {
  const { logits } = forward(a, b, M, N, act);
  const c = (a + b) % M;
  let rival = c === 0 ? 1 : 0;
  for (let k = 0; k < M; k++) if (k !== c && logits[k] > logits[rival]) rival = k;
  const lead = logits[c] - logits[rival];
  return { c, rival, lead, isRight: lead > SLACK, isTie: Math.abs(lead) <= SLACK, logits };
}

/** @param {{M: number, N: number, act: Act}} network */
export const networkInWords = ({ M, N, act }) =>
  `a + b mod ${M}, ${N} ${act === "relu" ? "ReLU" : "square"} neuron${N === 1 ? "" : "s"}`;

/** @param {State} state */
export function pairInWords(state) {
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

/** @param {number} x @param {[number, number]} limits */
export const within = (x, [low, high]) => Math.min(Math.max(Math.round(x), low), high);

/** The state that a hash such as #M=67&N=5&act=relu&a=3&b=4 asks for, with what it leaves out or
 * has wrong from `state`. @param {string} hash @param {State} state @returns {State} */
export function fromHash(hash, state) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const integer = (/** @type {"M" | "N" | "a" | "b"} */ key) => {
    const x = asked.get(key) ?? "";
    return /^\d{1,6}$/.test(x) ? +x : state[key];
  };
  const act = asked.get("act") ?? "";
  const M = within(integer("M"), LIMITS.M);
  return {
    M,
    N: within(integer("N"), LIMITS.N),
    act: Object.hasOwn(ACT, act) ? /** @type {Act} */ (act) : state.act,
    a: within(integer("a"), [0, M - 1]),
    b: within(integer("b"), [0, M - 1]),
  };
}

/** @param {State} state */
export const toHash = (state) => `#${new URLSearchParams(Object.entries(state).map(([key, x]) => [key, String(x)]))}`;
