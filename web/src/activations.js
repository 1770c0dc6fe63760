// The nonlinearities of activations.py by name, each in the words of its row.

/** erf(x) = 2/√π exp(-x²) Σ_n 2ⁿ x^(2n+1) / (1·3·5···(2n+1)), off by less than 1e-7; beyond ±4 it
 * is ±1 to that. @param {number} x */
export function erf(x) {
  if (Math.abs(x) >= 4) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-9 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** @type {Record<string, (x: number) => number>} */
export const ACTIVATIONS = {
  relu: (x) => Math.max(0, x),
  square: (x) => x * x,
  identity: (x) => x,
  gelu: (x) => x * (1 + erf(x / Math.SQRT2)) / 2,
  silu: (x) => x * (1 + Math.tanh(x / 2)) / 2,
  tanh: (x) => Math.tanh(x),
};
