// The one axis of time: every curve, the bar and what plays go along it.

/** @typedef {import("./types").Run} Run */
/** @typedef {import("./types").State} State */

/** From a step to its place on the axis, 0 to 1, and back. While one guesses the axis ends far beyond
 * what is shown, wherever the run ends, so that its end gives nothing away.
 * @param {Run} run @param {Pick<State, "log" | "guessing" | "frame">} state */
export function axisOf(run, { log, guessing, frame }) {
  const last = Math.max(1, run.frames[run.frames.length - 1], Number(run.rows.step?.[run.rows.step.length - 1] ?? 0));
  const end = guessing ? beyond(run.frames[frame], last) : last;
  const isLog = log || guessing;
  return {
    end, isLog,
    across: (/** @type {number} */ step) => (isLog ? Math.log1p(step) / Math.log1p(end) : step / end),
    step: (/** @type {number} */ part) => (isLog ? Math.expm1(part * Math.log1p(end)) : part * end),
  };
}

const FAR = 100; // times as far as what is shown

/** The next power of ten. @param {number} shown @param {number} last */
function beyond(shown, last) {
  return 10 ** Math.ceil(Math.log10(Math.max(FAR * Math.max(shown, 1), last + 1)));
}
