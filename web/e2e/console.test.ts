import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { focused, holdsInEveryLight } from './support/appearance.js';
import { Operator, paidPayment, pay } from './support/console.js';
import { useStack } from './support/stack.js';
import { newPayment } from './support/way.js';

const stack = useStack();

/** Every page is looked at four times. */
const LONG = 180_000;

const heading = (page: Page, name: string) =>
  page.getByRole('heading', { level: 1, name, exact: true });

describe('signing in', () => {
  test('keeps the token out of the page, and the session out of reach of scripts', async () => {
    const { page } = await Operator.signIn(stack);
    const [cookie] = await page.context().cookies(`${stack.origin()}/console`);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/console' });
    const held = await page.evaluate(() =>
      JSON.stringify([localStorage, sessionStorage, document.cookie]),
    );
    expect(held).not.toContain('ey');
    expect(await page.content()).not.toContain('eyJ');
    await page.reload();
    await heading(page, 'Payments').waitFor();
  });

  test('refuses a patient, and nonsense, in words', async () => {
    const page = await stack.newPage({ locale: 'en-GB' });
    await page.goto(`${stack.origin()}/console`);
    const field = page.getByLabel('Token');
    await field.fill(stack.token(7, 'patient'));
    await page.keyboard.press('Enter');
    await page.getByText('not of role admin').waitFor();
    expect(await field.inputValue()).toBe('');
    await field.fill('nonsense');
    await page.keyboard.press('Enter');
    await page.getByText('This token is not valid').waitFor();
  });

  test('comes back to the address that was wanted; signing out is at once', async () => {
    const { id } = await newPayment(stack.origin());
    const page = await stack.newPage({ locale: 'en-GB' });
    await page.goto(`${stack.origin()}/console/payments/${id}`);
    await page.getByLabel('Token').fill(stack.token(7, 'admin'));
    await page.keyboard.press('Enter');
    await heading(page, `Payment ${id}`).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    const answer = await page.request.get(`${stack.origin()}/console/api/payments/${id}`);
    expect(answer.status()).toBe(401);
  });

  test('speaks Indonesian to who prefers it, also in the record', async () => {
    const { id } = await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    await operator.openPayment(id);
    await operator.page.getByRole('button', { name: 'Bahasa Indonesia' }).click();
    await heading(operator.page, `Pembayaran ${id}`).waitFor();
    await operator.entry('created').getByText('Tombol BAYAR ditekan').waitFor();
    expect(await operator.page.locator('html').getAttribute('lang')).toBe('id');
  });
});

describe('finding a payment', () => {
  test('by each kind of id that somebody may have', async () => {
    const { id } = await paidPayment(stack);
    const operator = await Operator.signIn(stack);
    const whole = await operator.whole(id);
    const { payment, invoice, keys, sessions, captures } = whole;
    const ids = {
      'invoice number': invoice.number,
      'idempotency key': keys[0]?.key,
      'checkout session': sessions[0]?.stripe_id,
      'payment intent': captures[0]?.payment_intent,
      reference: payment.reference,
      'with blanks around it': `  ${invoice.number}\n`,
    };
    for (const [kind, text] of Object.entries(ids)) {
      expect(text, kind).toBeTruthy();
      await operator.open('/console');
      await operator.find(text ?? '');
      await operator.page.waitForURL(`**/console/payments/${id}`);
      await heading(operator.page, `Payment ${id}`).waitFor();
    }
    // A number may be several things at once; then the list says as what each was found.
    for (const number of [id, payment.consultation_id, payment.user_id]) {
      await operator.open(`/console?q=${number}`);
      await operator.page.locator('table.payments').waitFor();
      expect(await operator.listed(), `number ${number}`).toContain(id);
    }
  });

  test('what is not there is said for people, with what to try', async () => {
    const operator = await Operator.signIn(stack);
    await operator.find('INV-20200101000000-999999');
    await operator.page.getByText('Nothing found for').waitFor();
    await operator.open('/console/payments/999999');
    await heading(operator.page, 'There is no payment 999999').waitFor();
    await operator.page.getByRole('link', { name: /as any id/ }).click();
    await operator.page.waitForURL('**/console?q=999999');
  });

  test('by filters, which stand in the address, back and forward', async () => {
    const { id: paid } = await paidPayment(stack);
    const { id: open } = await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    const { page } = operator;
    await page.getByLabel('Paid', { exact: true }).check();
    await page.waitForURL('**/console?status=completed');
    await expect.poll(() => operator.listed()).not.toContain(open);
    expect(await operator.listed()).toContain(paid);

    await page.getByLabel('Amount from').fill('5.000,00');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('A number like 5000').waitFor();
    await page.getByLabel('Amount from').fill('9000');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.waitForURL('**/console?status=completed&min=9000');
    await page.getByText('No payment passes these filters').waitFor();

    await page.goBack();
    await expect.poll(() => operator.listed()).toContain(paid);
    expect(await page.getByLabel('Amount from').inputValue()).toBe('');
    await page.goBack();
    await expect.poll(() => operator.listed()).toContain(open);
    await page.goForward();
    await expect.poll(() => operator.listed()).not.toContain(open);

    // The address alone shows the same, in a tab of its own too.
    await operator.open('/console?from=2001-01-01&to=2001-01-02');
    await page.getByText('No payment passes these filters').waitFor();
    expect(await page.getByLabel('From (UTC)').inputValue()).toBe('2001-01-01T00:00');
    await page.getByRole('button', { name: 'Today' }).click();
    await expect.poll(() => operator.listed()).toContain(open);
  });

  test('page by page, each with an address', async () => {
    for (let made = 0; made < 27; made++) await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    const { page } = operator;
    await expect.poll(async () => (await operator.listed()).length).toBe(25);
    const first = await operator.listed();
    await page.getByRole('link', { name: 'Older' }).click();
    await page.waitForURL(/cursor=/);
    await expect.poll(async () => (await operator.listed())[0]).toBeLessThan(first.at(-1) ?? 0);
    const second = await operator.listed();
    await page.goBack();
    await expect.poll(() => operator.listed()).toEqual(first);
    await page.goForward();
    await expect.poll(() => operator.listed()).toEqual(second);
    await page.getByRole('link', { name: 'Newest' }).click();
    await expect.poll(() => operator.listed()).toEqual(first);
  });

  test('and takes the same filter along as CSV and JSON', async () => {
    const { id } = await paidPayment(stack);
    const { id: open } = await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    const { invoice } = await operator.whole(id);
    await operator.open('/console?status=completed');
    const download = async (name: string) => {
      const [file] = await Promise.all([
        operator.page.waitForEvent('download'),
        operator.page.getByRole('link', { name, exact: true }).click(),
      ]);
      expect(file.suggestedFilename()).toMatch(new RegExp(`\\.${name.toLowerCase()}$`));
      return readFile(await file.path(), 'utf8');
    };
    const csv = await download('CSV');
    const line = csv.split('\r\n').find((row) => row.startsWith(`${id},`));
    expect(line).toContain(invoice.number);
    // As on the button, the page and the invoice; the zone as on the page.
    expect(line).toContain('"PHP 5.000,00"');
    expect(line).toMatch(/UTC$/);
    expect(csv).not.toContain(`\n${open},`);
    const json = JSON.parse(await download('JSON')) as { zone: string; data: { id: number }[] };
    expect(json.zone).toBe('UTC');
    expect(json.data.map((row) => row.id)).toContain(id);
    expect(json.data.map((row) => row.id)).not.toContain(open);
  });
});

describe('one payment', () => {
  test('tells its story, with the zone beside every time, and has its invoice', async () => {
    const { id } = await paidPayment(stack);
    const operator = await Operator.signIn(stack);
    const { page } = operator;
    await operator.openPayment(id);
    await page.getByText('Paid, and charged once.').waitFor();
    await operator.entry('completed').getByText('PHP 5.000,00 received').waitFor();
    for (const time of await page.locator('time').allInnerTexts()) expect(time).toMatch(/UTC$/);
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download PDF' }).click(),
    ]);
    expect(file.suggestedFilename()).toMatch(/^INV-\d{14}-\d{6,}\.pdf$/);
    const details = operator.entry('completed').locator('details');
    await details.locator('summary').click();
    await details.getByText('"payment_intent"').waitFor();
  });

  test('a part of it is refunded, and then what remains', async () => {
    const { id } = await paidPayment(stack);
    const operator = await Operator.signIn(stack);
    const { page } = operator;
    await operator.openPayment(id);
    await page.getByRole('button', { name: 'Refund…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('A part of it').check();
    await dialog.getByLabel('Amount in PHP').fill('1000');
    await dialog.getByLabel('Reason').fill('The doctor was late');
    await dialog.getByRole('button', { name: 'Refund PHP 1000' }).click();
    await operator.outcome().getByText('The refund was made.').waitFor();
    await operator.outcome().getByText('An operator asked for a refund of PHP 1.000,00.').waitFor();
    await page.getByText('PHP 1.000,00 has gone back; PHP 4.000,00 remains.').waitFor();
    await page.getByText('“The doctor was late”').waitFor();

    await page.getByRole('button', { name: 'Refund…' }).click();
    expect(await dialog.locator('[data-field=remains]').innerText()).toBe('PHP 4.000,00');
    await dialog.getByRole('button', { name: 'Refund PHP 4.000,00' }).click();
    await page.locator('[data-status=refunded]').waitFor();
    expect(await page.getByRole('button', { name: 'Refund…' }).count()).toBe(0);
  });

  test('two operators at once: one refund, and the second sees who and when', async () => {
    const { id } = await paidPayment(stack);
    const first = await Operator.signIn(stack, 8);
    const second = await Operator.signIn(stack, 7);
    for (const { page, openPayment } of [first, second].map((one) => ({
      page: one.page,
      openPayment: () => one.openPayment(id),
    }))) {
      await openPayment();
      await page.getByRole('button', { name: 'Refund…' }).click();
    }
    const press = (operator: Operator) =>
      operator.page
        .getByRole('dialog')
        .getByRole('button', { name: 'Refund PHP 5.000,00' })
        .click();
    await press(first);
    await first.outcome().getByText('The refund was made.').waitFor();
    await press(second);
    await second.page
      .getByRole('dialog')
      .getByText(/operator 8 was faster, with PHP 5\.000,00 on .+ UTC/)
      .waitFor();
    const { refunds } = await second.whole(id);
    expect(refunds.map(({ amount, by }) => [amount.amount, by])).toEqual([['5000.00', 8]]);
  });

  test('a payment that nobody has paid is cancelled', async () => {
    const { id } = await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    await operator.openPayment(id);
    await operator.confirm('Cancel…', 'Cancel the payment');
    await operator.outcome().getByText('The payment was cancelled.').waitFor();
    await operator.entry('ended').getByText('by operator 7').waitFor();
    await operator.page.locator('[data-status=cancelled]').waitFor();
  });

  test('Stripe is asked now, and a webhook is replayed; both are in the record', async () => {
    const { id } = await paidPayment(stack);
    const operator = await Operator.signIn(stack);
    await expect.poll(async () => (await operator.whole(id)).events.length).toBeGreaterThan(0);
    await operator.openPayment(id);
    await operator.confirm('Reconcile now…', 'Ask Stripe now');
    await operator.outcome().getByText('Stripe was asked').waitFor();
    await operator.entry('reconcile_asked').getByText('by operator 7').waitFor();
    await operator.confirm(/^Replay…/, 'Replay the webhook');
    await operator.outcome().getByText('The webhook was worked off again.').waitFor();
    await operator.entry('event_replayed').getByText('by operator 7').waitFor();
    expect((await operator.whole(id)).payment.status).toBe('completed');
  });
});

describe('live', () => {
  test('a payment’s page goes on by itself, and so does the list', async () => {
    const way = await newPayment(stack.origin());
    const one = await Operator.signIn(stack);
    const all = await Operator.signIn(stack, 8);
    await one.openPayment(way.id);
    const isTheSame = await one.mark();
    await pay(stack, way);
    await one.entry('completed').waitFor();
    await one.page.getByText('Paid, and charged once.').waitFor();
    expect(await isTheSame()).toBe(true);
    const row = all.page.locator('tr', { has: all.page.locator(`a[href$="/payments/${way.id}"]`) });
    await row.locator('[data-status=completed]').waitFor();
    const { id } = await newPayment(stack.origin());
    await expect.poll(async () => (await all.listed())[0], { timeout: 15_000 }).toBe(id);
  });

  test('says when it is cut off, goes on asking, and comes back by itself', async () => {
    const operator = await Operator.signIn(stack);
    const { page } = operator;
    await page.getByText('Live', { exact: true }).waitFor();
    await page.route('**/console/api/live', (route) => route.abort());
    await page.reload();
    await page.getByText(/Live updates are cut off since .+ UTC/).waitFor();
    await page.unroute('**/console/api/live');
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 30_000 });
    expect(await page.getByText('Live updates are cut off').count()).toBe(0);
  });
});

test('reloaded again and again, it leaves the browser connections for its questions', async () => {
  const operator = await Operator.signIn(stack);
  for (let load = 0; load < 8; load++) {
    await operator.page.getByText('Live', { exact: true }).waitFor();
    await operator.open(load % 2 === 0 ? '/console/health' : '/console');
  }
  await operator.find('INV-20200101000000-999999');
  await operator.page.getByText('Nothing found for').waitFor({ timeout: 10_000 });
});

describe('forged posts', () => {
  test('from another site are refused, and nothing happens', async () => {
    const { id } = await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    const target = `${stack.origin()}/console/api/payments/${id}/cancel`;
    const evil = await operator.page.context().newPage();
    await evil.route('http://evil.example/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" enctype="text/plain" action="${target}"><input name='{"a":"' value='"}'></form>`,
      }),
    );
    await evil.goto('http://evil.example/');
    const [answer] = await Promise.all([
      evil.waitForResponse(target),
      evil.evaluate(() => {
        document.forms[0]?.submit();
      }),
    ]);
    expect([401, 403]).toContain(answer.status());
    expect((await operator.whole(id)).payment.status).toBe('pending');
  });

  test('from this site, but without the header that only the console sends, too', async () => {
    const { id } = await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    const status = await operator.page.evaluate(async (path) => {
      const headers = { 'Content-Type': 'application/json' };
      return (await fetch(path, { method: 'POST', headers, body: '{}' })).status;
    }, `/console/api/payments/${id}/cancel`);
    expect(status).toBe(403);
    expect((await operator.whole(id)).payment.status).toBe('pending');
  });
});

test('by keyboard alone: an id, its payment, a dialog and back', async () => {
  const { id } = await paidPayment(stack);
  const operator = await Operator.signIn(stack);
  const { page } = operator;
  const { invoice } = await operator.whole(id);
  await page.keyboard.press('/');
  await page.keyboard.type(invoice.number);
  await page.keyboard.press('Enter');
  await heading(page, `Payment ${id}`).waitFor();
  for (let press = 0; (await focused(page)) !== 'Refund…'; press++) {
    expect(press).toBeLessThan(40);
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => focused(page)).toBe('Refund…');
  expect((await operator.whole(id)).refunds).toEqual([]);
});

describe('how it looks, at a desk and on a phone, by day and by night', () => {
  test('signing in', { timeout: LONG }, async () => {
    const page = await stack.newPage({ locale: 'en-GB' });
    await page.goto(`${stack.origin()}/console`);
    await heading(page, 'Sign in').waitFor();
    await holdsInEveryLight(page, 'console-sign-in');
  });

  test('the list, what is found, and nothing', { timeout: LONG }, async () => {
    await newPayment(stack.origin());
    const operator = await Operator.signIn(stack);
    await operator.page.locator('table.payments').waitFor();
    await holdsInEveryLight(operator.page, 'console-list');
    await operator.open('/console?q=nothing-like-it');
    await operator.page.getByText('Nothing found for').waitFor();
    await holdsInEveryLight(operator.page, 'console-nothing');
  });

  test('a payment, and the dialogs over it', { timeout: LONG }, async () => {
    const { id } = await paidPayment(stack);
    const operator = await Operator.signIn(stack);
    await operator.openPayment(id);
    await holdsInEveryLight(operator.page, 'console-payment');
    await operator.page.getByRole('button', { name: 'Refund…' }).click();
    await operator.page.getByLabel('A part of it').check();
    await holdsInEveryLight(operator.page, 'console-refund');
  });

  test('health, in motion or not', { timeout: LONG }, async () => {
    const { id } = await paidPayment(stack);
    const operator = await Operator.signIn(stack);
    await operator.page.emulateMedia({ reducedMotion: 'reduce' });
    await operator.page.getByRole('link', { name: 'Health' }).click();
    await heading(operator.page, 'Health').waitFor();
    await operator.page.locator('[data-field=payments-today]').waitFor();
    await holdsInEveryLight(operator.page, 'console-health');
    await operator.page
      .getByRole('link', { name: String(id), exact: true })
      .first()
      .click();
    await heading(operator.page, `Payment ${id}`).waitFor();
  });
});
