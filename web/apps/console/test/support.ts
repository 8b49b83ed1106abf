import type { App, Component } from 'vue';
import { createApp, h, nextTick } from 'vue';
import { afterEach, vi } from 'vitest';
import type { Moment, Money, PaymentList, PaymentPage, Row } from '../src/types.js';

export function money(amount: string, currency = 'PHP'): Money {
  return { amount, currency, text: `${currency} ${amount.replace('.', ',')}` };
}

export function row(id: number, more: Partial<Row> = {}): Row {
  return {
    id,
    reference: '0d1f5c1e-7a52-4c4e-9f0e-0f6d2b1f9a77',
    consultation_id: 5,
    user_id: 1,
    status: 'completed',
    amount: money('5000.00'),
    refunded: null,
    dispute: null,
    cancel_requested: false,
    invoice_number: 'INV-20261129140209-000100',
    invoice_status: 'paid',
    payment_method: 'stripe',
    created_at: '2026-11-29T14:02:09Z',
    updated_at: '2026-11-29T14:02:30Z',
    ...more,
  };
}

export function list(ids: readonly number[], more: Partial<PaymentList> = {}): PaymentList {
  return {
    data: ids.map((id) => row(id)),
    next_cursor: null,
    looked_back_to: null,
    asked_stripe: null,
    ...more,
  };
}

export function moment(sequence: number, kind: string, more: Partial<Moment> = {}): Moment {
  const second = String(sequence).padStart(2, '0');
  return {
    sequence,
    at: `2026-11-29T14:02:${second}.000000Z`,
    kind,
    text: `Entry ${sequence}.`,
    ...more,
  };
}

export function page(id: number, moments: Moment[], more: Partial<PaymentPage> = {}): PaymentPage {
  return {
    payment: row(id),
    taxes: [],
    invoice: {
      number: 'INV-20261129140209-000100',
      amount: money('5000.00'),
      status: 'paid',
      issued_at: '2026-11-29T14:02:09Z',
      html: `/console/api/payments/${id}/invoice`,
      pdf: `/console/api/payments/${id}/invoice.pdf`,
    },
    keys: [],
    sessions: [],
    captures: [],
    refunds: [],
    disputes: [],
    events: [],
    cases: [],
    outbox: null,
    remaining: money('5000.00'),
    actions: { refund: true, cancel: false, reconcile: true },
    timeline: { data: moments, next_after: null },
    ...more,
  };
}

/** A request as the service gets it. */
export interface Asked {
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

/** A service that gives these answers, one for each request that matches, the last one for ever. */
export function service(answers: Record<string, { status?: number; body?: unknown }[]>) {
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', (url: string, init: RequestInit = {}) => {
    const path = url.replace('/console/api', '');
    const method = init.method ?? 'GET';
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    asked.push({ method, path, headers: new Headers(init.headers), body });
    const left = answers[`${method} ${path}`];
    const answer = left && left.length > 1 ? left.shift() : left?.[0];
    if (!answer) return Promise.reject(new TypeError('network'));
    const { status = 200, body: said = {} } = answer;
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(said), { status }));
  });
  return asked;
}

const mounted: App[] = [];

afterEach(() => {
  for (const app of mounted.splice(0)) app.unmount();
  document.body.replaceChildren();
});

export function mount(component: Component, props: Record<string, unknown> = {}) {
  const host = document.createElement('div');
  document.body.append(host);
  const app = createApp({ render: () => h(component, props) });
  mounted.push(app);
  app.mount(host);
  const must = (selector: string) => {
    const element = host.querySelector<HTMLElement>(selector);
    if (!element) throw new Error(`no ${selector} in ${host.innerHTML}`);
    return element;
  };
  return {
    host,
    must,
    text: () => host.textContent.replace(/\s+/g, ' ').trim(),
    button: (name: string): HTMLElement => {
      const all = [...host.querySelectorAll<HTMLElement>('button')];
      const found = all.find((one) => one.textContent.trim() === name);
      if (!found) throw new Error(`no button ${name}: ${all.map((one) => one.textContent).join()}`);
      return found;
    },
    fill: async (selector: string, value: string): Promise<void> => {
      const field = must(selector) as HTMLInputElement;
      field.value = value;
      field.dispatchEvent(new Event('input'));
      await nextTick();
    },
    submit: async (selector = 'form'): Promise<void> => {
      must(selector).dispatchEvent(new Event('submit', { cancelable: true, bubbles: true }));
      await settled();
    },
  };
}

/** Everything that was answered is on the page. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await nextTick();
}
