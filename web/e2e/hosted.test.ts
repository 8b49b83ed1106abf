import { expect, test } from 'vitest';
import { Demo, Ledger } from './support/demo.js';
import {
  arriveAtCallback,
  arriveAtHostedPage,
  CHALLENGED,
  DECLINED,
  GOOD,
  payWithCard,
} from './support/hosted.js';
import { useStack } from './support/stack.js';

const stack = useStack();

/** From the button to the hosted page. */
async function goToPay() {
  const demo = await Demo.open(stack);
  const ledger = await Ledger.of(demo);
  await demo.payButton().click();
  const { payment } = await ledger.onlyPaymentSoon();
  const session = await arriveAtHostedPage(demo.page);
  return { page: demo.page, origin: demo.origin, ledger, id: payment.id, session };
}

test('a declined card, then a good one, on the same session', async () => {
  const { page, ledger, id, session } = await goToPay();
  await payWithCard(page, DECLINED);
  await page
    .getByText(/ditolak/i)
    .first()
    .waitFor();
  expect(page.url()).toBe(session);
  expect((await ledger.onlyPayment()).payment.status).toBe('processing');
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, id);
  await ledger.settlesAs(id, 'completed');
  await ledger.onlyPayment();
});

test('3-D Secure: completed, it pays', async () => {
  const { page, ledger, id } = await goToPay();
  await payWithCard(page, CHALLENGED);
  await page.getByRole('button', { name: 'Ya, ini saya' }).click();
  await arriveAtCallback(page, id);
  await ledger.settlesAs(id, 'completed');
});

test('3-D Secure: failed, the payment stays open, and a good card pays it', async () => {
  const { page, ledger, id } = await goToPay();
  await payWithCard(page, CHALLENGED);
  await page.getByRole('button', { name: 'Bukan saya' }).click();
  await page.getByLabel('Nomor kartu').waitFor();
  expect((await ledger.onlyPayment()).payment.status).toBe('processing');
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, id);
  await ledger.settlesAs(id, 'completed');
});

test('the process page leads to the session that is open already', async () => {
  const { page, origin, id, session } = await goToPay();
  await page.goto(`${origin}/payment/${id}/process`);
  expect(await arriveAtHostedPage(page)).toBe(session);
});

test('the callback page says paid, however often it is loaded, and shows the invoice', async () => {
  const { page, ledger, id } = await goToPay();
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, id);
  await ledger.settlesAs(id, 'completed');
  const { invoice } = await ledger.onlyPayment();
  for (let load = 0; load < 2; load++) {
    await page.reload();
    await page.getByText(invoice.invoice_number).first().waitFor();
    expect(await page.locator('body').innerText()).toMatch(/berhasil|lunas|sudah membayar/i);
  }
});

test('the callback before anything was paid does not say paid', async () => {
  const { page, origin, ledger, id } = await goToPay();
  await page.goto(`${origin}/payment/${id}/callback`);
  expect(await page.locator('body').innerText()).not.toMatch(/berhasil|lunas|sudah membayar/i);
  expect((await ledger.onlyPayment()).payment.status).toBe('processing');
});
