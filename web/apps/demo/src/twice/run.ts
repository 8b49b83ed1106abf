/** From one moment to another, in microseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

export const STEPS = ['idempotency', 'lock', 'transaction', 'cache', 'unlock'] as const;
export type StepName = (typeof STEPS)[number];

/** Where a request ended: `cache` to `active` caught a duplicate. */
export type Outcome =
  'created' | 'cache' | 'lock' | 'key' | 'active' | 'refused' | 'unavailable' | 'unknown';

/** One request, as its client saw it. */
export interface Press {
  id: string;
  /** The same for the same idempotency key. */
  key: string;
  /** Which of two servers it went to, 1 or 2. */
  server?: number | null;
  sent: number;
  received: number | null;
  status: number | null;
  payment: number | null;
}

/** The same request, as the service has measured it. */
export interface Trace {
  begun: number;
  steps: (Span & { name: StepName })[];
  waits: Span[];
  decided: number | null;
  answered: number | null;
  left: number | null;
  status: number | null;
  outcome: Outcome | null;
}

export interface Lane {
  press: Press;
  /** `null`: what the service had measured died with it. */
  trace: Trace | null;
  /** In the sandbox: the Checkout Session that its patient came to, and whether it was paid there. */
  session?: string | null;
  paid?: boolean;
}

export interface Query {
  sql: string;
  columns: string[];
  rows: string[][];
  holds: boolean;
}

export interface Run {
  id: string;
  way: string;
  lanes: Lane[];
  books: { payments: number; sessions: number; charges: number; queries: Query[] };
  /** When the first server was killed. */
  died: number | null;
  /** For a shell: sends the same presses again. */
  command: string;
}

/** Why a run came to nothing, in words for people, where the service has some. */
export class NoRun extends Error {}

/** Tries to pay twice in this way; the service sends the presses, and answers with what became of them. */
export async function tryTwice(way: string): Promise<Run> {
  const response = await fetch('/demo/runs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Accept-Language': 'id' },
    body: JSON.stringify({ way }),
  });
  const body: unknown = await response.json();
  if (response.ok) return body as Run;
  const { title, detail } = body as { title?: string; detail?: string };
  throw new NoRun(detail !== title ? detail : undefined);
}

/** What has to be started first, where that takes a while; `null`: nothing. */
export type Stage = 'postgres' | 'redis' | 'servers' | 'requests';

export async function stageOfRun(): Promise<Stage | null> {
  const response = await fetch('/demo/progress');
  return response.ok ? ((await response.json()) as { stage: Stage | null }).stage : null;
}

/** An earlier run; `undefined`: the service has forgotten it. */
export async function runAgain(id: string): Promise<Run | undefined> {
  const response = await fetch(`/demo/runs/${encodeURIComponent(id)}`);
  return response.ok ? ((await response.json()) as Run) : undefined;
}

/** Races in a simulated world without some of its guards. */
export interface Races {
  /** How many there were. */
  seeds: number;
  /** In the last one the patient was charged more than once. */
  twice: boolean;
  /** The last one. */
  run: Run;
  /** All that happened in it. */
  lines: string[];
}

export async function raceWithout(guards: readonly string[]): Promise<Races | undefined> {
  const response = await fetch('/demo/sandbox', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ without: guards }),
  });
  return response.ok ? ((await response.json()) as Races) : undefined;
}

/** The address that shows a run again. */
export function addressOf(id: string): string {
  return `/?run=${encodeURIComponent(id)}`;
}

/** Where a request ended, also one of which the service knows nothing any more. */
export function outcomeOf({ trace }: Lane): Outcome {
  return trace?.outcome ?? 'unknown';
}

/** Microseconds that a request spent in a step, without what of it was waiting for another one. */
export function worked(lane: Lane, name: StepName): number {
  const steps = lane.trace?.steps.filter((step) => step.name === name) ?? [];
  const waits = lane.trace?.waits ?? [];
  return steps.reduce((sum, step) => sum + length(step) - total(parts(waits, step)), 0);
}

/** Microseconds that a request spent waiting for another one's lock. */
export function waited({ trace }: Lane): number {
  return total(trace?.waits ?? []);
}

export function length({ from, to }: Span): number {
  return to - from;
}

/** What of some spans lies within another one. */
export function parts(spans: readonly Span[], of: Span): Span[] {
  const cut = ({ from, to }: Span) => ({ from: Math.max(from, of.from), to: Math.min(to, of.to) });
  return spans.map(cut).filter((part) => length(part) > 0);
}

function total(spans: Span[]): number {
  return spans.reduce((sum, span) => sum + length(span), 0);
}
