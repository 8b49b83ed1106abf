import { expect, test } from 'vitest';
import { focused, holdsInEveryLight } from './support/appearance.js';
import { useStack } from './support/stack.js';

const stack = useStack({ demo: false });

test('the reference reads well on every screen, and comes from nowhere else', async () => {
  const page = await stack.newPage();
  const loaded: string[] = [];
  page.on('request', (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto(`${stack.origin()}/docs`);
  await page.getByRole('heading', { level: 1, name: 'Sekali: API reference' }).waitFor();
  // Opened, so that what is folded away is looked at as well.
  await page.evaluate(() => {
    for (const details of document.querySelectorAll('details')) details.open = true;
  });
  await holdsInEveryLight(page, 'docs');
  expect(loaded.sort()).toEqual([
    '/docs',
    '/pages/reference.css',
    '/pages/reference.js',
    '/pages/sekali.css',
  ]);
});

test('by keyboard: to an operation, and its command into the clipboard', async () => {
  const page = await stack.newPage({ permissions: ['clipboard-read', 'clipboard-write'] });
  await page.goto(`${stack.origin()}/docs`);
  for (let press = 0; !(await focused(page)).startsWith('POST /api/v1/payments'); press++) {
    expect(press).toBeLessThan(20);
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
  expect(new URL(page.url()).hash).toBe('#create_payment');
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Copy');
  await page.keyboard.press('Enter');
  await page.locator('#create_payment').getByText('Copied').waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(copied).toBe(await page.locator('#create_payment pre').first().textContent());
  expect(copied).toContain('X-Idempotency-Key: $KEY');
});

test('without JavaScript it says the same, and promises no button', async () => {
  const page = await stack.newPage({ javaScriptEnabled: false });
  await page.goto(`${stack.origin()}/docs`);
  await page.getByText('curl --include "$SEKALI/api/v1/cases"').waitFor();
  expect(await page.getByRole('button').count()).toBe(0);
  const summary = page.locator('#create_payment').getByText('Example of 201');
  await summary.click();
  await page.locator('#create_payment').getByText('"Pembayaran berhasil dibuat"').waitFor();
});
