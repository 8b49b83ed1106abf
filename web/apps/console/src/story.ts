import type { Moment, Origin, PaymentPage } from './types.js';

/** The moments of one day, the day as "2026-11-29". */
export interface Day {
  day: string;
  moments: readonly Moment[];
}

/** A record in the days on which it happened, in UTC like every time here. */
export function daysOf(moments: readonly Moment[]): Day[] {
  const days = new Map<string, Moment[]>();
  for (const moment of moments) {
    const day = moment.at.slice(0, 10);
    days.set(day, [...(days.get(day) ?? []), moment]);
  }
  return [...days].map(([day, those]) => ({ day, moments: those }));
}

/** How often the button was pressed again, and nothing more was charged. */
export function pressesAbsorbed(moments: readonly Moment[]): number {
  return moments
    .filter(({ kind }) => kind === 'duplicate')
    .reduce((sum, { entry }) => sum + (entry?.times ?? 1), 0);
}

/** The last number in the record. */
export function endOf(moments: readonly Moment[]): number {
  return Math.max(0, ...moments.map(({ sequence }) => sequence));
}

/** Entries that came after the one with this number. */
export function since(moments: readonly Moment[], sequence: number): Moment[] {
  return moments.filter((moment) => moment.sequence > sequence);
}

/** The same page, with what was loaded of a longer record before kept in front. */
export function withTimeline(page: PaymentPage, known: readonly Moment[]): PaymentPage {
  const numbers = new Set(page.timeline.data.map(({ sequence }) => sequence));
  const more = known.filter(({ sequence }) => !numbers.has(sequence));
  if (more.length === 0) return page;
  const data = [...page.timeline.data, ...more].sort(
    (one, other) => one.at.localeCompare(other.at) || one.sequence - other.sequence,
  );
  return { ...page, timeline: { ...page.timeline, data } };
}

export function originOf(moment: Moment): Origin | undefined {
  return moment.entry?.origin;
}
