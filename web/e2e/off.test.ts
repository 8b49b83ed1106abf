import { expect, test } from 'vitest';
import { useStack } from './support/stack.js';

const stack = useStack({ demo: false });

test('without the demo the page says so, and how to start it', async () => {
  const page = await stack.newPage();
  await page.goto(stack.origin());
  await page.getByRole('heading', { name: 'Demo tidak aktif' }).waitFor();
  expect(await page.locator('main').innerText()).toContain('./dev demo');
  expect(await page.getByRole('button', { name: 'BAYAR' }).count()).toBe(0);
});
