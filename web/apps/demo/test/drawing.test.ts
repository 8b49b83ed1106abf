import { describe, expect, test } from 'vitest';
import { draw, extent, pieces, ticks } from '../src/twice/drawing.js';
import { waited, worked } from '../src/twice/run.js';
import type { Lane, Run, StepName, Trace } from '../src/twice/run.js';

const T = 1_700_000_000_000_000;

function step(name: StepName, from: number, to: number) {
  return { name, from: T + from, to: T + to };
}

function lane(sent: number, received: number | null, trace: Partial<Trace> | null): Lane {
  return {
    press: {
      id: `run-x-${sent}`,
      key: 'A',
      sent: T + sent,
      received: received === null ? null : T + received,
      status: received === null ? null : 409,
      payment: 1,
    },
    trace: trace && {
      begun: T + sent,
      steps: [],
      waits: [],
      decided: null,
      answered: null,
      left: null,
      status: null,
      outcome: null,
      ...trace,
    },
  };
}

function run(lanes: Lane[], died: number | null = null): Run {
  const books = { payments: 1, sessions: 1, charges: 1, queries: [] };
  return { id: 'x', way: 'double-click', lanes, books, died, command: '' };
}

const first = lane(0, 10_000, {
  steps: [step('idempotency', 100, 200), step('lock', 200, 201), step('transaction', 201, 9_000)],
  outcome: 'created',
});
/** Waits twice for the first, and asks in between. */
const second = lane(5_000, 9_500, {
  steps: [step('idempotency', 5_100, 5_200), step('lock', 5_200, 9_300)],
  waits: [
    { from: T + 5_210, to: T + 8_000 },
    { from: T + 8_100, to: T + 9_250 },
  ],
  outcome: 'lock',
});

describe('time', () => {
  test('is true to scale, on one axis for all lanes', () => {
    const { lanes } = draw(run([first, second]), 1_020);
    // 10 ms on 1,000 pixels: 10 µs a pixel, after the margin of 10.
    const [one, two] = lanes;
    expect(one?.client).toEqual({ x: 10, width: 1_000 });
    expect(one?.bars.map(({ x, width }) => [x, width])).toEqual([
      [20, 10],
      [30, 1],
      [30.1, expect.closeTo(879.9)],
    ]);
    expect(two?.client).toEqual({ x: 510, width: 450 });
    expect(two?.bars[0]).toEqual({ step: 'idempotency', waits: false, x: 520, width: 10 });
    expect(two?.end).toEqual({ x: 960, outcome: 'lock' });
  });

  test('fits into whatever width there is', () => {
    for (const width of [320, 600, 1_200]) {
      const drawing = draw(run([first, second]), width);
      for (const { client, bars, end } of drawing.lanes) {
        for (const { x, width: wide } of [client, ...bars]) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x + wide).toBeLessThanOrEqual(width);
        }
        expect(end.x).toBeLessThanOrEqual(width);
      }
      expect(drawing.ticks.every(({ x }) => x <= width)).toBe(true);
    }
  });

  test('goes from the first press to the last thing that happened', () => {
    expect(extent(run([first, second]))).toEqual({ from: T, to: T + 10_000 });
    const lost = lane(0, null, { left: T + 300, decided: T + 700, outcome: 'created' });
    expect(extent(run([lost]))).toEqual({ from: T, to: T + 700 });
    const dead = lane(0, null, null);
    expect(extent(run([dead], T + 900))).toEqual({ from: T, to: T + 900 });
    expect(extent(run([dead])).to, 'never nothing').toBeGreaterThan(T);
  });

  test('has round marks, more of them where there is room', () => {
    expect(ticks(10_000, 8).map(({ label }) => label)).toEqual([
      '0',
      '2 ms',
      '4 ms',
      '6 ms',
      '8 ms',
      '10 ms',
    ]);
    expect(ticks(900, 4).map(({ label }) => label)).toEqual(['0', '500 µs']);
    expect(ticks(10_000, 4).length).toBeLessThan(ticks(10_000, 8).length + 1);
    for (const long of [1, 7, 999, 12_345, 987_654]) {
      expect(ticks(long, 4).length).toBeLessThanOrEqual(5);
    }
  });
});

describe('waiting', () => {
  test('is told apart from working', () => {
    const [, drawn] = draw(run([first, second]), 1_020).lanes;
    const kinds = drawn?.bars.map(({ step: name, waits }) => `${name}${waits ? ' waits' : ''}`);
    expect(kinds).toEqual(['idempotency', 'lock', 'lock waits', 'lock', 'lock waits', 'lock']);
    expect(waited(second)).toBe(2_790 + 1_150);
    expect(worked(second, 'lock')).toBe(4_100 - waited(second));
    expect(waited(first)).toBe(0);
  });

  test('cuts a step without leaving or adding anything', () => {
    const whole = { from: 0, to: 100 };
    for (const waits of [
      [],
      [{ from: 0, to: 100 }],
      [{ from: 0, to: 10 }],
      [
        { from: 20, to: 30 },
        { from: 30, to: 100 },
      ],
      [{ from: 200, to: 300 }],
      [{ from: 90, to: 110 }],
    ]) {
      const cut = pieces(whole, waits);
      expect(cut[0]?.from).toBe(0);
      expect(cut.at(-1)?.to).toBe(100);
      cut.slice(1).forEach((piece, at) => {
        expect(piece.from).toBe(cut[at]?.to);
      });
    }
  });
});

test('a step that took no time is still seen', () => {
  const quick = lane(0, 10_000, { steps: [step('unlock', 5_000, 5_000)], outcome: 'created' });
  expect(draw(run([quick]), 1_020).lanes[0]?.bars).toEqual([
    { step: 'unlock', waits: false, x: 510, width: 1 },
  ]);
});

test('a request that died with its server has a lane, and says so', () => {
  const { lanes, died } = draw(run([lane(0, null, null)], T + 4_000), 420);
  expect(lanes[0]?.bars).toEqual([]);
  expect(lanes[0]?.end.outcome).toBe('unknown');
  expect(died).toBe(410);
});

test('a hundred lanes are drawn close together, without words', () => {
  const many = draw(run(Array.from({ length: 100 }, (_, at) => lane(at, 10_000, null))), 600);
  expect(many.isDense).toBe(true);
  expect(many.height).toBeLessThan(800);
  const tops = many.lanes.map(({ y }) => y);
  expect(new Set(tops).size).toBe(100);
});
