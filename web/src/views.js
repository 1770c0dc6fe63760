// One of several views of a figure, chosen by buttons.

import { el } from "./dom.js";

/**
 * @template {{label: string, node: HTMLElement}} T
 * @param {string} label of the choice @param {T[]} views @param {() => void} redraw
 */
export function oneOf(label, views, redraw) {
  let at = 0;
  const buttons = views.map((view, i) => el("button", { type: "button", onclick: () => { show(i); redraw(); } }, view.label));
  /** @param {number} i */
  function show(i) {
    at = i;
    views.forEach((view, k) => { view.node.hidden = k !== i; });
    buttons.forEach((button, k) => button.setAttribute("aria-pressed", String(k === i)));
  }
  show(0);
  const choice = views.length > 1 ? [el("div", { class: "choices", role: "group", "aria-label": label }, ...buttons)] : [];
  return { nodes: [...choice, ...views.map((x) => x.node)], shown: () => views[at] };
}
