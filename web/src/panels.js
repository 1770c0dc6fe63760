// The figures by the names of their files here and in page/figures/: register a new one here.

import { asked } from "./panels/asked.js";
import { attention } from "./panels/attention.js";
import { circles } from "./panels/circles.js";
import { cosets } from "./panels/cosets.js";
import { curves } from "./panels/curves.js";
import { digits } from "./panels/digits.js";
import { films } from "./panels/films.js";
import { forward } from "./panels/forward.js";
import { irreps } from "./panels/irreps.js";
import { logits } from "./panels/logits.js";
import { progress } from "./panels/progress.js";
import { rightmap } from "./panels/rightmap.js";
import { spectrum } from "./panels/spectrum.js";
import { stars } from "./panels/stars.js";
import { waves } from "./panels/waves.js";
import { weights } from "./panels/weights.js";

/** @type {Record<string, import("./types").Mount>} */
export const PANELS = { asked, attention, circles, cosets, curves, digits, films, forward, irreps, logits, progress, rightmap, spectrum, stars, waves, weights };
