import { length, outcomeOf, parts } from './run.js';
import type { Lane, Outcome, Run, Span, StepName } from './run.js';

/** A stretch of a lane, in the drawing's pixels. */
export interface Bar {
  step: StepName;
  /** Spent on waiting for another request, not on work. */
  waits: boolean;
  x: number;
  width: number;
}

export interface DrawnLane {
  number: number;
  lane: Lane;
  /** Top of its bars. */
  y: number;
  /** From the client's sending to its answer, or to the end of what is known. */
  client: { x: number; width: number };
  bars: Bar[];
  /** Where the client went away. */
  left: number | undefined;
  /** The lane's end, and what it means. */
  end: { x: number; outcome: Outcome };
}

export interface Drawing {
  width: number;
  height: number;
  barHeight: number;
  /** Many lanes have no room for words. */
  isDense: boolean;
  /** A lane's words stand above one another. */
  isNarrow: boolean;
  ticks: { x: number; label: string }[];
  lanes: DrawnLane[];
  /** Where the first server was killed. */
  died: number | undefined;
}

/** More lanes than these are drawn without words. */
const WITH_WORDS = 12;
const NARROW = 560;
const AXIS = 26;
export const MARGIN = 10;
/** Bars narrower than this are drawn this wide, and begin where they begin. */
export const NARROWEST = 1;

/** Where everything of a run goes in a drawing of this width: time is true to scale, on one axis for all lanes. */
export function draw(run: Run, width: number): Drawing {
  const span = extent(run);
  const room = width - 2 * MARGIN;
  const x = (at: number) => MARGIN + ((at - span.from) / length(span)) * room;
  const isDense = run.lanes.length > WITH_WORDS;
  const isNarrow = width < NARROW;
  const [row, barHeight, words] = isDense ? [7, 5, 4] : isNarrow ? [66, 16, 40] : [50, 16, 24];
  return {
    width,
    height: AXIS + run.lanes.length * row + MARGIN,
    barHeight,
    isDense,
    isNarrow,
    ticks: ticks(length(span), isNarrow ? 3 : 8).map(({ at, label }) => ({
      x: x(span.from + at),
      label,
    })),
    lanes: run.lanes.map((lane, index) => drawLane(lane, index, AXIS + index * row + words, x)),
    died: run.died === null ? undefined : x(run.died),
  };
}

function drawLane(lane: Lane, index: number, y: number, x: (at: number) => number): DrawnLane {
  const { press, trace } = lane;
  const end = lastOf(lane);
  return {
    number: index + 1,
    lane,
    y,
    client: { x: x(press.sent), width: x(end) - x(press.sent) },
    bars: (trace?.steps ?? []).flatMap((step) =>
      pieces(step, trace?.waits ?? []).map(({ from, to, waits }) => ({
        step: step.name,
        waits,
        x: x(from),
        width: Math.max(NARROWEST, x(to) - x(from)),
      })),
    ),
    left: trace?.left == null ? undefined : x(trace.left),
    end: { x: x(end), outcome: outcomeOf(lane) },
  };
}

/** A step, cut into what was work and what was waiting. */
export function pieces(step: Span, waits: Span[]): (Span & { waits: boolean })[] {
  const cut: (Span & { waits: boolean })[] = [];
  let from = step.from;
  for (const wait of parts(waits, step)) {
    if (wait.from > from) cut.push({ from, to: wait.from, waits: false });
    cut.push({ ...wait, waits: true });
    from = wait.to;
  }
  if (step.to > from || cut.length === 0) cut.push({ from, to: step.to, waits: false });
  return cut;
}

/** When the last thing of a lane happened that is known. */
function lastOf({ press, trace }: Lane): number {
  const ends = [press.sent, press.received, trace?.decided, trace?.answered, trace?.left];
  return Math.max(...ends.filter((at) => at != null), ...(trace?.steps ?? []).map(({ to }) => to));
}

/** From the first press to the last thing that happened. */
export function extent(run: Run): Span {
  const from = Math.min(...run.lanes.map(({ press }) => press.sent));
  const to = Math.max(from + 1, run.died ?? 0, ...run.lanes.map(lastOf));
  return { from, to };
}

/** Round moments on an axis that is so many microseconds long. */
export function ticks(long: number, most: number): { at: number; label: string }[] {
  const unit = roundUp(long / most);
  const found = [];
  for (let at = 0; at <= long; at += unit) found.push({ at, label: label(at, unit) });
  return found;
}

/** 1, 2 or 5 times a power of ten. */
function roundUp(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5].find((times) => times * power >= least) ?? 10);
}

function label(at: number, unit: number): string {
  if (at === 0) return '0';
  return unit < 1_000 ? `${at} µs` : `${at / 1_000} ms`;
}
