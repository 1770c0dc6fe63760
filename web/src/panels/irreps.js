// The irreps that neurons lie in: each neuron a bar, its shares one above the other.

import { colourOf, OTHER } from "../colours.js";
import { frameOf, valueOf } from "../decode.js";
import { el, percent, svg } from "../dom.js";
import { brush, neuronList } from "../neuron.js";

const [WIDTH, HEIGHT] = [680, 84];
const REST = "others";
/** As exact as the picture. @param {number} x */
const whole = (x) => percent(x, 0);
const ROLES = { irreps_in: "its functions of a and of b, before the nonlinearity", irreps_out: "its outputs" };

/** @type {import("../types").Mount} */
export function irreps(place) {
  const { run, stacks, store } = place;
  const { parts, chance, logits } = /** @type {import("../types").Irreps} */ (run.irreps);
  const neurons = /** @type {import("../types").Neurons} */ (run.neurons);
  const coloured = parts.filter((x) => colourOf(run, x) !== OTHER);
  const names = coloured.length < parts.length ? [...coloured, REST] : coloured;
  /** Numbers by part as numbers by name. @param {ArrayLike<number>} x */
  function named(x) {
    const found = names.map(() => 0);
    parts.forEach((part, i) => { found[names.indexOf(coloured.includes(part) ? part : REST)] += x[i]; });
    return found;
  }
  const wide = WIDTH / neurons.index.length;
  const list = neuronList(place);
  place.drawing.append(list.node);
  const charts = Object.entries(ROLES).filter(([role]) => role in stacks).map(([role, title]) => {
    const paths = names.map((name) => svg("path", { fill: name === REST ? OTHER : colourOf(run, name) }));
    const mark = svg("rect", { y: 0.5, width: wide, height: HEIGHT - 1, class: "chosen" });
    const over = neurons.index.map((index, i) => {
      const label = svg("title");
      const node = svg("rect", { x: i * wide, y: 0, width: wide, height: HEIGHT, class: "over" }, label);
      brush(node, store, () => index);
      return { node, label };
    });
    const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "lines", role: "img", "aria-label": `share of each irrep in each neuron: ${title}` },
      ...paths, mark, ...over.map((x) => x.node));
    place.drawing.append(el("div", { class: "charthead" }, el("span", { class: "title" }, `shares of each neuron: ${title}`)), root);
    return { role, stack: stacks[role], paths, mark, over };
  });
  const cells = names.map(() => charts.map(() => el("td")));
  const heads = charts.map(() => el("th"));
  const [byChance, ofLogits] = [named(chance), logits && named(logits)];
  place.drawing.append(el("div", { class: "wide" }, el("table", { class: "numbers" },
    el("tr", {}, el("th", {}, "irrep"), ...heads, el("th", {}, "by chance"), ...(ofLogits ? [el("th", {}, "of the logits, at the end")] : [])),
    ...names.map((name, i) => el("tr", {}, el("td", { class: "part" }, el("i", { style: `background:${name === REST ? OTHER : colourOf(run, name)}` }), name),
      ...cells[i], el("td", {}, percent(byChance[i])), ...(ofLogits ? [el("td", {}, percent(ofLogits[i]))] : []))))));

  /** The shares of one neuron, by part. @param {import("../types").Stack} stack @param {number} frame @param {number} row */
  function sharesOf(stack, frame, row) {
    const levels = frameOf(stack, frame);
    return parts.map((_, i) => valueOf(stack, levels[row * parts.length + i]) ?? 0);
  }
  return {
    draw(state) {
      const at = list.rowAt(state);
      charts.forEach(({ stack, paths, mark, over }, k) => {
        const lines = names.map(() => "");
        neurons.index.forEach((index, i) => {
          let up = HEIGHT;
          const shares = named(sharesOf(stack, state.frame, i));
          shares.forEach((x, j) => {
            const high = x * HEIGHT;
            if (high > 0.05) lines[j] += `M${(i * wide + wide * 0.06).toFixed(1)},${up.toFixed(1)}h${(wide * 0.88).toFixed(1)}v${(-high).toFixed(1)}h${(-wide * 0.88).toFixed(1)}z`;
            up -= high;
          });
          const best = shares.indexOf(Math.max(...shares));
          over[i].label.textContent = `neuron ${index}: ${names[best]} ${whole(shares[best])}`;
          if (i === at) shares.forEach((x, j) => { cells[j][k].textContent = whole(x); });
        });
        paths.forEach((path, j) => path.setAttribute("d", lines[j]));
        mark.setAttribute("x", String(at * wide));
        heads[k].textContent = `neuron ${neurons.index[at]}, ${k ? "outputs" : "inputs"}`;
      });
    },
    table(state) {
      return [["neuron", "of", ...parts], ["by chance", "", ...chance], ...(logits ? [["logits at the end", "", ...logits]] : []),
        ...charts.flatMap(({ role, stack }) => neurons.index.map((index, i) => [index, role === "irreps_in" ? "inputs" : "outputs", ...sharesOf(stack, state.frame, i)]))];
    },
  };
}
