// AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as the package steps.

export const BETAS = /** @type {[number, number]} */ ([0.9, 0.98]);
export const EPS = 1e-6;
export const WARMUP = 10; // steps over which the learning rate rises from 0

/** @typedef {{first: Float64Array, second: Float64Array}} Moments */

/** @param {number} size @returns {Moments} */
export const noMoments = (size) => ({ first: new Float64Array(size), second: new Float64Array(size) });

/** w -= lr (m̂ / (√v̂ + eps) + decay w), before which the moments take the gradient in.
 * @param {Float64Array} w @param {Float64Array} gradient @param {Moments} moments @param {number} step from 0
 * @param {number} lr @param {number} decay */
export function update(w, gradient, { first, second }, step, lr, decay) {
  const [beta1, beta2] = BETAS;
  const rate = lr * Math.min(1, step / WARMUP);
  const change = rate / (1 - beta1 ** (step + 1));
  const root = (1 - beta2 ** (step + 1)) ** -0.5;
  const kept = 1 - rate * decay;
  for (let i = 0; i < w.length; i++) {
    const g = gradient[i];
    const m = (first[i] += (1 - beta1) * (g - first[i]));
    const v = (second[i] += (1 - beta2) * (g * g - second[i]));
    w[i] = kept * w[i] - (change * m) / (Math.sqrt(v) * root + EPS);
  }
}
