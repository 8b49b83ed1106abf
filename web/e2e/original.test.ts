import { beforeAll, expect, test } from 'vitest';
import { Demo, Ledger } from './support/demo.js';
import { bundleHost, openHost } from './support/host.js';
import type { Bundle } from './support/host.js';
import { useStack } from './support/stack.js';

const stack = useStack();
let bundle: Bundle;

beforeAll(async () => {
  bundle = await bundleHost('original.js');
});

test('a component of the original’s runs on the client unmodified: 201, then 409', async () => {
  const demo = await Demo.open(stack);
  const { page } = demo;
  const ledger = await Ledger.of(demo);
  await openHost(demo, bundle);
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.getByText(/^created new \d+$/).waitFor();
  const { payment } = await ledger.onlyPayment();
  expect(await page.getByRole('status').innerText()).toBe(`created new ${payment.id}`);
  await page.getByRole('button', { name: 'Pay' }).click();
  await page.getByText(`exists existing ${payment.id}`, { exact: true }).waitFor();
  expect(demo.letters()).toBe('AA');
  await ledger.onlyPayment();
});

test('and a failure resolves with success: false', async () => {
  const demo = await Demo.open(stack);
  await openHost(demo, bundle);
  await demo.page.route('**/api/v1/payments', (route) => route.abort('connectionrefused'));
  await demo.page.getByRole('button', { name: 'Pay' }).click();
  await demo.page.getByText(/^failed 0 ./).waitFor();
});
