// Which pairs it answers right: blue of those it was shown, orange of the others, the fuller the surer.

import { pixelsInto, rgb } from "./canvas.js";

const LEAST = 0.3; // how full the colour of a pair is that is right and not sure

/** @type {import("./canvas.js").Paint} */
export function answers(context, box, view, colours) {
  const { task: { nA, nB, order }, frame: { certainty }, isTrain } = view;
  const [test, train] = [colours.test, colours.train].map((colour) => shadesOf(colours.soft, colour));
  const pixels = new Uint32Array(nA * nB);
  for (let i = 0; i < nA; i++) for (let j = 0; j < nB; j++) {
    const pair = order[i] * nB + order[j];
    const sure = certainty[pair] > 0 ? LEAST + (1 - LEAST) * certainty[pair] : 0;
    pixels[i * nB + j] = (isTrain[pair] ? train : test)[Math.round(sure * 255)];
  }
  const side = Math.min(box.width, box.height);
  pixelsInto(context, pixels, nB, nA, { ...box, width: side, height: side });
}

/** From one colour to another. @param {string} from @param {string} to */
function shadesOf(from, to) {
  const [p, q] = [rgb(from), rgb(to)];
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = p.map((x, c) => Math.round(x + (i / 255) * (q[c] - x)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}
