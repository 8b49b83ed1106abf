import { expect, test } from 'vitest';
import { Demo, isPress, Ledger } from './support/demo.js';
import { arriveAtCallback, arriveAtHostedPage, GOOD, payWithCard } from './support/hosted.js';
import { useStack } from './support/stack.js';

const stack = useStack();

const KEY = /^payment-\d{13}-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('pay all the way: button, 201, two seconds, hosted page, card, callback, completed', async () => {
  const demo = await Demo.open(stack);
  const ledger = await Ledger.of(demo);
  const { page } = demo;
  const answer = page.waitForResponse((response) => isPress(response.request()));
  const leaving = page.waitForRequest(/\/payment\/\d+\/process$/);

  await demo.payButton().click();
  expect((await answer).status()).toBe(201);
  const answered = performance.now();
  expect(await demo.message('success')).toBe(
    '✅ Pembayaran berhasil dibuat. Mengarahkan ke Stripe...',
  );
  const { payment } = await ledger.onlyPayment();
  expect(new URL((await leaving).url()).pathname).toBe(`/payment/${payment.id}/process`);
  const waited = performance.now() - answered;
  expect(waited).toBeGreaterThan(1_800);
  expect(waited).toBeLessThan(6_000);

  await arriveAtHostedPage(page);
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, payment.id);
  await ledger.settlesAs(payment.id, 'completed');
  await page.reload();
  const { invoice } = await ledger.onlyPayment();
  expect(invoice.status).toBe('paid');
  expect(await page.locator('body').innerText()).toContain(invoice.invoice_number);
});

test('the key is the contract’s, and the same in header and body', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().click();
  await demo.message('success');
  const consultation = await demo.consultation();
  const [press] = demo.presses;
  expect(press?.key).toMatch(KEY);
  expect(press?.body).toEqual({
    consultation_id: consultation.consultation_id,
    amount: Number(consultation.fee),
    payment_method: 'stripe',
    idempotency_key: press?.key,
  });
});

test('double click: one request, one payment', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().dblclick();
  await demo.message('success');
  expect(demo.letters()).toBe('A');
  await (await Ledger.of(demo)).onlyPayment();
});

test('ten presses before the page can react: one request, one payment', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().evaluate((button: HTMLElement) => {
    for (let press = 0; press < 10; press++) button.click();
  });
  await demo.message('success');
  expect(demo.letters()).toBe('A');
  await (await Ledger.of(demo)).onlyPayment();
});

test('while it works the button says so and is disabled', async () => {
  const demo = await Demo.open(stack);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await demo.page.route('**/api/v1/payments', async (route) => {
    await held;
    await route.continue();
  });
  await demo.payButton().click();
  expect(await demo.message('info')).toBe('Memproses pembayaran...');
  expect(await demo.page.getByRole('button', { name: '⏳ MEMPROSES...' }).isDisabled()).toBe(true);
  release();
  await demo.message('success');
});

test('the demo page shows the payment’s id, status and invoice, and follows it to completed', async () => {
  const demo = await Demo.open(stack);
  const ledger = await Ledger.of(demo);
  await demo.payButton().click();
  const { payment, invoice } = await ledger.onlyPaymentSoon();
  await demo.field('payment-id').getByText(`#${payment.id}`, { exact: true }).waitFor();
  await demo.field('payment-status').getByText('pending', { exact: true }).waitFor();
  await demo.field('invoice-number').getByText(invoice.invoice_number, { exact: true }).waitFor();
  await arriveAtHostedPage(demo.page);
  await payWithCard(demo.page, GOOD);
  await arriveAtCallback(demo.page, payment.id);
  await demo.page.goto(demo.origin);
  await demo.field('payment-status').getByText('completed', { exact: true }).waitFor();
  expect(await demo.field('payment-id').innerText()).toBe(`#${payment.id}`);
});

test('another consultation is another payment', async () => {
  const demo = await Demo.open(stack);
  const first = await demo.consultation();
  await demo.page.getByRole('button', { name: 'Konsultasi baru' }).click();
  await demo.page
    .getByRole('heading', { name: /^Konsultasi #/ })
    .filter({ hasNotText: new RegExp(`#${first.consultation_id}$`) })
    .waitFor();
  await demo.payButton().click();
  await demo.message('success');
  expect(await new Ledger(demo.origin, first).payments()).toEqual([]);
  await (await Ledger.of(demo)).onlyPayment();
});
