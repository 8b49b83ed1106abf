import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { Demo, Ledger } from './support/demo.js';
import { arriveAtHostedPage } from './support/hosted.js';
import { bundleHost, openHost } from './support/host.js';
import type { Bundle } from './support/host.js';
import { useStack } from './support/stack.js';

const stack = useStack();
let bundle: Bundle;

beforeAll(async () => {
  bundle = await bundleHost('dialog.js');
});

/** A host's page whose button opens the modal as a dialog. */
async function openDialog() {
  const demo = await Demo.open(stack);
  await openHost(demo, bundle);
  const { page } = demo;
  const opener = page.getByRole('button', { name: 'Buka' });
  const dialog = page.getByRole('dialog', { name: 'Konfirmasi Pembayaran' });
  await opener.click();
  await dialog.waitFor();
  return { demo, page, opener, dialog };
}

test('Escape closes it, and the focus goes back to what opened it', async () => {
  const { page, opener, dialog } = await openDialog();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  expect(await opener.evaluate((element) => element === document.activeElement)).toBe(true);
  await opener.click();
  await dialog.waitFor();
  await dialog.getByRole('button', { name: 'Tutup' }).click();
  await dialog.waitFor({ state: 'hidden' });
});

test('while a payment is under way Escape does not hide it, however often it is pressed', async () => {
  const { demo, page, dialog } = await openDialog();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/v1/payments', async (route) => {
    await held;
    await route.continue();
  });
  await demo.payButton().click();
  await demo.message('info');
  for (let press = 0; press < 4; press++) await page.keyboard.press('Escape');
  expect(await demo.message('info')).toBe('Memproses pembayaran...');
  expect(await dialog.isVisible()).toBe(true);
  const folder = new URL('screenshots/dialog.png', import.meta.url);
  await page.screenshot({ path: fileURLToPath(folder) });
  release();
  await demo.message('success');
  expect(await dialog.isVisible()).toBe(true);
  await (await Ledger.of(demo)).onlyPayment();
  await arriveAtHostedPage(page);
});

test('it pays by keyboard alone', async () => {
  const { demo, page } = await openDialog();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  expect(await demo.payButton().evaluate((element) => element === document.activeElement)).toBe(
    true,
  );
  await page.keyboard.press('Enter');
  await demo.message('success');
  await arriveAtHostedPage(page);
});
