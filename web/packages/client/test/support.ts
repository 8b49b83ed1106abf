import { vi } from 'vitest';
import { createPaymentService } from '../src/index.js';
import type { KeyStorage, PaymentServiceOptions } from '../src/index.js';

export const DATA = { consultationId: 5, amount: 5000, paymentMethod: 'stripe' };

export const CREATED = {
  data: {
    type: 'new',
    payment_id: 100,
    payment: { id: 100, status: 'pending', amount: '5000.00', currency: 'PHP' },
    invoice: { id: 50, invoice_number: 'INV-20240115103000-000100' },
    checkout_url: 'https://pay.example/payment/100/process?c=signed',
  },
  message: 'Pembayaran berhasil dibuat',
};

export const EXISTING = {
  data: {
    type: 'existing',
    payment_id: 100,
    status: 'pending',
    message: 'Pembayaran sudah dibuat sebelumnya',
  },
  message: 'Duplicate payment request detected',
};

export function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status });
}

/** What one request carried. */
export interface Sent {
  url: string;
  method: string;
  headers: Headers;
  body: Record<string, unknown>;
  /** The body as it was sent. */
  text: string;
  key: string;
}

type Step = Response | Error | Promise<Response>;

/** A service whose network answers with the given steps, in order; it notes down what was sent. */
export function setUp(steps: Step[], options: PaymentServiceOptions = {}) {
  const sent: Sent[] = [];
  const fetch = vi.fn((url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    const key = headers.get('X-Idempotency-Key') ?? '';
    const text = (init.body as string | undefined) ?? '{}';
    const body = JSON.parse(text) as Record<string, unknown>;
    sent.push({ url, method: init.method ?? '', headers, text, body, key });
    const step = steps[sent.length - 1];
    if (step === undefined) throw new Error('one request too many');
    return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
  }) as unknown as typeof globalThis.fetch;
  const clock = { now: 1_705_321_200_000 };
  const service = createPaymentService({
    fetch,
    now: () => clock.now,
    // Each step answers one call, unless a test is about what is sent again by itself.
    retryFor: 0,
    ...options,
  });
  return { service, sent, clock, fetch };
}

/** The sent keys as letters: the first is A, and the same key is the same letter. */
export function letters(sent: Sent[]): string {
  const distinct = [...new Set(sent.map(({ key }) => key))];
  return sent.map(({ key }) => 'ABCDEFGH'.charAt(distinct.indexOf(key))).join('');
}

export function memoryStorage(): KeyStorage {
  const items = new Map<string, string>();
  return {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  };
}
