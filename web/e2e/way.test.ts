import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { focused, holdsInEveryLight } from './support/appearance.js';
import { Demo } from './support/demo.js';
import {
  arriveAtCallback,
  arriveAtHostedPage,
  field,
  GOOD,
  payWithCard,
} from './support/hosted.js';
import { useStack } from './support/stack.js';
import { expire, newPayment, payUnheard, sessionOf, stripeFails } from './support/way.js';

const stack = useStack();
const SESSIONS = '/v1/checkout/sessions';
const SHOWN = 'PHP 5.000,00';

/** A browser that has followed a payment's way to the page where it is paid. */
async function atStripe(options?: BrowserContextOptions) {
  const way = await newPayment(stack.origin());
  const page = await stack.newPage(options);
  await page.goto(way.url);
  await arriveAtHostedPage(page);
  return { ...way, page, callback: `${stack.origin()}/payment/${way.id}/callback` };
}

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name });

/** Says whether the document is still the one in which this was called. */
async function mark(page: Page): Promise<() => Promise<boolean>> {
  await page.evaluate(() => {
    document.documentElement.setAttribute('data-marked', '');
  });
  return () => page.evaluate(() => document.documentElement.hasAttribute('data-marked'));
}

describe('how the pages look', () => {
  test('the page that takes the card, also with mistakes in it', async () => {
    const { page } = await atStripe();
    await holdsInEveryLight(page, 'way-checkout');
    await page.getByRole('button', { name: /^Bayar / }).click();
    await page.getByText('Isi nomor kartu.').waitFor();
    await holdsInEveryLight(page, 'way-checkout-mistakes');
  });

  test('not paid, then paid', async () => {
    const { page, callback, id } = await atStripe();
    await page.goto(callback);
    await heading(page, 'Belum dibayar').waitFor();
    await holdsInEveryLight(page, 'way-not-paid');
    await page.getByRole('link', { name: 'Lanjutkan pembayaran' }).click();
    await arriveAtHostedPage(page);
    await payWithCard(page, GOOD);
    await arriveAtCallback(page, id);
    await heading(page, 'Pembayaran berhasil').waitFor();
    await page.getByText('Anda sudah membayar. Kami tidak akan menagih lagi.').waitFor();
    await holdsInEveryLight(page, 'way-paid');
  });

  test('ended', async () => {
    const { page, callback } = await atStripe();
    await expire(stack.origin(), sessionOf(page));
    await page.goto(callback);
    await heading(page, 'Pembayaran ini tidak dilanjutkan').waitFor();
    await holdsInEveryLight(page, 'way-ended');
  });
});

test('still being confirmed: the page changes by itself, in place, and keeps the focus', async () => {
  const { page, callback } = await atStripe();
  const repair = await stripeFails(stack.origin(), 'GET', SESSIONS);
  await payUnheard(stack.origin(), sessionOf(page));
  await page.goto(callback);
  await heading(page, 'Pembayaran sedang dikonfirmasi').waitFor();
  await holdsInEveryLight(page, 'way-confirming');
  const isTheSame = await mark(page);
  await repair();
  await page.getByRole('status').getByText('Anda sudah membayar.').waitFor();
  expect(await isTheSame()).toBe(true);
  expect(await page.title()).toContain('Pembayaran berhasil');
  // It does not ask any more.
  let asked = 0;
  page.on('request', () => asked++);
  await page.getByRole('link', { name: 'Lihat faktur' }).focus();
  await page.waitForTimeout(3500);
  expect([asked, await focused(page)]).toEqual([0, 'Lihat faktur']);
});

test('Stripe is down: the way says so, tries again, and leads on by itself', async () => {
  const { url } = await newPayment(stack.origin());
  const page = await stack.newPage();
  const repair = await stripeFails(stack.origin(), 'POST', SESSIONS);
  await page.goto(url);
  await heading(page, 'Sebentar, kami sedang menghubungi Stripe').waitFor();
  await page.getByText('belum ada yang ditagih dan tidak ada yang hilang').waitFor();
  await page.getByText(SHOWN).waitFor();
  await holdsInEveryLight(page, 'way-waiting');
  // On the phone as well an amount stands in one piece.
  expect((await page.locator('dd').first().boundingBox())?.height).toBeLessThan(40);
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Coba sekarang');
  await repair();
  await arriveAtHostedPage(page);
});

test('the service itself is in trouble: the way says so, and leads on by itself afterwards', async () => {
  const { url } = await newPayment(stack.origin());
  const page = await stack.newPage();
  stack.sql('ALTER TABLE payments RENAME TO elsewhere');
  try {
    await page.goto(url);
    await heading(page, 'Sebentar, layanan kami sedang terganggu').waitFor();
    await page.getByText('Anda tidak akan ditagih dua kali.').waitFor();
    await holdsInEveryLight(page, 'way-trouble');
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Coba sekarang');
    // Pressed in vain it is the same page again.
    await page.keyboard.press('Enter');
    await heading(page, 'Sebentar, layanan kami sedang terganggu').waitFor();
  } finally {
    stack.sql('ALTER TABLE elsewhere RENAME TO payments');
  }
  await arriveAtHostedPage(page);
});

test('without a network the page that waits stays, and goes on afterwards', async () => {
  const { url } = await newPayment(stack.origin());
  const page = await stack.newPage();
  const repair = await stripeFails(stack.origin(), 'POST', SESSIONS);
  await page.goto(url);
  await heading(page, 'Sebentar, kami sedang menghubungi Stripe').waitFor();
  const isTheSame = await mark(page);
  await page.context().setOffline(true);
  await page.waitForEvent('requestfailed');
  expect(await isTheSame()).toBe(true);
  await page.context().setOffline(false);
  await repair();
  await arriveAtHostedPage(page);
});

test('without JavaScript: waiting, paying, and the invoice', async () => {
  const { url, id } = await newPayment(stack.origin());
  const page = await stack.newPage({ javaScriptEnabled: false, acceptDownloads: true });
  const repair = await stripeFails(stack.origin(), 'POST', SESSIONS);
  await page.goto(url);
  await heading(page, 'Sebentar, kami sedang menghubungi Stripe').waitFor();
  await repair();
  await arriveAtHostedPage(page);
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, id);
  await heading(page, 'Pembayaran berhasil').waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Unduh faktur (PDF)' }).click(),
  ]);
  expect(file.suggestedFilename()).toMatch(/^INV-\d{14}-\d{6,}\.pdf$/);
  await page.getByRole('link', { name: 'Lihat faktur' }).click();
  await page.getByText(SHOWN).first().waitFor();
  expect(page.context().pages()).toHaveLength(1);
});

test('by keyboard alone, from the card to the invoice', async () => {
  const { page, id } = await atStripe();
  const { keyboard } = page;
  await keyboard.press('Tab');
  expect(await focused(page)).toBe('← Kembali');
  for (const typed of ['pasien@example.com', GOOD, '1234', '123', 'Siti Rahma']) {
    await keyboard.press('Tab');
    await keyboard.type(typed);
  }
  expect(await field(page, 'billingName').inputValue()).toBe('Siti Rahma');
  await keyboard.press('Tab');
  expect(await focused(page)).toBe(`Bayar ${SHOWN}`);
  await keyboard.press('Enter');
  await arriveAtCallback(page, id);
  await heading(page, 'Pembayaran berhasil').waitFor();
  await keyboard.press('Tab');
  expect(await focused(page)).toBe('Lihat faktur');
  await keyboard.press('Enter');
  await page.waitForURL(/\/invoice\?/);
});

test('in English for who prefers it, from the first page to the last', async () => {
  const { page, id } = await atStripe({ locale: 'en-GB' });
  await page.getByLabel('Card number').waitFor();
  await page.getByText('this is a simulator: no money moves').waitFor();
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, id);
  await heading(page, 'Payment received').waitFor();
  await page.getByText('You have paid. We will not charge you again.').waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('en');
});

test('the amount is the same on the button, at Stripe, on the page and on the invoice', async () => {
  const { page } = await Demo.open(stack);
  // The invoice holds an amount in one piece; whether a blank may be broken at is not to be seen.
  const shownIn = async (selector: string) =>
    (await page.locator(selector).first().innerText()).trim().replaceAll('\u00a0', ' ');
  const button = await shownIn('.payment-modal .fee-amount');
  expect(button).toBe('PHP 5.000,00');
  await page.getByRole('button', { name: '💳 BAYAR' }).click();
  await arriveAtHostedPage(page);
  expect(await shownIn('h1')).toBe(button);
  await payWithCard(page, GOOD);
  await page.waitForURL(/\/callback/);
  await heading(page, 'Pembayaran berhasil').waitFor();
  expect(await shownIn('dd')).toBe(button);
  await page.getByRole('link', { name: 'Lihat faktur' }).click();
  await page.waitForURL(/\/invoice\?/);
  expect(await shownIn('tfoot td')).toBe(button);
});
