import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Demo, isPress } from './support/demo.js';
import { useStack } from './support/stack.js';

const stack = useStack();

const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 360, height: 740 },
};

const picture = (name: string) =>
  fileURLToPath(new URL(`screenshots/${name}.png`, import.meta.url));

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  test.each(['desktop', 'phone'] as const)('%s: nothing is cut off', async (size) => {
    const viewport = SIZES[size];
    const demo = await Demo.open(stack, { colorScheme, viewport, deviceScaleFactor: 2 });
    const { page } = demo;
    await demo.field('payment-id').or(page.getByText('Belum ada pembayaran.')).waitFor();
    await page.screenshot({ path: picture(`${size}-${colorScheme}`), fullPage: true });

    await demo.payButton().click();
    await demo.message('success');
    await page.reload();
    await demo.payButton().click();
    await demo.message('warning');
    await demo.field('invoice-number').waitFor();
    await page.mouse.move(0, 0);
    await page.screenshot({ path: picture(`${size}-${colorScheme}-again`), fullPage: true });

    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(viewport.width);
    expect(demo.presses).toHaveLength(2);
  });
});

test('a press can be seen in the list of requests, and that its key was sent before', async () => {
  const demo = await Demo.open(stack);
  const { page } = demo;
  await page.route('**/api/v1/payments', (route) => route.abort(), { times: 1 });
  const answer = page.waitForResponse((response) => isPress(response.request()));
  await demo.payButton().click();
  await answer;
  const list = page.locator('[data-field=exchanges]');
  await list.getByText('kunci sama').waitFor();
  expect(await list.getByText('tanpa jawaban').count()).toBe(1);
  const { token } = await demo.consultation();
  expect(await page.content()).not.toContain(token);
});
