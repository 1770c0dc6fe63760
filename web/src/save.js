// A figure saved as SVG or PNG, and its numbers as CSV.

import { el } from "./dom.js";

/** @typedef {import("./types").Place} Place */
/** @typedef {import("./types").Panel} Panel */

/** @typedef {{figure: HTMLElement, drawing: HTMLElement}} Figure */
/** @typedef {(string | number | null)[][]} Rows */

/** The buttons under a figure of a run. @param {Place} place @param {Panel} panel */
export function tools(place, panel) {
  const { figure, run, store } = place;
  return savers(place, `${run.id}-${figure.dataset.panel}`, () => [`run ${run.id}`, `task ${run.task}`, ...(run.seed === null ? [] : [`seed ${run.seed}`]),
    panel.says?.(store.state) ?? `step ${run.frames[store.state.frame]}`, figure.querySelector("figcaption")?.textContent ?? ""], () => panel.table(store.state));
}

/** The buttons under any figure: what it is saved as, what is noted in it, its numbers.
 * @param {Figure} shown @param {string} called @param {() => string[]} notes @param {() => Rows} rows */
export function savers(shown, called, notes, rows) {
  const name = called.replace(/[^\w.+-]+/g, "_").slice(0, 100);
  const say = () => notes().map((x) => x.replace(/\s+/g, " "));
  const told = el("span", { role: "alert" });
  return el("div", { class: "tools" },
    el("button", { type: "button", onclick: () => save(`${name}.svg`, drawn(shown, say()), "image/svg+xml") }, "SVG"),
    el("button", { type: "button", onclick: () => png(`${name}.png`, drawn(shown, say()), told) }, "PNG"),
    el("button", { type: "button", onclick: () => save(`${name}.csv`, csv(say(), rows()), "text/csv") }, "CSV"), told);
}

/** @param {string[]} notes @param {Rows} rows */
function csv(notes, rows) {
  const cell = (/** @type {string | number | null} */ x) => {
    let text = x === null || x === undefined ? "" : String(x);
    if (typeof x === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [...notes.map((x) => `# ${x}`), ...rows.map((row) => row.map(cell).join(","))].join("\n") + "\n";
}

const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "font-size", "font-family", "text-anchor", "opacity", "font-weight", "paint-order", "stroke-linecap", "stroke-linejoin"];

/** The pieces of a figure below one another, as one SVG. @param {Figure} place @param {string[]} notes */
function drawn(place, notes) {
  const box = place.drawing.getBoundingClientRect();
  const { backgroundColor: paper, color: ink } = getComputedStyle(/** @type {Element} */ (place.figure.closest(".grokscope")));
  let inside = "";
  for (const piece of place.drawing.querySelectorAll("svg.lines, canvas, .title")) {
    const at = piece.getBoundingClientRect();
    if (!at.width || piece.closest("[hidden]")) continue;
    const [x, y] = [at.left - box.left, at.top - box.top];
    if (piece instanceof HTMLCanvasElement) {
      inside += `<image x="${x}" y="${y}" width="${at.width}" height="${at.height}" preserveAspectRatio="none" style="image-rendering:pixelated" href="${piece.toDataURL()}"/>`;
    } else if (piece instanceof SVGElement) {
      const copy = /** @type {SVGElement} */ (piece.cloneNode(true));
      const [mine, theirs] = [piece.querySelectorAll("*"), copy.querySelectorAll("*")];
      mine.forEach((node, i) => {
        const style = getComputedStyle(node);
        theirs[i].setAttribute("style", STYLES.map((k) => `${k}:${style.getPropertyValue(k).replaceAll('"', "'")}`).join(";"));
      });
      copy.setAttribute("x", String(x));
      copy.setAttribute("y", String(y));
      copy.setAttribute("width", String(at.width));
      copy.setAttribute("height", String(at.height));
      inside += new XMLSerializer().serializeToString(copy);
    } else {
      inside += `<text x="${x}" y="${y + 13}" font-size="13" font-family="sans-serif" fill="${ink}">${escaped(piece.textContent ?? "")}</text>`;
    }
  }
  const height = box.height + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${box.width}" height="${height}" viewBox="0 0 ${box.width} ${height}"><rect width="100%" height="100%" fill="${paper}"/>${inside}<text x="2" y="${height - 6}" font-size="10" font-family="sans-serif" fill="${ink}">${escaped(notes.slice(0, 4).join(", "))}</text></svg>`;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** @param {string} name @param {string | Blob} content @param {string} type */
export function save(name, content, type) {
  const link = el("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** @param {string} name @param {string} picture @param {HTMLElement} told what went wrong */
function png(name, picture, told) {
  const failed = () => { told.textContent = "This browser cannot make the PNG; save the SVG."; };
  told.textContent = "";
  const image = new Image();
  const address = URL.createObjectURL(new Blob([picture], { type: "image/svg+xml" }));
  image.onerror = () => {
    URL.revokeObjectURL(address);
    failed();
  };
  image.onload = () => {
    const canvas = el("canvas", { width: image.width * 2, height: image.height * 2 });
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(address);
    canvas.toBlob((blob) => (blob ? save(name, blob, "image/png") : failed()));
  };
  image.src = address;
}
