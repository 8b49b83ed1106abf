/** One part of a whole. */
export interface Share {
  name: string;
  count: number;
  /** Names its colour. */
  tone: string;
}

/** Where a part lies on a line from 0 to 100. */
export interface Segment extends Share {
  start: number;
  width: number;
}

/** The parts side by side; a part of nothing takes no room. */
export function segmentsOf(shares: readonly Share[]): Segment[] {
  const whole = shares.reduce((sum, { count }) => sum + count, 0);
  let start = 0;
  return shares.map((share) => {
    const width = whole === 0 ? 0 : (share.count / whole) * 100;
    const segment = { ...share, start, width };
    start += width;
    return segment;
  });
}

/** The axis for durations: a hundredth of a millisecond to ten seconds, the last bound of the histograms. */
const SHORTEST_MS = 0.01;
export const LONGEST_MS = 10_000;

/** How far along a logarithmic axis of 100 a duration lies: a cached step and a waiting lock both show. */
export function alongLog(milliseconds: number): number {
  const decades = Math.log10(LONGEST_MS / SHORTEST_MS);
  const position = Math.log10(Math.max(milliseconds, SHORTEST_MS) / SHORTEST_MS) / decades;
  return Math.min(1, position) * 100;
}
