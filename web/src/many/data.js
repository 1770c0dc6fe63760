// What the page knows of each network, and what follows from it: classes, groups, shares.

/** @typedef {string | number | boolean | null} Value */
/** @typedef {{key: string, values: Value[], of: number[], with: string[]}} Axis with: settings that go with it, value by value */
/** @typedef {{names: string[], of: (number | null)[]}} Words */
/** @typedef {{networks: number, axes: Axis[], most: number, classes: string[], thresholds: {loss: number, ratio: number}, ids: string[], numbers: Record<string, (number | null)[]>, words: Record<string, Words>, pages: Record<string, string>, curves: {counts: number[], content: string, decades: [number, number]}}} Facts */
/** @typedef {{steps: Int32Array, values: Uint8Array[], starts: number[], counts: number[], decades: [number, number]}} Curves */
/** @typedef {{name: string, colour: string}} Kind */

export const CURVES = ["train accuracy", "test accuracy", "train loss", "test loss"];
const NOTHING = 255;
// Okabe and Ito's, which the colour-blind can tell apart; what failed is grey.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9", "#8f6bd9", "#a0522d"];
const GREY = "#8a9199";
const OF_CLASS = /** @type {Record<string, string>} */ ({ grokking: "#0072b2", "high test loss": "#d55e00", together: "#009e73", "high train loss": "#cc79a7" });

/** The curves of all networks. @param {Facts["curves"]} packed @returns {Promise<Curves>} */
export async function unpack({ counts, content, decades }) {
  const deflated = Uint8Array.from(atob(content), (x) => x.charCodeAt(0));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const points = counts.reduce((sum, n) => sum + n, 0);
  const steps = new Int32Array(bytes.slice(0, 4 * points));
  for (let i = 1; i < points; i++) steps[i] += steps[i - 1];
  const values = CURVES.map((_, k) => new Uint8Array(bytes, (4 + k) * points, points));
  let start = 0;
  const starts = counts.map((n) => (start += n) - n);
  return { steps, values, starts, counts, decades };
}

/** A network's curve: steps and values, null where there is none.
 * @param {Curves} curves @param {number} network @param {number} which @returns {[number, number | null][]} */
export function curve(curves, network, which) {
  const [low, high] = curves.decades;
  return Array.from({ length: curves.counts[network] ?? 0 }, (_, i) => {
    const at = curves.starts[network] + i;
    const level = curves.values[which][at];
    const part = level / 254;
    const value = level === NOTHING ? null : which < 2 ? part : 10 ** (low + part * (high - low));
    return [curves.steps[at], value];
  });
}

/** The class of a network, as the PAIR page has them; null of one that failed.
 * @param {Facts} facts @param {number} i @param {number} loss @param {number} ratio */
export function classOf({ numbers, classes }, i, loss, ratio) {
  const [train, test, most] = ["best_train_loss", "best_test_loss", "largest_loss_ratio"].map((name) => numbers[name]?.[i] ?? null);
  if (train === null) return null;
  if (train > loss) return classes[0];
  if (test === null || test > loss) return classes[1];
  return (most ?? Infinity) < ratio ? classes[2] : classes[3];
}

/** @param {Facts} facts @param {number} i */
export function eventOf({ numbers }, i) {
  if (numbers.grokked?.[i] != null) return "grokked";
  return numbers.memorised?.[i] != null ? "memorised alone" : "did not memorise";
}

/** What a network is by a colouring: "class", "event", or a column of words.
 * @param {Facts} facts @param {string} by @param {number} loss @param {number} ratio @returns {(i: number) => string} */
export function naming(facts, by, loss, ratio) {
  const failed = (/** @type {number} */ i) => facts.words.state?.names[facts.words.state.of[i] ?? -1] === "failed";
  return (i) => {
    if (failed(i)) return "failed";
    if (by === "class") return classOf(facts, i, loss, ratio) ?? "not known";
    if (by === "event") return eventOf(facts, i);
    const words = facts.words[by];
    const at = words?.of[i] ?? null;
    return at === null ? "none" : words.names[at];
  };
}

/** The kinds that a colouring has, in a fixed order, with their colours.
 * @param {Facts} facts @param {string} by @returns {Kind[]} */
export function kinds(facts, by) {
  const grey = ["failed", "none", "not known"].map((name) => ({ name, colour: GREY }));
  if (by === "class") return [...[...facts.classes].reverse().map((name) => ({ name, colour: OF_CLASS[name] ?? GREY })), ...grey];
  const names = by === "event" ? ["grokked", "memorised alone", "did not memorise"] : (facts.words[by]?.names ?? []);
  return [...names.map((name, i) => ({ name, colour: COLOURS[i % COLOURS.length] })), ...grey];
}

/** A share with Wilson's interval of 95 %. @param {number} hits @param {number} n @returns {[number, number, number]} */
export function wilson(hits, n) {
  if (!n) return [NaN, NaN, NaN];
  const [p, z] = [hits / n, 1.959963984540054];
  const middle = p + z ** 2 / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2));
  const [low, high] = [middle - half, middle + half].map((x) => x / (1 + z ** 2 / n));
  return [p, hits ? low : 0, hits === n ? 1 : high];
}

/** The delays of networks: of those that grokked; and how many had memorised and not grokked yet.
 * @param {Facts} facts @param {number[]} some */
export function delays({ numbers }, some) {
  const delay = numbers.delay ?? [];
  const seen = some.filter((i) => delay[i] != null);
  const waiting = some.filter((i) => delay[i] == null && numbers.memorised?.[i] != null && numbers.grokked?.[i] == null);
  return { seen, waiting };
}

/** The median of a delay by Kaplan and Meier: those that wait count as long as they were seen.
 * @param {Facts} facts @param {number[]} some @returns {number | null} null: later than was seen */
export function medianDelay(facts, some) {
  const { numbers } = facts;
  const { seen, waiting } = delays(facts, some);
  const all = [...seen.map((i) => [numbers.delay[i] ?? 0, 1]), ...waiting.map((i) => [(numbers.step[i] ?? 0) - (numbers.memorised[i] ?? 0), 0])];
  all.sort(([s, a], [t, b]) => s - t || b - a); // at one time, those that grok first
  let left = 1;
  for (const [k, [time, happened]] of all.entries()) {
    if (happened) left *= 1 - 1 / (all.length - k);
    if (left <= 0.5 + 1e-12) return time;
  }
  return null;
}

/** @param {Value} value */
export function text(value) {
  if (value === null) return "–";
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}

/** The state that an address gives, as far as it is one.
 * @template {Record<string, string>} T
 * @param {string} hash @param {T} start @param {Record<string, string[]>} allowed @returns {T} */
export function fromHash(hash, start, allowed) {
  const asked = Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
  const state = /** @type {Record<string, string>} */ ({ ...start });
  for (const [key, value] of Object.entries(asked)) {
    const isKnown = Object.hasOwn(start, key) || key.startsWith("only.");
    if (isKnown && (allowed[key]?.includes(value) ?? /^-?\d+(\.\d+)?$/.test(value))) state[key] = value;
  }
  return /** @type {T} */ (state);
}
