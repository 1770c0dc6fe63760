// One store drives every figure. What it holds can stand in the address, so that a link restores it.

/** @typedef {import("./types").State} State */
/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").Store} Store */

/** @param {State} state @param {AbortSignal} signal that what it drives is closed @returns {Store} */
export function createStore(state, signal) {
  /** @type {((state: State) => void)[]} */
  const listeners = [];
  let waits = false;
  return {
    signal,
    get state() {
      return state;
    },
    set(change) {
      const isOther = change.run !== undefined && change.run !== state.run;
      state = { ...state, ...(isOther ? { guessing: false, guess: null } : {}), ...change };
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => {
        waits = false;
        if (signal.aborted) return;
        for (const listener of listeners) listener(state);
      });
    },
    subscribe(listener) {
      listeners.push(listener);
    },
  };
}

/** Write the address of what is shown, and show what an address says. @param {Store} store @param {Run[]} runs */
export function keepAddress(store, runs) {
  if (location.protocol === "about:") return; // a page in a notebook's frame has no address
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let later;
  store.subscribe((state) => {
    clearTimeout(later);
    later = setTimeout(() => history.replaceState(null, "", toHash(state, runs)), 150);
  });
  store.signal.addEventListener("abort", () => clearTimeout(later));
  addEventListener("hashchange", () => store.set(fromHash(location.hash, runs)), { signal: store.signal });
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
  const { frames, neurons } = runs[run];
  const most = mostOf(runs[run]);
  const neuron = number("neuron", -1);
  return {
    run,
    frame: nearest(frames, number("step", runs[run].opens)),
    neuron: neurons?.index.includes(neuron) ? neuron : null,
    a: Math.min(number("a", 3), most),
    b: Math.min(number("b", 5), most),
    log: asked.has("time") ? asked.get("time") !== "linear" : runs[run].log,
    guessing: false,
    guess: null,
  };
}

/** The largest operand that can be chosen. @param {Run} run */
export function mostOf({ answers, neurons }) {
  const pairs = answers?.pairs ?? neurons?.pairs;
  return pairs ? Math.max(...pairs[0], ...pairs[1]) : Infinity;
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
