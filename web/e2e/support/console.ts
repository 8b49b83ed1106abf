import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { arriveAtCallback, arriveAtHostedPage, GOOD, payWithCard } from './hosted.js';
import type { Stack } from './stack.js';
import { newPayment } from './way.js';
import type { Way } from './way.js';

/** What a test asks past the page, as the page itself asks it. */
interface Whole {
  payment: { reference: string; consultation_id: number; user_id: number; status: string };
  invoice: { number: string };
  keys: { key: string }[];
  sessions: { stripe_id: string | null }[];
  captures: { payment_intent: string }[];
  refunds: { amount: { amount: string }; by: number | null }[];
  events: { id: string }[];
}

/** The console with an operator signed in. */
export class Operator {
  private constructor(
    readonly page: Page,
    readonly origin: string,
  ) {}

  static async signIn(stack: Stack, user = 7, options?: BrowserContextOptions): Promise<Operator> {
    const page = await stack.newPage({ locale: 'en-GB', ...options });
    await page.goto(`${stack.origin()}/console`);
    await page.getByLabel('Token').fill(stack.token(user, 'admin'));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Payments' }).waitFor();
    return new Operator(page, stack.origin());
  }

  async open(path: string): Promise<void> {
    await this.page.goto(this.origin + path);
    await this.page.locator('h1').waitFor();
  }

  async openPayment(id: number): Promise<void> {
    await this.open(`/console/payments/${id}`);
    await this.page.locator('[data-kind=created]').waitFor();
  }

  /** Looks for an id as people do. */
  async find(id: string): Promise<void> {
    await this.page.getByLabel('Find a payment').fill(id);
    await this.page.keyboard.press('Enter');
  }

  /** The numbers of the payments that are listed. */
  async listed(): Promise<number[]> {
    const texts = await this.page.locator('table.payments tbody a').allTextContents();
    return texts.map(Number);
  }

  /** Presses a button that asks to be confirmed, and then confirms. */
  async confirm(button: string | RegExp, yes: string): Promise<void> {
    await this.page.getByRole('button', { name: button }).first().click();
    await this.page.getByRole('dialog').getByRole('button', { name: yes }).click();
  }

  entry(kind: string) {
    return this.page.locator(`.story [data-kind=${kind}]`);
  }

  /** A note of what an action came to. */
  outcome() {
    return this.page.locator('.note.outcome');
  }

  /** Everything that the service knows of a payment. */
  async whole(id: number): Promise<Whole> {
    const answer = await this.page.request.get(`${this.origin}/console/api/payments/${id}`);
    expect(answer.status()).toBe(200);
    return (await answer.json()) as Whole;
  }

  /** Says whether the document is still the one in which this was called. */
  async mark(): Promise<() => Promise<boolean>> {
    await this.page.evaluate(() => {
      document.documentElement.setAttribute('data-marked', '');
    });
    return () => this.page.evaluate(() => document.documentElement.hasAttribute('data-marked'));
  }
}

/** Pays in a browser of the patient's own. */
export async function pay(stack: Stack, { id, url }: Way): Promise<void> {
  const page = await stack.newPage();
  await page.goto(url);
  await arriveAtHostedPage(page);
  await payWithCard(page, GOOD);
  await arriveAtCallback(page, id);
  await page.getByText('Anda sudah membayar.').waitFor();
  await page.close();
}

export async function paidPayment(stack: Stack): Promise<Way> {
  const way = await newPayment(stack.origin());
  await pay(stack, way);
  return way;
}
