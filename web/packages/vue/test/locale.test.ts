import { describe, expect, test } from 'vitest';
import { nextTick } from 'vue';
import { MESSAGES, UNREVIEWED } from '../src/index.js';
import type { Locale, Messages } from '../src/index.js';
import { exists, failed, mount } from './support.js';

const LOCALES: Locale[] = ['id', 'en', 'fil'];

describe.each(LOCALES)('%s', (locale) => {
  test('title, fee and button, and the page’s reader is told the language', () => {
    const modal = mount({ locale });
    const { title, fee, pay, close } = MESSAGES[locale];
    expect(modal.root().lang).toBe(locale);
    expect(modal.text('h2')).toBe(title);
    expect(modal.text('.fee-label')).toBe(fee);
    expect(modal.button().textContent.trim()).toBe(pay);
    expect(modal.must('.btn-close').getAttribute('aria-label')).toBe(close);
  });

  test('the amount has the same form in each', () => {
    expect(mount({ locale }).text('.fee-amount')).toBe('PHP 5.000,00');
    const rupiah = mount({ locale, amount: 150000, currency: 'IDR' });
    expect(rupiah.text('.fee-amount')).toBe('Rp 150.000,00');
  });

  test('answers', async () => {
    const modal = mount({ locale });
    await modal.press();
    expect(modal.alert()).toBe(MESSAGES[locale].working);
    expect(modal.button().textContent.trim()).toBe(MESSAGES[locale].paying);
    await modal.service.answer(exists('failed'));
    expect(modal.alert()).toBe(MESSAGES[locale].exists(100));
    expect(modal.alert()).toContain('(ID: 100)');
    expect(modal.text('.btn-action')).toBe(MESSAGES[locale].again);
    await modal.press();
    await modal.service.answer(failed('Pesan'));
    expect(modal.alert()).toBe(MESSAGES[locale].failed('Pesan'));
  });
});

test('no catalogue borrows a text from another', () => {
  const texts = (locale: Locale) =>
    Object.entries(MESSAGES[locale]).filter(([, text]) => typeof text === 'string');
  for (const [name, text] of texts('en')) {
    const others = [MESSAGES.id, MESSAGES.fil].map((other) => other[name as keyof Messages]);
    expect(others, name).not.toContain(text);
  }
});

test('Filipino, and nothing else, is marked as unreviewed', () => {
  expect([...UNREVIEWED]).toEqual(['fil']);
});

test.each([
  ['id', undefined],
  ['en', 'en'],
  ['fil', 'fil,en'],
])('in %s the service is asked for %s', async (locale, language) => {
  const modal = mount({ locale });
  await modal.press();
  expect(modal.service.createPayment.mock.lastCall?.[0].language).toBe(language);
});

test('another language in the middle of a payment does not begin afresh', async () => {
  const modal = mount();
  await modal.press();
  modal.props['locale'] = 'en';
  await nextTick();
  expect(modal.alert()).toBe('Processing the payment...');
  await modal.service.answer(exists('pending'));
  expect(modal.alert()).toBe('⚠️ This payment was already processed (ID: 100)');
});

test('a host’s own texts stand instead of the catalogue’s', () => {
  const modal = mount({ messages: { title: 'Bayar dokter' } });
  expect(modal.text('h2')).toBe('Bayar dokter');
  expect(modal.text('.fee-label')).toBe('Biaya Konsultasi:');
});
