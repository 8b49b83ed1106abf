import { describe, expect, test } from 'vitest';
import {
  addressOf,
  amountOf,
  filterOf,
  inputOfTime,
  isFiltered,
  queryOf,
  routeOf,
  timeOf,
  timeOfInput,
  WHOLE_LIST,
} from '../src/route.js';
import type { ListView } from '../src/route.js';

function viewAt(address: string): ListView {
  const route = routeOf(address);
  if (route.page !== 'payments') throw new Error(`${address} is ${route.page}`);
  return route.view;
}

describe('the address is the view', () => {
  test.each([
    ['/console', WHOLE_LIST],
    ['/console?q=pi_3Pabc', { ...WHOLE_LIST, q: 'pi_3Pabc' }],
    [
      '/console?status=pending,completed',
      { ...WHOLE_LIST, statuses: ['pending', 'completed'] as const },
    ],
    [
      '/console?from=2026-11-29T00:00:00Z&to=2026-11-30T08:30:00Z',
      { ...WHOLE_LIST, from: '2026-11-29T00:00:00Z', to: '2026-11-30T08:30:00Z' },
    ],
    ['/console?min=5000&max=7000.50', { ...WHOLE_LIST, min: '5000', max: '7000.50' }],
    [
      '/console?q=5&status=failed&cursor=abc-_%3D',
      { ...WHOLE_LIST, q: '5', statuses: ['failed'] as const, cursor: 'abc-_=' },
    ],
  ])('%s, there and back', (address, view) => {
    expect(viewAt(address)).toEqual(view);
    expect(addressOf({ page: 'payments', view })).toBe(address);
  });

  test.each([
    ['/console/', '/console'],
    ['/console?status=completed&status=pending', '/console?status=pending,completed'],
    ['/console?status=paid,pending', '/console?status=pending'],
    ['/console?from=2026-11-29', '/console?from=2026-11-29T00:00:00Z'],
    ['/console?from=2026-11-29T07:00:00%2B07:00', '/console?from=2026-11-29T00:00:00Z'],
    ['/console?q=%20100%20', '/console?q=100'],
    ['/console?min=cheap&to=tomorrow&other=1', '/console'],
  ])('%s is %s', (address, same) => {
    expect(addressOf(routeOf(address))).toBe(same);
  });

  test('a payment, the health page, and what is not there', () => {
    expect(routeOf('/console/payments/100')).toEqual({ page: 'payment', id: 100 });
    expect(routeOf('/console/health/')).toEqual({ page: 'health' });
    for (const address of ['/console/payments', '/console/payments/1e3', '/consoles', '/']) {
      expect(routeOf(address)).toEqual({ page: 'nowhere' });
    }
    expect(addressOf({ page: 'payment', id: 100 })).toBe('/console/payments/100');
    expect(addressOf({ page: 'health' })).toBe('/console/health');
  });

  test('any id survives, whatever stands in it', () => {
    for (const q of ['a&b=c', 'payment-1+1', '50 %', 'x#y', 'ключ', 'a,b:c']) {
      expect(viewAt(`/console?${queryOf({ ...WHOLE_LIST, q })}`).q).toBe(q);
    }
  });

  test('an export takes the same filter from its newest payment on', () => {
    const view = viewAt('/console?q=5&status=failed&min=1&cursor=abc');
    expect(filterOf(view)).toBe('q=5&status=failed&min=1');
    expect(isFiltered(view)).toBe(true);
    expect(isFiltered({ ...WHOLE_LIST, cursor: 'abc' })).toBe(false);
  });
});

describe('what is typed', () => {
  test('a time is taken as UTC, wherever the browser is', () => {
    expect(timeOfInput('2026-11-29T14:05')).toBe('2026-11-29T14:05:00Z');
    expect(timeOfInput('')).toBe('');
    expect(inputOfTime('2026-11-29T14:05:00Z')).toBe('2026-11-29T14:05');
    expect(inputOfTime('2026-11-29T14:05:09Z')).toBe('2026-11-29T14:05:09');
    expect(inputOfTime('')).toBe('');
  });

  test.each(['2026-13-01', '2026-11-29T14:05', '29.11.2026', 'now', ''])(
    '%j is no time',
    (text) => {
      expect(timeOf(text)).toBe('');
    },
  );

  test('an amount is a plain decimal; marks for thousands are not guessed at', () => {
    expect([' 5000 ', '5000.50', '0'].map(amountOf)).toEqual(['5000', '5000.50', '0']);
    for (const text of ['5.000,00', '5,000', '-1', '1e3', '.5', '5.']) {
      expect(amountOf(text), text).toBe('');
    }
  });
});
