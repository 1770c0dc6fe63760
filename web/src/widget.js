// The page in a notebook: an anywidget, whose traits are what is chosen in it.

import { standOn } from "./colours.js";
import { el as element } from "./dom.js";
import { explore } from "./explore.js";
import { nearest } from "./state.js";

/** @typedef {{get(name: string): any, set(name: string, x: unknown): void, save_changes(): void,
 *   on(event: string, f: () => void): void, off(event: string, f: () => void): void}} Model */

const TRAITS = /** @type {const} */ (["run", "step", "neuron", "a", "b"]);

/** @param {{model: Model, el: HTMLElement}} asked */
function render({ model, el }) {
  /** @type {import("./types").Run[]} */
  const runs = JSON.parse(model.get("_facts"));
  const label = `report of ${runs.map((x) => x.id).join(", ")}`;
  const root = element("div", { class: "grokscope embedded", tabindex: 0, role: "region", "aria-label": label });
  root.innerHTML = model.get("_words");
  // In a shadow neither the notebook's styles nor the ids of other pages are met. The attribute keeps
  // JupyterLab from taking the keys.
  const host = element("div", { "data-lm-suppress-shortcuts": "true" });
  host.attachShadow({ mode: "open" }).append(element("style", {}, style(isDarkAt(el))), root);
  el.append(host);
  const { store, dispose } = explore(root, runs);

  /** @param {import("./types").State} state */
  const traits = ({ run, frame, neuron, a, b }) => ({ run, step: runs[run].frames[frame], neuron, a, b });

  let isTelling = false;
  function take() {
    const shown = traits(store.state);
    if (isTelling || TRAITS.every((name) => model.get(name) === shown[name])) return;
    const [run, step, neuron, a, b] = TRAITS.map((name) => model.get(name));
    store.set({ run, frame: nearest(runs[run].frames, step), neuron, a, b });
  }
  take();
  store.subscribe((state) => {
    const shown = traits(state);
    const changed = TRAITS.filter((name) => model.get(name) !== shown[name]);
    if (!changed.length) return;
    isTelling = true;
    for (const name of changed) model.set(name, shown[name]);
    isTelling = false;
    model.save_changes();
  });
  for (const name of TRAITS) model.on(`change:${name}`, take);
  return () => {
    for (const name of TRAITS) model.off(`change:${name}`, take);
    dispose();
    host.remove();
  };
}

/** The page's style, light or dark; or as the system is. @param {boolean | null} isDark */
function style(isDark) {
  standOn(isDark);
  const page = `:host { all: initial; display: block; } ${WIDGET_STYLE}`;
  if (isDark === null) return page;
  return `${page.replaceAll("(prefers-color-scheme:dark)", isDark ? "(min-width:0)" : "(max-width:0)")}
    .grokscope { color-scheme: ${isDark ? "dark" : "light"}; }`;
}

/** Whether the notebook is dark where an element is, or will be; null if it does not say. @param {Element} el */
function isDarkAt(el) {
  for (let node = el.isConnected ? el : document.body; node; node = /** @type {Element} */ (node.parentElement)) {
    const rgb = getComputedStyle(node).backgroundColor.match(/^rgba?\(([^)]*)\)/);
    const [red, green, blue, alpha = 1] = (rgb?.[1] ?? "0, 0, 0, 0").split(",").map(Number);
    if (alpha > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return null;
}

export default { render };
