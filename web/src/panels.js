// The figures by the name that report/panels.py gives them: register a new one here.

import { rightmap } from "./panels/answersmap.js";
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
import { spectrum } from "./panels/spectrum.js";
import { stars } from "./panels/stars.js";
import { waves } from "./panels/waves.js";
import { weights } from "./panels/weights.js";

/** @type {Record<string, import("./types").Mount>} */
export const PANELS = { curves, progress, rightmap, weights, attention, waves, stars, spectrum, circles, films, forward, logits, digits, irreps, cosets };
