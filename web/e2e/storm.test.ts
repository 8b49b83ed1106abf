import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Demo, Ledger } from './support/demo.js';
import { arriveAtCallback, arriveAtHostedPage, GOOD, payWithCard } from './support/hosted.js';
import { bundleHost, openHost } from './support/host.js';
import { useStack } from './support/stack.js';

const stack = useStack();

const CLICKS = 100;
const LATENCY_MS = 4_000;

interface Result {
  status: number;
  id: number;
  url?: string;
}

test('a hundred clicks with every guard of the client’s off, at four seconds of latency: one charge', async () => {
  const demo = await Demo.open(stack);
  const { page } = demo;
  const ledger = await Ledger.of(demo);
  await openHost(demo, await bundleHost('storm.js'));
  // Held before the browser's own limit of connections, so that all of them are under way together.
  await page.route('**/api/v1/payments', async (route) => {
    await wait(LATENCY_MS);
    await route.continue();
  });
  await page.getByRole('button', { name: 'Pay' }).evaluate((button: HTMLElement, clicks) => {
    for (let click = 0; click < clicks; click++) button.click();
  }, CLICKS);
  const answers = await page.waitForFunction((clicks) => {
    const { results } = window as unknown as { results: Result[] };
    return results.length === clicks && results;
  }, CLICKS);
  const results = (await answers.jsonValue()) as Result[];

  expect(new Set(demo.presses.map(({ key }) => key)).size).toBe(CLICKS);
  const { payment } = await ledger.onlyPayment();
  expect(new Set(results.map(({ id }) => id))).toEqual(new Set([payment.id]));
  expect(results.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(results.filter(({ status }) => status === 409)).toHaveLength(CLICKS - 1);

  // Every answer leads to the same page, and there it is paid, once.
  await page.goto(results.at(-1)?.url ?? '');
  const session = await arriveAtHostedPage(page);
  await page.goto(results.at(0)?.url ?? '');
  expect(await arriveAtHostedPage(page)).toBe(session);
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, payment.id);
  await ledger.settlesAs(payment.id, 'completed');
  await ledger.onlyPayment();
});
