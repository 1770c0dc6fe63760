// One store drives every figure. What it holds stands in the address, so that a link restores it.

/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Run} Run */

/**
 * @param {State} state
 * @param {(state: State) => string} address
 * @returns {import("./types").Store}
 */
export function createStore(state, address) {
  /** @type {((state: State) => void)[]} */
  const listeners = [];
  let waits = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  return {
    get state() {
      return state;
    },
    set(change) {
      state = { ...state, ...change };
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        for (const listener of listeners) listener(state);
        clearTimeout(later);
        if (location.protocol !== "about:") // a page in a notebook's frame has no address
          later = setTimeout(() => history.replaceState(null, "", address(state)), 150);
      });
    },
    subscribe(listener) {
      listeners.push(listener);
    },
  };
}

/** @param {State} state @param {Run[]} runs */
export function toHash(state, runs) {
  const parts = [`run=${state.run}`, `step=${runs[state.run].frames[state.frame]}`];
  if (state.neuron !== null) parts.push(`neuron=${state.neuron}`);
  parts.push(`a=${state.a}`, `b=${state.b}`, `time=${state.log ? "log" : "linear"}`);
  return `#${parts.join("&")}`;
}

/** @param {string} hash @param {Run[]} runs @returns {State} */
export function fromHash(hash, runs) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  /** @param {string} name @param {number} otherwise */
  const number = (name, otherwise) => {
    const x = asked.get(name);
    return x !== null && /^\d+$/.test(x) ? Number(x) : otherwise;
  };
  const run = Math.min(number("run", 0), runs.length - 1);
  const { frames, answers } = runs[run];
  const most = answers ? Math.max(...answers.pairs[1]) : 5;
  return {
    run,
    frame: nearest(frames, number("step", frames[frames.length - 1])),
    neuron: asked.has("neuron") ? number("neuron", 0) : null,
    a: number("a", Math.min(3, most)),
    b: number("b", Math.min(5, most)),
    log: asked.get("time") !== "linear",
    guessing: false,
    guess: null,
  };
}

/** The place of the number next to x in an ascending list. @param {number[]} list @param {number} x */
export function nearest(list, x) {
  const after = atOrBefore(list, x);
  if (after < 0) return 0;
  const next = Math.min(after + 1, list.length - 1);
  return x - list[after] <= list[next] - x ? after : next;
}

/** The last place of a number that is at most x, or -1. @param {number[]} list @param {number} x */
export function atOrBefore(list, x) {
  let low = -1;
  let high = list.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (list[middle] <= x) low = middle;
    else high = middle;
  }
  return low;
}
