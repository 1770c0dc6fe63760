// What report/payload.py writes.

export interface Packed { shape: [number, number, number]; scale: number; content: string }

/** frames of rows of columns; -128 is no value. */
export interface Stack { frames: number; rows: number; columns: number; scale: number; levels: Int8Array }

export interface Line { name: string; label: string; values: (number | null)[] }
export interface Progress { title: string; log: boolean; lines: Line[] }
export interface Wave { name: string; a: number[][]; c: number[][] }

export interface Neurons {
  index: number[]; parts: (string | null)[]; shares: (number | null)[]; total: number;
  films: number[]; waves: Wave[];
  same?: number; pairs?: [number[], number[]]; right?: number[];
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

export interface Run {
  id: string; task: string; seed: number; frames: number[]; checkpoints: number;
  rows: Record<string, (number | null)[]>; unit: string;
  chance: { accuracy: number; loss: number | null };
  events: { name: string; label: string; step: number }[];
  phases: { name: string; from: number; to: number }[];
  trace: { step: number[]; figures: Progress[] };
  stacks: Record<string, Packed>;
  symbols: { a: number[] | null; c: number[] | null };
  operators: string[];
  parts: string[];
  neurons?: Neurons; spectra?: Spectra; circles?: string[]; answers?: Answers;
}

export interface State {
  run: number; frame: number; neuron: number | null; a: number; b: number;
  log: boolean; guessing: boolean; guess: number | null;
}

export interface Store {
  readonly state: State;
  set(change: Partial<State>): void;
  subscribe(listener: (state: State) => void): void;
}

export interface Place { run: Run; store: Store; stacks: Record<string, Stack>; figure: HTMLElement; drawing: HTMLElement }

/** What a panel gives back: how to draw a state, and its numbers as a table. */
export interface Panel { draw(state: State): void; table(state: State): (string | number | null)[][] }
export type Mount = (place: Place) => Panel;
