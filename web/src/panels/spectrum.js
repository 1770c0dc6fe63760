// The share of each part in the weights, in the winning lens.

import { colourOf } from "../colours.js";
import { el, percent, svg } from "../dom.js";

const [HEIGHT, BOTTOM, LEFT] = [142, 114, 46];

/** Which parts are named under their bars, and how: the key parts, and of the others as many as there
 * is room for; waves by their number.
 * @param {string[]} parts @param {number} wide @param {string[]} keys @returns {[number, string][]} */
function named(parts, wide, keys) {
  const short = parts.map((x) => x.replace(/^(frequency|character) /, ""));
  const longest = Math.max(...short.map((x) => x.length));
  const room = Math.ceil((6.5 * longest + 6) / wide);
  const isKey = (/** @type {number} */ i) => keys.includes(parts[i]);
  const near = (/** @type {number} */ i) => parts.some((_, j) => j !== i && Math.abs(i - j) < room && isKey(j));
  return short.flatMap((x, i) => (isKey(i) || (i % room === 0 && !near(i)) ? [/** @type {[number, string]} */ ([i, x])] : []));
}

/** @type {import("../types").Mount} */
export function spectrum(place) {
  const spectra = /** @type {import("../types").Spectra} */ (place.run.spectra);
  const width = Math.max(280, place.drawing.clientWidth || 680);
  const scores = Object.entries(spectra.scores).slice(0, 4).map(([name, x]) => `${name} ${x.toFixed(2)}`);
  place.drawing.append(el("p", { class: "small" }, `How much sparser the weights are than random ones, by lens, in nats (0: no more): ${scores.join(", ")}.`));
  const shown = spectra.weights.map((weight) => {
    const top = Math.max(...weight.shares.flat(), 1e-9);
    const up = (/** @type {number} */ x) => BOTTOM - (x / top) * (BOTTOM - 14);
    const wide = (width - LEFT) / weight.parts.length;
    const root = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "lines", role: "img", "aria-label": `share of each part in the ${weight.name}` });
    root.append(svg("line", { x1: LEFT, x2: width, y1: BOTTOM, y2: BOTTOM, class: "grid" }),
      svg("text", { x: LEFT - 5, y: up(top) + 6, class: "tick end" }, percent(Number(top.toPrecision(2)))),
      svg("text", { x: LEFT - 5, y: BOTTOM, class: "tick end" }, "0"));
    const bars = weight.parts.map((part, i) => {
      const bar = svg("rect", { x: LEFT + i * wide + wide * 0.1, width: wide * 0.8, class: "bar", ...(spectra.keys.includes(part) ? { style: `fill:${colourOf(place.run, part)}` } : {}) }, svg("title", {}, part));
      root.append(bar);
      return bar;
    });
    let free = 0; // where the names of neighbouring key parts would overlap, the second stands lower
    for (const [i, name] of named(weight.parts, wide, spectra.keys)) {
      const x = LEFT + (i + 0.5) * wide;
      const isKey = spectra.keys.includes(weight.parts[i]);
      const isLow = x - 3.2 * name.length < free;
      root.append(svg("text", { x, y: HEIGHT - (isLow ? 2 : 13), class: `tick mid ${isKey ? "mark" : ""}` }, name));
      if (!isLow) free = x + 3.2 * name.length + 3;
    }
    const line = weight.chance.map((x, i) => `${i ? "L" : "M"}${LEFT + i * wide},${up(x)}H${LEFT + (i + 1) * wide}`).join("");
    root.append(svg("path", { d: line, class: "level", fill: "none" }));
    const value = el("span");
    place.drawing.append(el("div", { class: "charthead" }, el("span", { class: "title" }, weight.name), value), root);
    return { weight, bars, up, value };
  });
  return {
    draw(state) {
      for (const { weight, bars, up, value } of shown) {
        const shares = weight.shares[state.frame];
        bars.forEach((bar, i) => {
          bar.setAttribute("y", String(up(shares[i])));
          bar.setAttribute("height", String(Math.max(0, BOTTOM - up(shares[i]))));
        });
        const order = shares.map((_, i) => i).sort((i, j) => shares[j] - shares[i]).slice(0, 5);
        value.textContent = order.map((i) => `${weight.parts[i]} ${percent(shares[i])}`).join(", ");
      }
    },
    table: (state) => [["weight", "part", "share", "chance"], ...spectra.weights.flatMap((x) =>
      x.parts.map((part, i) => [x.name, part, x.shares[state.frame][i], x.chance[i]]))],
  };
}
