import { expect, test } from 'vitest';
import { Demo, Ledger } from './support/demo.js';
import { holdsInEveryLight } from './support/appearance.js';
import { useStack } from './support/stack.js';

// Stands for an address of the network's: not the one by which a machine calls itself.
const stack = useStack({ demo: true, host: '127.0.0.2' });

test('a phone finds the same consultation by the code, and both pay it once', async () => {
  const laptop = await Demo.open(stack);
  const code = laptop.page.getByRole('img', { name: 'Kode QR' });
  await code.waitFor();
  const isDrawn = () => code.evaluate((image) => (image as HTMLImageElement).naturalWidth > 0);
  await expect.poll(isDrawn).toBe(true);
  await holdsInEveryLight(laptop.page, 'phone-code');

  const address = await laptop.page
    .getByRole('link', { name: 'Alamat konsultasi ini' })
    .getAttribute('href');
  const { consultation_id: consultation } = await laptop.consultation();
  expect(address).toBe(`/?consultation=${consultation}`);
  const phone = await Demo.open(stack, { viewport: { width: 360, height: 740 } }, address ?? '');
  expect((await phone.consultation()).consultation_id).toBe(consultation);

  await Promise.all([laptop.payButton().click(), phone.payButton().click()]);
  const ledger = await Ledger.of(laptop);
  const { payment } = await ledger.onlyPaymentSoon();
  for (const { page } of [laptop, phone]) {
    await expect
      .poll(() => page.locator('[data-field=payment-id]').innerText())
      .toContain(String(payment.id));
  }
});

test('a new consultation is not the shared one, after a reload either', async () => {
  const first = await Demo.open(stack);
  const { consultation_id: shared } = await first.consultation();
  const { page } = await Demo.open(stack, {}, `/?consultation=${shared}`);
  await page.getByRole('button', { name: 'Konsultasi baru' }).click();
  const number = () => page.locator('#consultation-title').innerText();
  await expect.poll(number).not.toBe(`Konsultasi #${shared}`);
  const fresh = await number();
  await page.reload();
  await expect.poll(number).toBe(fresh);
});

test('an address with a consultation that nobody knows begins with a new one', async () => {
  const { page } = await Demo.open(stack, {}, '/?consultation=1');
  expect(await page.locator('#consultation-title').innerText()).toMatch(/^Konsultasi #\d{2,}$/);
});

test('no token is given for the patient of a consultation that the demo has not made', async () => {
  const put = await fetch(`${stack.origin()}/api/v1/consultations/77`, {
    method: 'PUT',
    headers: {
      Authorization: `Bearer ${stack.token(1, 'service')}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ patient_id: 9, fee: '5000.00', currency: 'PHP' }),
  });
  expect(put.status).toBe(201);
  const asked = await fetch(`${stack.origin()}/demo/consultations/77`);
  expect(asked.status).toBe(404);
  expect(await asked.text()).not.toContain('token');
});
