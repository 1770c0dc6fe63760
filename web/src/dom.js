// Elements and numbers in words.

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, unknown>} attributes @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, x] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), /** @type {EventListener} */ (x));
    else if (x !== false && x !== null && x !== undefined) node.setAttribute(name, x === true ? "" : String(x));
  }
  node.append(...children);
  return node;
}

/**
 * @param {string} tag @param {Record<string, string | number>} attributes @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, x] of Object.entries(attributes)) node.setAttribute(name, String(x));
  node.append(...children);
  return node;
}

/** To some decimals; less than all is never rounded up to all. @param {number | null | undefined} x */
export function percent(x, decimals = 2) {
  if (x === null || x === undefined) return "–";
  const unit = 10 ** decimals;
  const shown = Math.round(x * 100 * unit) / unit;
  return `${shown === 100 && x < 1 ? 100 - 1 / unit : shown}\u00a0%`;
}

/** @param {number | null | undefined} x */
export function number(x) {
  if (x === null || x === undefined) return "–";
  if (Number.isInteger(x) && Math.abs(x) < 1e15) return x.toLocaleString("en-US");
  const size = Math.abs(x);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? x.toExponential(2) : String(Number(x.toPrecision(3)));
}
