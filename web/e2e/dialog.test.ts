import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { expectNoViolation } from './support/axe.js';
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

/** The page does not move on to Stripe after 2 s, so that it can be looked at for longer. */
const STAY = '?stay=1';

/** A host's page whose button opens the modal as a dialog. */
async function openDialog(
  options?: BrowserContextOptions,
  query = '',
  name = 'Konfirmasi Pembayaran',
) {
  const demo = await Demo.open(stack, options);
  await openHost(demo, bundle, query);
  const { page } = demo;
  const opener = page.getByRole('button', { name: 'Buka' });
  const dialog = page.getByRole('dialog', { name });
  await opener.click();
  await dialog.waitFor();
  return { demo, page, opener, dialog };
}

/** The press of BAYAR, and the question how the consultation's latest payment stands. */
const PRESS = '**/api/v1/payments';
const STANDING = '**/api/v1/payments?*';

/** What the second is answered with. */
interface Standing {
  payment: { status: string };
  checkout_url?: string;
}

const hasFocus = (element: Locator) => element.evaluate((node) => node === document.activeElement);

const picture = (name: string) =>
  fileURLToPath(new URL(`screenshots/${name}.png`, import.meta.url));

test.each<[string, (page: Page) => Promise<unknown>]>([
  ['Escape', (page) => page.keyboard.press('Escape')],
  ['its button', (page) => page.getByRole('button', { name: 'Tutup' }).click()],
  [
    'a host that takes it off the page',
    (page) =>
      page.evaluate(() => {
        (window as unknown as { host: { remove: () => void } }).host.remove();
      }),
  ],
])('closed by %s, the focus goes back to what opened it', async (_what, close) => {
  const { page, opener, dialog } = await openDialog();
  await close(page);
  await dialog.waitFor({ state: 'hidden' });
  await expect.poll(() => hasFocus(opener)).toBe(true);
});

test('the focus stays within: nothing of the page behind can be reached', async () => {
  const { page, dialog } = await openDialog();
  const reached = new Set<string>();
  for (let press = 0; press < 8; press++) {
    await page.keyboard.press(press < 4 ? 'Tab' : 'Shift+Tab');
    reached.add(
      await dialog.evaluate((element) => {
        const active = document.activeElement;
        if (active === document.body || active === document.documentElement) return 'the browser';
        return element.contains(active) ? 'the dialog' : 'the page';
      }),
    );
  }
  expect([...reached]).not.toContain('the page');
  expect([...reached]).toContain('the dialog');
});

test('the focus is not lost with the button that is disabled, and comes back to it', async () => {
  const { demo, page, dialog } = await openDialog({}, STAY);
  await page.route('**/api/v1/payments', (route) =>
    route.fulfill({ status: 422, json: { message: 'Periksa data' } }),
  );
  await demo.payButton().focus();
  await page.keyboard.press('Enter');
  await demo.message('error');
  await expect.poll(() => hasFocus(demo.payButton())).toBe(true);
  await page.unroute('**/api/v1/payments');
  await page.keyboard.press('Enter');
  await demo.message('success');
  expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true);
  expect(await dialog.evaluate(() => document.activeElement?.matches(':disabled'))).toBe(false);
});

test('the region that speaks is there before its text, and is the same afterwards', async () => {
  const { demo, dialog } = await openDialog({}, STAY);
  const region = dialog.getByRole('status');
  expect(await region.textContent()).toBe('');
  const before = await region.elementHandle();
  await demo.payButton().click();
  await demo.message('success');
  expect(await before.textContent()).toContain('berhasil dibuat');
});

test.each([
  ['reduce', 0],
  ['no-preference', 1],
] as const)('with motion: %s it is animated %i times', async (reducedMotion, animations) => {
  const { dialog } = await openDialog({ reducedMotion });
  // A finished animation is not listed, so it is asked what would run.
  const name = await dialog.evaluate((element) => getComputedStyle(element).animationName);
  expect(name === 'none' ? 0 : 1).toBe(animations);
});

describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
  const problem = { status: 500, json: { message: 'Layanan sedang sibuk' } };

  test('axe finds nothing in any state', async () => {
    const viewport = { width: 360, height: 740 };
    const options: BrowserContextOptions = { colorScheme, viewport, reducedMotion: 'reduce' };
    const { demo, page } = await openDialog(options, STAY);
    await expectNoViolation(page, 'at rest');
    await page.screenshot({ path: picture(`dialog-${colorScheme}`) });
    await page.route('**/api/v1/payments', (route) => route.fulfill(problem), {
      times: 1,
    });
    await demo.payButton().click();
    await demo.message('error');
    await expectNoViolation(page, 'failed');
    await page.screenshot({ path: picture(`dialog-${colorScheme}-failed`) });
    await demo.payButton().click();
    await demo.message('success');
    await expectNoViolation(page, 'created');
    await page.reload();
    await page.getByRole('button', { name: 'Buka' }).click();
    await demo.payButton().click();
    await demo.message('warning');
    await demo.continueButton().waitFor();
    await expectNoViolation(page, 'exists');
    await page.screenshot({ path: picture(`dialog-${colorScheme}-exists`) });
  });

  test('axe finds nothing while it works, nor when somebody comes back', async () => {
    const viewport = { width: 360, height: 740 };
    const options: BrowserContextOptions = { colorScheme, viewport, reducedMotion: 'reduce' };
    const { demo, page } = await openDialog(options, STAY);
    // As the browser shows a page again that it had kept.
    const comeBack = () =>
      page.evaluate(() => {
        window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      });
    let release: () => void = () => undefined;
    let held = new Promise<void>((resolve) => (release = resolve));
    await page.route(PRESS, async (route) => {
      await held;
      await route.continue();
    });
    await demo.payButton().click();
    await demo.message('info');
    await expectNoViolation(page, 'working');
    release();
    await demo.message('success');

    held = new Promise<void>((resolve) => (release = resolve));
    await page.route(STANDING, async (route) => {
      await held;
      await route.abort('connectionreset');
    });
    await comeBack();
    await page.getByText('Memeriksa status pembayaran').waitFor();
    expect(await demo.payButton().count()).toBe(0);
    await expectNoViolation(page, 'checking');
    release();
    await demo.message('warning');
    expect(await demo.payButton().count()).toBe(0);
    await expectNoViolation(page, 'unknown');
    await page.screenshot({ path: picture(`dialog-${colorScheme}-unknown`) });

    await page.unroute(STANDING);
    const isAs = async (change: (standing: Standing) => void) => {
      await page.route(STANDING, async (route) => {
        const response = await route.fetch();
        const body = (await response.json()) as { data: Standing[] };
        body.data.forEach(change);
        await route.fulfill({ response, json: body });
      });
      await comeBack();
    };
    await isAs((standing) => delete standing.checkout_url);
    await page.getByText('sedang dikonfirmasi').waitFor();
    expect(await demo.payButton().count()).toBe(0);
    await expectNoViolation(page, 'confirming');
    await page.unroute(STANDING);
    await isAs((standing) => (standing.payment.status = 'completed'));
    expect(await demo.message('success')).toBe(
      '✅ Anda sudah membayar. Kami tidak akan menagih lagi.',
    );
    expect(await demo.payButton().count()).toBe(0);
    await expectNoViolation(page, 'paid');
    await page.screenshot({ path: picture(`dialog-${colorScheme}-paid`) });
  });

  test('the host can say otherwise', async () => {
    const other = colorScheme === 'light' ? 'dark' : 'light';
    const surface = { light: 'rgb(255, 255, 255)', dark: 'rgb(20, 33, 29)' };
    const { page, dialog } = await openDialog(
      { colorScheme, reducedMotion: 'reduce' },
      `?theme=${other}&locale=en`,
      'Confirm payment',
    );
    const background = await dialog.evaluate(
      (element) => getComputedStyle(element).backgroundColor,
    );
    expect(background).toBe(surface[other]);
    await expectNoViolation(page, `${other} on ${colorScheme}`);
  });
});

test('its colours are the host’s variables', async () => {
  const { page, dialog } = await openDialog();
  await page.addStyleTag({ content: ':root { --sekali-surface: rgb(1, 2, 3) }' });
  const background = await dialog.evaluate((element) => getComputedStyle(element).backgroundColor);
  expect(background).toBe('rgb(1, 2, 3)');
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
