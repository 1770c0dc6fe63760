// The facts of a page, as page/contents.py and page/figures/ write them.

/** The page's style as text, in the widget: build.js puts it there. */
declare global { const WIDGET_STYLE: string }

export interface Packed { shape: [number, number, number]; scale: number; content: string }

/** frames of rows of columns; -128 is no value. */
export interface Stack { frames: number; rows: number; columns: number; scale: number; levels: Int8Array }

export interface Line { name: string; label: string; values: (number | null)[] }
export interface Progress { title: string; log: boolean; lines: Line[] }
export interface Wave { name: string; a: number[][]; c: number[][] }

/** Symbols on a cycle of m places: a part is cos and sin of 2πk place / m. */
export interface Cycle { places: number[]; m: number; parts: [string, number][] }

export interface Neurons {
  index: number[]; parts: (string | null)[]; shares: (number | null)[]; total: number;
  films: number[]; waves: Wave[]; cycles: Record<string, Cycle | null>;
  same?: number; pairs?: [number[], number[]]; right?: number[]; act?: string;
}

export interface Spectra {
  lens: string; winner: string | null; scores: Record<string, number>; keys: string[];
  logits: Record<string, number>;
  weights: { name: string; parts: string[]; chance: number[]; shares: number[][] }[];
}

export interface Answers {
  step: number; pairs: [number[], number[]]; right: number[]; logits: Packed;
  parts: string[]; form?: string; verdict?: string; added?: Packed | null; product?: number[] | null;
  without?: { gone: number[]; accuracy: number }[]; network?: number;
}

/** Of "symbols", the stack has a row for each head and role; of "pairs" rows a of each head, one
 * map below the other; of "sequences" a row for each position that is read. */
export interface Attention {
  kind: "symbols" | "pairs" | "sequences";
  heads: string[]; positions: (string | number)[]; sums: boolean; frames: number[];
  means?: (number | null)[][][]; levels?: (number | null)[][][];
  parts?: ([string, number] | null)[][]; chance?: number; fixed?: boolean;
  reads?: number[]; input?: number[]; sampled?: number; total?: number;
}

export interface Irreps { parts: string[]; chance: number[]; logits: number[] | null }

/** A subgroup of a group: the coset Hx and xH that each element lies in, and what these are called. */
export interface Subgroup {
  name: string; order: number; conjugates: number; point: number | null;
  right: number[]; left: number[]; rightNames: string[]; leftNames: string[];
}

/** A neuron's subgroups H, of a, and K, of b; `match` has for each Hx the yK that make the shared coset.
 * `controls`: in how many draws each follows a subgroup at least as large. */
export interface CosetNeuron {
  h: number; k: number; follows: boolean; isSign: boolean; isNormal: boolean;
  spread: number; wrong: number; controls: Record<string, number>; isLikely: boolean;
  out: number | null; outShuffled: number | null;
  double: number[]; doubleNames: string[]; shared: number; match: number[];
}

export interface Cosets {
  subgroups: Subgroup[]; neurons: (CosetNeuron | null)[]; draws: number;
  table: { columns: string[]; rows: { name: string; order?: number; cosets?: number; conjugates?: number; counts: (number | string)[] }[] };
}

export interface Run {
  id: string; task: string; seed: number | null; headline: string; frames: number[]; checkpoints: number;
  opens: number; log: boolean;
  rows: Record<string, (number | null)[]>; unit: string;
  chance: { accuracy: number; loss: number | null };
  events: { name: string; label: string; step: number }[];
  phases: { name: string; from: number; to: number }[];
  trace: { step: number[]; figures: Progress[] };
  stacks: Record<string, Packed>;
  symbols: { a: number[] | null; c: number[] | null };
  operators: string[]; names: string[] | null; irreps?: Irreps; cosets?: Cosets;
  parts: string[];
  neurons?: Neurons; spectra?: Spectra; circles?: string[]; answers?: Answers; attention?: Attention;
  digits?: number | null; colours?: number; stars?: string[];
}

export interface State {
  run: number; frame: number; neuron: number | null; a: number; b: number;
  log: boolean; guessing: boolean; guess: number | null;
}

export interface Store {
  readonly state: State;
  readonly signal: AbortSignal;
  set(change: Partial<State>): void;
  subscribe(listener: (state: State) => void): void;
}

export interface Place { run: Run; store: Store; stacks: Record<string, Stack>; figure: HTMLElement; drawing: HTMLElement }

/** What a panel gives back: how to draw a state, its numbers as a table, and of what these are, where
 * that is more than the step. */
export interface Panel { draw(state: State): void; table(state: State): (string | number | null)[][]; says?(state: State): string }
export type Mount = (place: Place) => Panel;
