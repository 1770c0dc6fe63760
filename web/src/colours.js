// Colours that the colour-blind can tell apart: Okabe and Ito's for lines, blue to red for signs.

export const PARTS = ["#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8f6bd9", "#a0522d", "#2f7f9e", "#b8a100"];
export const OTHER = "#8a9199";

/** The colour of a part, the same in every figure; of those without one of their own, grey.
 * @param {import("./types").Run} run @param {string | null} name */
export function colourOf(run, name) {
  return (name === null ? undefined : PARTS[run.parts.indexOf(name)]) ?? OTHER;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
/** @type {boolean | null} */ let ground = null;
const isDark = () => ground ?? dark.matches;

/** Be light or dark as what the page stands on, whatever the system is. @param {boolean | null} isDark */
export function standOn(isDark) {
  ground = isDark;
}

const SIGNED = { light: ["#0a4a8f", "#6aaed6", "#f7f7f7", "#f0926a", "#9e1022"], dark: ["#8ecbff", "#2f6ea8", "#15181c", "#b0543a", "#ffb199"] };
const SHARE = { light: ["#f7f7f7", "#b5d3b9", "#5aa88f", "#1f6f78", "#0b2d4e"], dark: ["#15181c", "#1d4a52", "#2c8577", "#83c987", "#f1f7b5"] };

/** 256 colours for levels -128 to 127, as ImageData has them; fullest from a level on. @param {boolean} isSigned @param {number} full */
export function table(isSigned, full) {
  const anchors = (isSigned ? SIGNED : SHARE)[isDark() ? "dark" : "light"].map(rgb);
  const found = new Uint32Array(256);
  for (let level = -127; level < 128; level++) {
    const part = Math.max(-1, Math.min(1, level / full));
    const x = isSigned ? (part + 1) / 2 : Math.max(0, part);
    const at = Math.min(x * 4, 3.999);
    const [p, q] = [anchors[Math.floor(at)], anchors[Math.floor(at) + 1]];
    const [r, g, b] = [0, 1, 2].map((i) => Math.round(p[i] + (q[i] - p[i]) * (at % 1)));
    found[level & 255] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return found; // of -128, no value, nothing is seen
}

/** The same colours from the least to the most, for CSS. @param {boolean} isSigned */
export function gradient(isSigned) {
  return `linear-gradient(90deg, ${(isSigned ? SIGNED : SHARE)[isDark() ? "dark" : "light"].join(", ")})`;
}

/** @param {string} hex */
function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** What pictures are told when light turns to dark or dark to light. */
export const SCHEME = "scheme";

/** Tell the pictures within an element. @param {HTMLElement} root @param {AbortSignal} signal */
export function onScheme(root, signal) {
  dark.addEventListener("change", () => {
    for (const canvas of root.querySelectorAll("canvas")) canvas.dispatchEvent(new Event(SCHEME));
  }, { signal });
}
