import type { Route } from 'playwright-core';
import { expect, test } from 'vitest';
import { Demo, isPress, Ledger } from './support/demo.js';
import { arriveAtCallback, arriveAtHostedPage, GOOD, payWithCard } from './support/hosted.js';
import { useStack } from './support/stack.js';

const stack = useStack();

const PAYMENTS = '**/api/v1/payments';

/** The request reaches the service; `then` decides what becomes of the answer. */
async function afterTheServer(demo: Demo, then: (route: Route) => Promise<void>): Promise<void> {
  await demo.page.route(
    PAYMENTS,
    async (route) => {
      const response = await route.fetch();
      expect(response.status()).toBe(201);
      await then(route);
    },
    { times: 1 },
  );
}

async function pressAndBeWarned(demo: Demo): Promise<void> {
  const answer = demo.page.waitForResponse((response) => isPress(response.request()));
  await demo.payButton().click();
  expect((await answer).status()).toBe(409);
  const { payment } = await (await Ledger.of(demo)).onlyPayment();
  expect(await demo.message('warning')).toBe(
    `⚠️ Pembayaran sudah diproses sebelumnya (ID: ${payment.id})`,
  );
}

async function continueAndPay(demo: Demo): Promise<void> {
  const ledger = await Ledger.of(demo);
  const { payment } = await ledger.onlyPayment();
  await demo.continueButton().click();
  await arriveAtHostedPage(demo.page);
  await payWithCard(demo.page, GOOD);
  await arriveAtCallback(demo.page, payment.id);
  await ledger.settlesAs(payment.id, 'completed');
  await ledger.onlyPayment();
}

test('the first answer is lost: it is asked again with the same key, 409, one payment, and the way to pay', async () => {
  const demo = await Demo.open(stack);
  await afterTheServer(demo, (route) => route.abort('connectionreset'));
  await demo.payButton().click();
  const { payment } = await (await Ledger.of(demo)).onlyPaymentSoon();
  expect(await demo.message('warning')).toBe(
    `⚠️ Pembayaran sudah diproses sebelumnya (ID: ${payment.id})`,
  );
  expect(demo.letters()).toBe('AA');
  await continueAndPay(demo);
});

test('the request never arrives: it is sent again with the same key, 201', async () => {
  const demo = await Demo.open(stack);
  await demo.page.route(PAYMENTS, (route) => route.abort('internetdisconnected'), { times: 2 });
  await demo.payButton().click();
  await demo.message('success');
  expect(demo.letters()).toBe('AAA');
  const [first, ...others] = demo.presses;
  for (const other of others) expect(other).toEqual(first);
  await (await Ledger.of(demo)).onlyPayment();
});

test('an answer that says nothing of the payment, pressed again: the same key, 201', async () => {
  const demo = await Demo.open(stack);
  const page = { status: 500, contentType: 'text/html', body: '<h1>Oops</h1>' };
  await demo.page.route(PAYMENTS, (route) => route.fulfill(page), { times: 1 });
  await demo.payButton().click();
  expect(await demo.message('error')).toMatch(/^❌ Error: /);
  await demo.payButton().click();
  await demo.message('success');
  expect(demo.letters()).toBe('AA');
  await (await Ledger.of(demo)).onlyPayment();
});

test('reloaded while the answer is awaited, and pressed again: the same key, 409', async () => {
  const demo = await Demo.open(stack);
  let arrived: () => void = () => undefined;
  const atServer = new Promise<void>((resolve) => (arrived = resolve));
  await afterTheServer(demo, () => {
    arrived();
    // The answer stays on its way for ever.
    return Promise.resolve();
  });
  await demo.payButton().click();
  await atServer;
  await demo.page.reload();
  await pressAndBeWarned(demo);
  expect(demo.letters()).toBe('AA');
});

test('reloaded after the 201, and pressed again: the same key, 409, no redirect', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().click();
  await demo.message('success');
  await demo.page.reload();
  await pressAndBeWarned(demo);
  expect(demo.letters()).toBe('AA');
  const address = demo.page.url();
  // Longer than the two seconds after which a 201 moves on.
  await expect(
    demo.page.waitForURL((url) => url.href !== address, { timeout: 3_000 }),
  ).rejects.toThrow();
});

test('continue a payment from the 409', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().click();
  await demo.message('success');
  await demo.page.reload();
  await pressAndBeWarned(demo);
  await continueAndPay(demo);
});

test('another tab joins with the same key', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().click();
  await demo.message('success');
  const consultation = await demo.consultation();
  const tab = await demo.page.context().newPage();
  await tab.addInitScript((text) => {
    sessionStorage.setItem('sekali:demo', text);
  }, JSON.stringify(consultation));
  await tab.goto(demo.origin);
  const press = tab.waitForRequest(isPress);
  await tab.getByRole('button', { name: '💳 BAYAR' }).click();
  expect((await press).headers()['x-idempotency-key']).toBe(demo.presses[0]?.key);
  await tab.locator('.alert.warning').waitFor();
  await (await Ledger.of(demo)).onlyPayment();
});

test('two tabs pressed at the same moment: one key, one payment, and both know it', async () => {
  const demo = await Demo.open(stack);
  const consultation = await demo.consultation();
  const tab = await demo.page.context().newPage();
  await tab.addInitScript((text) => {
    sessionStorage.setItem('sekali:demo', text);
  }, JSON.stringify(consultation));
  await tab.goto(demo.origin);
  const pages = [demo.page, tab];
  const presses = pages.map((page) => page.waitForRequest(isPress));
  await Promise.all(pages.map((page) => page.getByRole('button', { name: '💳 BAYAR' }).click()));
  const keys = (await Promise.all(presses)).map((press) => press.headers()['x-idempotency-key']);
  expect(new Set(keys).size).toBe(1);
  const alerts = pages.map((page) => page.locator('.alert.success, .alert.warning').waitFor());
  await Promise.all(alerts);
  await (await Ledger.of(demo)).onlyPayment();
});

test('back from the hosted page, out of the back/forward cache, the button is alive and leads on', async () => {
  const demo = await Demo.open(stack);
  const { page } = demo;
  await page.evaluate(() => {
    window.addEventListener('pageshow', (event) => {
      document.body.dataset['restored'] = String(event.persisted);
    });
  });
  await demo.payButton().click();
  await arriveAtHostedPage(page);
  await page.goBack({ waitUntil: 'commit' });
  await page.locator('body[data-restored=true]').waitFor();
  await pressAndBeWarned(demo);
  expect(demo.letters()).toBe('AA');
  await continueAndPay(demo);
});

test('back from the hosted page, and the service does not answer: no pay button, until it has', async () => {
  const demo = await Demo.open(stack);
  const { page } = demo;
  // In the page itself: requests that Playwright intercepts keep a page out of the back/forward cache.
  await page.evaluate(() => {
    const fetch = window.fetch.bind(window);
    window.fetch = (input, init) => {
      const down = document.body.dataset['down'] !== 'no' && /payments\?/.test(input as string);
      return down ? Promise.resolve(new Response('', { status: 500 })) : fetch(input, init);
    };
  });
  await demo.payButton().click();
  await arriveAtHostedPage(page);
  await page.goBack({ waitUntil: 'commit' });
  await page.getByRole('button', { name: 'Periksa lagi' }).waitFor();
  expect(await demo.payButton().count()).toBe(0);
  await page.evaluate(() => {
    document.body.dataset['down'] = 'no';
  });
  await page.getByRole('button', { name: 'Periksa lagi' }).click();
  await pressAndBeWarned(demo);
  expect(demo.letters()).toBe('AA');
});

test('paid in another tab meanwhile: back from the hosted page it says so, and offers no way to pay', async () => {
  const demo = await Demo.open(stack);
  const { page } = demo;
  const ledger = await Ledger.of(demo);
  await demo.payButton().click();
  const { payment } = await ledger.onlyPaymentSoon();
  const session = await arriveAtHostedPage(page);
  const tab = await page.context().newPage();
  await tab.goto(session);
  await payWithCard(tab, GOOD);
  await ledger.settlesAs(payment.id, 'completed');
  await page.goBack({ waitUntil: 'commit' });
  expect(await demo.message('success')).toBe(
    '✅ Anda sudah membayar. Kami tidak akan menagih lagi.',
  );
  expect(await page.locator('.payment-modal button').count()).toBe(0);
});

test('paid already: the 409 offers no way to pay again', async () => {
  const demo = await Demo.open(stack);
  await demo.payButton().click();
  const { payment } = await (await Ledger.of(demo)).onlyPaymentSoon();
  await arriveAtHostedPage(demo.page);
  await payWithCard(demo.page, GOOD);
  await (await Ledger.of(demo)).settlesAs(payment.id, 'completed');
  await demo.page.goto(demo.origin);
  await pressAndBeWarned(demo);
  expect(await demo.continueButton().count()).toBe(0);
  expect(await demo.page.getByRole('button', { name: 'Coba lagi' }).count()).toBe(0);
});
