// What the page asks of the worker that trains, and what it is told.

import type { Change, Events } from "./run.js";
import type { Score } from "./sweep.js";
import type { Settings } from "./settings.js";
import type { Groups } from "./tasks.js";
import type { Cuts } from "./surgery.js";

export type Asked =
  | { do: "begin"; settings: Settings; groups: Groups; life: number } // which network of the page this is
  | { do: "play"; speed: number; turn: number } // steps a second; which of the plays this is
  | { do: "pause" } | { do: "step"; count: number } | { do: "show"; step: number }
  | { do: "cut"; cuts: Cuts } | { do: "operate" }
  | { do: "change"; name: "decay" | "lr"; value: number }
  | { do: "winners" } | { do: "save" } | { do: "frame" };

/** A moment of the run. `rows`: step, accuracy of train and of test, losses of both, norm, and so on. */
export interface Frame {
  step: number; last: number; rows: Float64Array; events: Events; kept: number[]; isPlaying: boolean;
  certainty: Float32Array; L: Float32Array; R: Float32Array; U: Float32Array; digits: Float32Array | null;
  without: { train: Score; test: Score } | null; keys: string[]; turn: number; life: number; changes: Change[]; decay: number; lr: number;
}
