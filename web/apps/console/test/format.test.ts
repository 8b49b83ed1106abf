import { describe, expect, test } from 'vitest';
import { alongLog, segmentsOf } from '../src/chart.js';
import {
  formatAgo,
  formatClock,
  formatCount,
  formatDuration,
  formatShare,
  formatTime,
} from '../src/format.js';

describe('a time', () => {
  test('is in UTC and says so, in both languages', () => {
    expect(formatTime('2026-11-29T23:59:09Z', 'en')).toBe('29 Nov 2026, 23:59:09 UTC');
    expect(formatTime('2026-05-01T00:00:00.123456Z', 'id')).toBe('1 Mei 2026, 00:00:00 UTC');
    expect(formatClock('2026-11-29T23:59:09.999999Z')).toBe('23:59:09 UTC');
  });

  test('is told by its age in the largest unit that is full', () => {
    const now = Date.parse('2026-11-29T12:00:00Z');
    expect(formatAgo('2026-11-29T11:59:30Z', now, 'en')).toBe('30 seconds ago');
    expect(formatAgo('2026-11-29T11:00:01Z', now, 'en')).toBe('59 minutes ago');
    expect(formatAgo('2026-11-29T09:00:00Z', now, 'id')).toBe('3 jam yang lalu');
    // The service's clock may be a little ahead.
    expect(formatAgo('2026-11-29T12:00:01Z', now, 'en')).toBe('now');
  });
});

describe('a number', () => {
  test.each([
    [0.05, '0.05 ms'],
    [2.5, '2.5 ms'],
    [42.31, '42.3 ms'],
    [999, '999 ms'],
    [1234, '1.23 s'],
  ])('%d ms is %s', (milliseconds, text) => {
    expect(formatDuration(milliseconds, 'en')).toBe(text);
  });

  test('has its thousands set apart as the language does', () => {
    expect(formatCount(1204, 'en')).toBe('1,204');
    expect(formatCount(1204, 'id')).toBe('1.204');
    expect(formatShare(0.9944, 'en')).toBe('99.4 %');
    expect(formatShare(1, 'id')).toBe('100 %');
  });
});

describe('a chart', () => {
  test('gives each part its share, one after the other', () => {
    const [cache, lock, database] = segmentsOf([
      { name: 'cache', count: 30, tone: 'a' },
      { name: 'lock', count: 0, tone: 'b' },
      { name: 'database', count: 10, tone: 'c' },
    ]);
    expect(cache).toMatchObject({ start: 0, width: 75 });
    expect(lock).toMatchObject({ start: 75, width: 0 });
    expect(database).toMatchObject({ start: 75, width: 25 });
  });

  test('of nothing is empty', () => {
    expect(segmentsOf([{ name: 'cache', count: 0, tone: 'a' }])[0]).toMatchObject({ width: 0 });
  });

  test('has durations on an axis on which each decade is as long', () => {
    expect(alongLog(0)).toBe(0);
    expect(alongLog(0.01)).toBe(0);
    expect(alongLog(10_000)).toBe(100);
    expect(alongLog(99_999)).toBe(100);
    expect(alongLog(1) - alongLog(0.1)).toBeCloseTo(alongLog(100) - alongLog(10));
  });
});
