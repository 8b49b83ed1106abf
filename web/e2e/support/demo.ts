import type { BrowserContextOptions, Page, Request } from 'playwright-core';
import { expect } from 'vitest';
import type { Stack } from './stack.js';

interface Consultation {
  consultation_id: number;
  fee: string;
  currency: string;
  token: string;
}

interface PaymentView {
  payment: { id: number; status: string };
  invoice: { invoice_number: string; status: string };
}

/** One press as the network saw it. */
export interface Press {
  key: string;
  body: Record<string, unknown>;
}

/** The demo page with a consultation of its own, and what can be asked about it. */
export class Demo {
  /** Every `POST /api/v1/payments` of the page, also one that got no answer. */
  readonly presses: Press[] = [];

  private constructor(
    readonly page: Page,
    readonly origin: string,
  ) {
    page.on('request', (request) => {
      if (isPress(request)) this.presses.push(pressOf(request));
    });
  }

  static async open(stack: Stack, options?: BrowserContextOptions, path = '/'): Promise<Demo> {
    const page = await stack.newPage(options);
    const demo = new Demo(page, stack.origin());
    await page.goto(stack.origin() + path);
    await demo.payButton().waitFor();
    return demo;
  }

  payButton() {
    return this.page.getByRole('button', { name: '💳 BAYAR' });
  }

  continueButton() {
    return this.page.getByRole('button', { name: 'Lanjutkan pembayaran' });
  }

  /** The modal's message, once it has this class. */
  async message(level: 'info' | 'success' | 'warning' | 'error'): Promise<string> {
    const text = await this.page.locator(`.payment-modal .alert.${level}`).textContent();
    return (text ?? '').trim();
  }

  field(name: 'payment-id' | 'payment-status' | 'invoice-number') {
    return this.page.locator(`[data-field=${name}]`);
  }

  /** The keys sent so far, as letters: the same key is the same letter. */
  letters(): string {
    const distinct = [...new Set(this.presses.map(({ key }) => key))];
    return this.presses.map(({ key }) => 'ABCDEFGH'.charAt(distinct.indexOf(key))).join('');
  }

  async consultation(): Promise<Consultation> {
    const stored = await this.page.evaluate(() => sessionStorage.getItem('sekali:demo'));
    return JSON.parse(stored ?? 'null') as Consultation;
  }
}

/** What the service itself says, asked past the page, with the token of the consultation's patient. */
export class Ledger {
  constructor(
    private readonly origin: string,
    private readonly consultation: Consultation,
  ) {}

  static async of(demo: Demo): Promise<Ledger> {
    return new Ledger(demo.origin, await demo.consultation());
  }

  async payments(): Promise<PaymentView[]> {
    const id = this.consultation.consultation_id;
    return (await this.get(`/api/v1/payments?consultation_id=${id}&limit=20`)) as PaymentView[];
  }

  /** The consultation's only payment; fails if there is none, or more than one. */
  async onlyPayment(): Promise<PaymentView> {
    const [payment, ...others] = await this.payments();
    expect(others).toEqual([]);
    if (!payment) throw new Error('there is no payment');
    return payment;
  }

  /** The same, where the request that makes the payment may still be on its way. */
  async onlyPaymentSoon(): Promise<PaymentView> {
    await expect.poll(async () => (await this.payments()).length).toBe(1);
    return this.onlyPayment();
  }

  async settlesAs(id: number, status: string): Promise<void> {
    await expect
      .poll(
        async () => ((await this.get(`/api/v1/payments/${id}`)) as PaymentView).payment.status,
        {
          timeout: 20_000,
        },
      )
      .toBe(status);
  }

  private async get(path: string): Promise<unknown> {
    const response = await fetch(this.origin + path, {
      headers: { Authorization: `Bearer ${this.consultation.token}` },
    });
    expect(response.status, path).toBe(200);
    return ((await response.json()) as { data: unknown }).data;
  }
}

export function isPress(request: Request): boolean {
  return request.method() === 'POST' && new URL(request.url()).pathname === '/api/v1/payments';
}

function pressOf(request: Request): Press {
  return {
    key: request.headers()['x-idempotency-key'] ?? '',
    body: request.postDataJSON() as Record<string, unknown>,
  };
}
