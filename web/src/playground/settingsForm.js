// The form of settings: those that begin a new network, and those that can change while it trains.

import { CHOICES, RANGES } from "./settings.js";

/** @typedef {import("./settings.js").Settings} Settings */

const HIDDEN = { p: (/** @type {Settings} */ s) => !["a+b", "a-b", "a*b"].includes(s.task), digits: (/** @type {Settings} */ s) => s.task !== "parity",
  relevant: (/** @type {Settings} */ s) => s.task !== "parity", pairs: (/** @type {Settings} */ s) => s.task === "parity" };
/** @type {Record<string, string>} */
const NAMES = { "a+b": "a + b", "a-b": "a − b", "a*b": "a · b", S3: "ab in S3", D5: "ab in D5", S4: "ab in S4", parity: "parity",
  ordered: "any", unordered: "(a, b) with (b, a)", true: "true", shuffled: "shuffled", relu: "ReLU" };

/** @param {HTMLFormElement} form @param {(some: Record<string, string>) => void} set */
export function settingsForm(form, set) {
  const fields = /** @type {NodeListOf<HTMLInputElement | HTMLSelectElement>} */ (form.querySelectorAll("[name]"));
  for (const field of fields) {
    if (field instanceof HTMLSelectElement) field.append(...CHOICES[field.name].map((x) => new Option(NAMES[String(x)] ?? String(x), String(x))));
    else if (field.name in RANGES) [field.min, field.max] = RANGES[field.name].map(String);
    field.addEventListener("change", () => set({ [field.name]: field.value }));
    if (field.type === "range") field.addEventListener("input", () => tell(field));
  }
  form.addEventListener("submit", (e) => e.preventDefault());

  /** @param {HTMLInputElement | HTMLSelectElement} field */
  function tell(field) {
    const output = form.querySelector(`output[for=${field.id}]`);
    if (output) output.textContent = `${field.value} %`;
  }
  /** @param {Settings} settings */
  function show(settings) {
    for (const field of fields) {
      field.value = String(settings[/** @type {keyof Settings} */ (field.name)]);
      const hide = HIDDEN[/** @type {keyof typeof HIDDEN} */ (field.name)];
      const row = /** @type {HTMLElement} */ (field.closest(".field"));
      row.hidden = hide?.(settings) ?? false;
      tell(field);
    }
  }
  return { show };
}
