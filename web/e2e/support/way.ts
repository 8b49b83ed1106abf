import type { Page } from 'playwright-core';
import { expect } from 'vitest';

export interface Way {
  id: number;
  /** The signed address of the process page. */
  url: string;
}

/** A payment that was made elsewhere: its way to pay opens in any browser. */
export async function newPayment(origin: string): Promise<Way> {
  const made = await asked(`${origin}/demo/consultation`, { method: 'POST' });
  const { consultation_id, fee, token } = made as {
    consultation_id: number;
    fee: string;
    token: string;
  };
  const answer = await asked(`${origin}/api/v1/payments`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      'X-Idempotency-Key': `way-${consultation_id}`,
    },
    body: JSON.stringify({ consultation_id, amount: fee, payment_method: 'stripe' }),
  });
  const { data } = answer as { data: { payment_id: number; checkout_url: string } };
  return { id: data.payment_id, url: data.checkout_url };
}

/** Stripe answers these calls with an error, until what is returned is called. */
export async function stripeFails(
  origin: string,
  method: string,
  path: string,
): Promise<() => Promise<void>> {
  const faults = `${origin}/stripe-simulator/simulator/faults`;
  const order = { kind: 'server_error', method, path };
  const headers = { 'Content-Type': 'application/json' };
  await asked(faults, { method: 'POST', headers, body: JSON.stringify(order) });
  return async () => {
    await asked(faults, { method: 'DELETE' });
  };
}

/** Somebody pays the session that this page shows, and Stripe tells nobody. */
export async function payUnheard(origin: string, session: string): Promise<void> {
  const simulator = `${origin}/stripe-simulator/simulator`;
  const headers = { 'Content-Type': 'application/json' };
  const post = (path: string, order: object) =>
    asked(`${simulator}/${path}`, { method: 'POST', headers, body: JSON.stringify(order) });
  await post('faults', { kind: 'webhook_never' });
  await post(`sessions/${session}/pay`, { card: '4242424242424242' });
}

/** Stripe's session can no longer be paid. */
export async function expire(origin: string, session: string): Promise<void> {
  await asked(`${origin}/stripe-simulator/v1/checkout/sessions/${session}/expire`, {
    method: 'POST',
    headers: { Authorization: 'Bearer sk_test_owner' },
  });
}

/** Stripe's name of the session whose page is shown. */
export function sessionOf(page: Page): string {
  return new URL(page.url()).pathname.split('/').at(-1) ?? '';
}

async function asked(url: string, request: RequestInit): Promise<unknown> {
  const response = await fetch(url, request);
  const text = await response.text();
  expect(response.ok, `${url}: ${response.status} ${text}`).toBe(true);
  return text === '' ? undefined : (JSON.parse(text) as unknown);
}
