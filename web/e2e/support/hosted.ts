import type { Locator, Page } from 'playwright-core';

export const GOOD = '4242424242424242';
export const DECLINED = '4000000000000002';
export const CHALLENGED = '4000002500003155';

/** Where the hosted page is, once the browser has got there. */
export async function arriveAtHostedPage(page: Page): Promise<string> {
  await page.waitForURL(/\/stripe-simulator\//);
  await field(page, 'cardNumber').waitFor();
  return page.url();
}

/** A field by the name it is sent under: its label is in the patient's language. */
export function field(page: Page, name: string): Locator {
  return page.locator(`input[name=${name}]`).first();
}

/** Fills the hosted page in as a patient does, and presses its button. */
export async function payWithCard(page: Page, card: string): Promise<void> {
  await field(page, 'email').fill('pasien@example.com');
  await field(page, 'cardNumber').fill(card);
  await field(page, 'cardExpiry').fill('12 / 34');
  await field(page, 'cardCvc').fill('123');
  await field(page, 'billingName').fill('Siti Rahma');
  await page.getByRole('button', { name: /^(Bayar|Pay) / }).click();
}

/** The callback page of this payment, once the browser has been sent back to it. */
export async function arriveAtCallback(page: Page, paymentId: number): Promise<void> {
  await page.waitForURL((url) => url.pathname === `/payment/${paymentId}/callback`);
}
