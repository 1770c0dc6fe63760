// Numbers drawn from a seed: the same seed draws the same.

/** A stream of uniform numbers in [0, 1): sfc32 (Chris Doty-Humphrey), stirred by a seed and by what
 * the numbers are for, so that a split does not hang on how many weights there are.
 * @param {number} seed @param {string} purpose @returns {() => number} */
export function uniform(seed, purpose) {
  let [a, b, c, d] = [seed | 0, (seed / 2 ** 32) | 0, 0x9e3779b9, 1];
  for (const letter of purpose) c = Math.imul(c ^ letter.charCodeAt(0), 0x85ebca6b);
  const next = () => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** A standard normal number (Box and Muller 1958). @param {() => number} next */
export function normal(next) {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** The same, cut at two standard deviations. @param {() => number} next */
export function cutNormal(next) {
  for (;;) {
    const x = normal(next);
    if (Math.abs(x) <= 2) return x;
  }
}

/** 0 to n - 1 in an order drawn at random (Fisher and Yates). @param {number} n @param {() => number} next */
export function shuffled(n, next) {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
