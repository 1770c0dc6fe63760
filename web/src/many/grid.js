// The grid: a cell for each pair of values, in it a dot for each network.

import { svg } from "../dom.js";
import { text } from "./data.js";

/** @typedef {import("./data.js").Axis} Axis */
/** @typedef {{panel: number, i: number, j: number}} Cell */
/** @typedef {{across: Axis, up: Axis | null, panels: Axis | null}} Layout */

const TOP = 4;
const FOOT = 42;
const CHARACTER = 6.6; // pixels, of an axis

/** The networks of each cell, by its name. @param {Layout} layout @param {number[]} shown */
export function cells({ across, up, panels }, shown) {
  /** @type {Map<string, number[]>} */
  const found = new Map();
  for (const n of shown) {
    const key = name({ panel: panels?.of[n] ?? 0, i: across.of[n], j: up?.of[n] ?? 0 });
    const some = found.get(key);
    if (some) some.push(n);
    else found.set(key, [n]);
  }
  return found;
}

/** @param {Cell} cell */
export function name({ panel, i, j }) {
  return `${panel} ${i} ${j}`;
}

/** Draw all panels into a place; what recolours the dots, marks a cell, and finds one.
 * @param {HTMLElement} place @param {Layout} layout @param {Map<string, number[]>} found
 * @param {(cell: Cell, isChosen: boolean) => void} onCell @param {(event: KeyboardEvent) => void} onKey */
export function grid(place, layout, found, onCell, onKey) {
  const { across, up, panels } = layout;
  const [columns, rows] = [across.values.length, up?.values.length ?? 1];
  const names = (up?.values ?? [""]).map(text);
  const left = Math.min(110, 16 + CHARACTER * Math.max(...names.map((x) => x.length)));
  const many = panels?.values.length ?? 1;
  const right = 4 + (CHARACTER * text(across.values[columns - 1]).length) / 2; // half of the last name
  const room = Math.max(280, place.clientWidth || 640);
  const beside = Math.max(1, Math.min(many, Math.floor(room / (left + right + 24 * columns))));
  const size = Math.max(11, Math.min(76, Math.floor((room / beside - left - right - 14) / columns)));
  const most = Math.max(1, ...[...found.values()].map((x) => x.length));
  const side = Math.ceil(Math.sqrt(most));
  const step = (size - 3) / side;
  /** @type {Map<number, SVGElement>} */
  const dots = new Map();
  /** @type {SVGElement[]} */
  const marks = [];
  place.replaceChildren();
  for (let panel = 0; panel < many; panel++) {
    const [width, height] = [left + columns * size + right, TOP + rows * size + FOOT];
    const where = panels === null ? "" : `${panels.key} ${text(panels.values[panel])}: `;
    const root = svg("svg", { width, height, class: "lines cells", tabindex: panel === 0 ? 0 : -1, role: "application",
      "aria-roledescription": "grid of networks", "aria-label": `${where}${across.key} across${up ? `, ${up.key} upwards` : ""}. The arrow keys go from cell to cell, Enter keeps one.` });
    for (let i = 0; i < columns; i++) for (let j = 0; j < rows; j++) {
      const [x, y] = [left + i * size, TOP + (rows - 1 - j) * size];
      root.append(svg("rect", { x, y, width: size - 1, height: size - 1, class: "cell" }));
      for (const [k, n] of (found.get(name({ panel, i, j })) ?? []).entries()) {
        const dot = svg("circle", { cx: (x + 1 + step * ((k % side) + 0.5)).toFixed(1), cy: (y + 1 + step * (Math.floor(k / side) + 0.5)).toFixed(1), r: Math.max(0.8, Math.min(7, 0.42 * step)).toFixed(1) });
        dots.set(n, dot);
        root.append(dot);
      }
    }
    label(root, across, up, left, size, rows);
    const mark = svg("rect", { width: size + 1, height: size + 1, class: "mark", visibility: "hidden" });
    marks.push(mark);
    root.append(mark);
    const at = (/** @type {PointerEvent | MouseEvent} */ event) => {
      const box = root.getBoundingClientRect();
      const [i, j] = [Math.floor((event.clientX - box.left - left) / size), rows - 1 - Math.floor((event.clientY - box.top - TOP) / size)];
      return i >= 0 && i < columns && j >= 0 && j < rows ? { panel, i, j } : null;
    };
    root.addEventListener("pointermove", (event) => {
      const cell = at(/** @type {PointerEvent} */ (event));
      if (cell) onCell(cell, false);
    });
    root.addEventListener("click", (event) => {
      const cell = at(/** @type {MouseEvent} */ (event));
      if (cell) onCell(cell, true);
    });
    root.addEventListener("keydown", (event) => onKey(/** @type {KeyboardEvent} */ (event)));
    const figure = document.createElement("div");
    if (panels !== null) {
      const title = document.createElement("h3");
      title.className = "title";
      title.textContent = `${panels.key} ${text(panels.values[panel])}`;
      figure.append(title);
    }
    figure.append(root);
    place.append(figure);
  }
  return {
    /** @param {(n: number) => string} colour */
    recolour(colour) {
      for (const [n, dot] of dots) dot.setAttribute("fill", colour(n));
    },
    /** @param {Cell} cell @param {boolean} isKept */
    mark(cell, isKept) {
      for (const [panel, box] of marks.entries()) {
        box.setAttribute("visibility", panel === cell.panel ? "visible" : "hidden");
        box.setAttribute("class", isKept ? "mark kept" : "mark");
        box.setAttribute("x", String(left + cell.i * size - 1));
        box.setAttribute("y", String(TOP + (rows - 1 - cell.j) * size - 1));
      }
    },
    columns,
    rows,
    panels: many,
  };
}

/** The values along both sides, as many as there is room for, and what they are of.
 * @param {SVGElement} root @param {Axis} across @param {Axis | null} up @param {number} left @param {number} size @param {number} rows */
function label(root, across, up, left, size, rows) {
  const names = across.values.map(text);
  const wide = CHARACTER * Math.max(...names.map((x) => x.length)) + 8;
  const each = Math.ceil(wide / size);
  const foot = TOP + rows * size;
  for (let i = 0; i < names.length; i += each) root.append(svg("text", { x: left + (i + 0.5) * size, y: foot + 14, class: "tick mid" }, names[i]));
  root.append(svg("text", { x: left + (names.length * size) / 2, y: foot + 32, class: "tick mid name" }, across.key));
  if (up === null) return;
  const apart = Math.ceil(14 / size);
  for (let j = 0; j < rows; j += apart) root.append(svg("text", { x: left - 5, y: TOP + (rows - 0.5 - j) * size + 4, class: "tick end" }, text(up.values[j])));
}
