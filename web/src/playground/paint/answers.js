// Which pairs it answers right: blue of those it was shown, orange of the others, the fuller the surer.

import { pixelsInto, rgb } from "./canvas.js";

const LEAST = 0.3; // how full the colour of a pair is that is right and not sure

/** @type {import("./canvas.js").Paint} */
export function answers(context, box, view, colours) {
  const { task: { nA, nB, order }, frame: { certainty }, isTrain } = view;
  const [paper, train, test] = [colours.soft, colours.train, colours.test].map(rgb);
  const pixels = new Uint32Array(nA * nB);
  for (let i = 0; i < nA; i++) for (let j = 0; j < nB; j++) {
    const pair = order[i] * nB + order[j];
    const sure = certainty[pair] > 0 ? LEAST + (1 - LEAST) * certainty[pair] : 0;
    const [r, g, b] = (isTrain[pair] ? train : test).map((x, c) => Math.round(paper[c] + sure * (x - paper[c])));
    pixels[i * nB + j] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  const side = Math.min(box.width, box.height);
  pixelsInto(context, pixels, nB, nA, { ...box, width: side, height: side });
}
