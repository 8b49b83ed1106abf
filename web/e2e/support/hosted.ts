import type { Page } from 'playwright-core';

export const GOOD = '4242424242424242';
export const DECLINED = '4000000000000002';
export const CHALLENGED = '4000002500003155';

/** Where the hosted page is, once the browser has got there. */
export async function arriveAtHostedPage(page: Page): Promise<string> {
  await page.waitForURL(/\/stripe-simulator\//);
  await page.getByLabel('Card number').waitFor();
  return page.url();
}

/** Fills the hosted page in as a patient does, and presses its button. */
export async function payWithCard(page: Page, card: string): Promise<void> {
  await page.getByLabel('Email').fill('pasien@example.com');
  await page.getByLabel('Card number').fill(card);
  await page.getByLabel('MM / YY').fill('12 / 34');
  await page.getByLabel('CVC').fill('123');
  await page.getByLabel('Cardholder name').fill('Siti Rahma');
  await page.getByRole('button', { name: /^Pay/ }).click();
}

/** The callback page of this payment, once the browser has been sent back to it. */
export async function arriveAtCallback(page: Page, paymentId: number): Promise<void> {
  await page.waitForURL((url) => url.pathname === `/payment/${paymentId}/callback`);
}
