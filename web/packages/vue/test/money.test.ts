import { describe, expect, test } from 'vitest';
import { decimalsOf, formatAmount } from '../src/index.js';

describe('an amount in its own currency, for id-ID', () => {
  test.each([
    [5000, 'PHP', 'PHP 5.000,00'],
    [150000, 'IDR', 'Rp 150.000,00'],
    [0.5, 'IDR', 'Rp 0,50'],
    [5000, 'JPY', 'JPY 5.000'],
    [1234.567, 'KWD', 'KWD 1.234,567'],
    [1, 'CLF', 'CLF 1,0000'],
    [5000, 'php', 'PHP 5.000,00'],
    ['5000.00', 'PHP', 'PHP 5.000,00'],
    ['12345678901234567.89', 'PHP', 'PHP 12.345.678.901.234.567,89'],
  ])('%s %s is %s', (amount, currency, text) => {
    expect(formatAmount(amount, currency)).toBe(text);
  });

  test.each([
    ['PHP', 2],
    ['IDR', 2],
    ['USD', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['KWD', 3],
  ])('%s has %i decimals', (currency, decimals) => {
    expect(decimalsOf(currency)).toBe(decimals);
  });
});
