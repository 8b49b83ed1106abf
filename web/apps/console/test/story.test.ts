import { describe, expect, test } from 'vitest';
import { CallFailed } from '../src/call.js';
import { inPlace, loadList, notShown } from '../src/list.js';
import { changedMeanwhile, fieldError } from '../src/refund.js';
import { daysOf, endOf, pressesAbsorbed, since, withTimeline } from '../src/story.js';
import { list, moment, money, page, row, service } from './support.js';

describe('the record', () => {
  test('is told by days in UTC', () => {
    const days = daysOf([
      moment(1, 'created', { at: '2026-11-29T23:59:59.999999Z' }),
      moment(2, 'completed', { at: '2026-11-30T00:00:00.000000Z' }),
    ]);
    expect(days.map(({ day, moments }) => [day, moments.length])).toEqual([
      ['2026-11-29', 1],
      ['2026-11-30', 1],
    ]);
  });

  test('says how often the button was pressed again', () => {
    const presses = [
      moment(1, 'created'),
      moment(2, 'duplicate', { entry: { times: 9 } }),
      moment(3, 'duplicate'),
    ];
    expect(pressesAbsorbed(presses)).toBe(10);
    expect(pressesAbsorbed([])).toBe(0);
  });

  test('knows what is new since it was last read', () => {
    const moments = [moment(1, 'created'), moment(3, 'completed'), moment(2, 'duplicate')];
    expect(endOf(moments)).toBe(3);
    expect(endOf([])).toBe(0);
    expect(since(moments, 2)).toEqual([moments[1]]);
  });

  test('that was loaded further keeps what was loaded, in order', () => {
    const fresh = page(100, [moment(1, 'created'), moment(2, 'duplicate')]);
    const merged = withTimeline(fresh, [moment(2, 'duplicate'), moment(3, 'completed')]);
    expect(merged.timeline.data.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(withTimeline(fresh, fresh.timeline.data)).toBe(fresh);
  });
});

describe('the list', () => {
  test('changes in place, and knows what it does not show', () => {
    const shown = list([3, 2, 1]);
    const fresh = {
      ...list([5, 4]),
      data: [row(5), row(4), row(3, { status: 'refunded' as const })],
    };
    const next = inPlace(shown, fresh);
    expect(next.data.map(({ id, status }) => [id, status])).toEqual([
      [3, 'refunded'],
      [2, 'completed'],
      [1, 'completed'],
    ]);
    expect(notShown(shown, fresh)).toEqual([5, 4]);
  });

  test('is looked for further back while a page is short, and not for ever', async () => {
    const short = (cursor: string | null, ids: number[]) => ({
      body: list(ids, { next_cursor: cursor, looked_back_to: '2026-01-01T00:00:00Z' }),
    });
    const asked = service({
      'GET /payments?min=1&limit=25': [short('a', [9])],
      'GET /payments?min=1&cursor=a&limit=25': [short('b', [])],
      'GET /payments?min=1&cursor=b&limit=25': [short('a', [8])],
    });
    const found = await loadList('min=1', new AbortController().signal);
    expect(asked).toHaveLength(5);
    expect(found.data.map(({ id }) => id)).toEqual([9, 8, 8]);
    expect(found.next_cursor).toBe('a');
  });
});

describe('a refund that was refused', () => {
  const problem = {
    type: 'https://pay.example/problems/changed-meanwhile',
    remaining: money('4000.00'),
  };

  test('because somebody was faster says who and when', () => {
    const latest = { by: 8, origin: 'operator', at: '2026-11-29T14:03:00Z' };
    const failure = new CallFailed(409, { ...problem, latest });
    expect(changedMeanwhile(failure)).toEqual({ remaining: money('4000.00'), latest });
    expect(changedMeanwhile(new CallFailed(409, problem))?.latest).toBeNull();
  });

  test('for another reason is not mistaken for that', () => {
    const type = 'https://pay.example/problems/not-refundable';
    expect(changedMeanwhile(new CallFailed(409, { ...problem, type }))).toBeUndefined();
    expect(changedMeanwhile(new CallFailed(500, problem))).toBeUndefined();
    expect(changedMeanwhile(undefined)).toBeUndefined();
  });

  test('names the field', () => {
    const failure = new CallFailed(422, { errors: { amount: ['Too much.', 'Really.'] } });
    expect(fieldError(failure, 'amount')).toBe('Too much. Really.');
    expect(fieldError(failure, 'reason')).toBe('');
  });
});
