// The share of each part in the weights, in the winning lens.

import { colourOf } from "../colours.js";
import { el, percent, svg } from "../dom.js";

/** @type {import("../types").Mount} */
export function spectrum(place) {
  const spectra = /** @type {import("../types").Spectra} */ (place.run.spectra);
  const [width, height] = [680, 120];
  const scores = Object.entries(spectra.scores).slice(0, 4).map(([name, x]) => `${name} ${x.toFixed(2)}`);
  place.drawing.append(el("p", { class: "small" }, `Lenses by how much sparser the weights are in them than random ones, in nats: ${scores.join(", ")}.`));
  const shown = spectra.weights.map((weight) => {
    const top = Math.max(...weight.shares.flat(), 1e-9);
    const up = (/** @type {number} */ x) => height - 4 - (x / top) * (height - 20);
    const wide = width / weight.parts.length;
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "lines", role: "img", "aria-label": `share of each part in the ${weight.name}` });
    const bars = weight.parts.map((part, i) => {
      const bar = svg("rect", { x: i * wide + wide * 0.1, width: wide * 0.8, class: "bar", ...(spectra.keys.includes(part) ? { style: `fill:${colourOf(place.run, part)}` } : {}) }, svg("title", {}, part));
      root.append(bar);
      return bar;
    });
    const line = weight.chance.map((x, i) => `${i ? "L" : "M"}${i * wide},${up(x)}H${(i + 1) * wide}`).join("");
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
          bar.setAttribute("height", String(Math.max(0, height - 4 - up(shares[i]))));
        });
        const order = shares.map((_, i) => i).sort((i, j) => shares[j] - shares[i]).slice(0, 5);
        value.textContent = order.map((i) => `${weight.parts[i]} ${percent(shares[i])}`).join(", ");
      }
    },
    table: (state) => [["weight", "part", "share", "chance"], ...spectra.weights.flatMap((x) =>
      x.parts.map((part, i) => [x.name, part, x.shares[state.frame][i], x.chance[i]]))],
  };
}
