import type {
  CreatedData,
  ExistingData,
  PaymentFailed,
  PaymentLookup,
  PaymentRequest,
  PaymentResult,
  PaymentStatus,
  Receipt,
} from '@sekali/client';
import type { App, Component, VNodeChild } from 'vue';
import { createApp, h, nextTick, reactive } from 'vue';
import { afterEach, vi } from 'vitest';
import { PaymentModal } from '../src/index.js';

type Slots = Record<string, (props: never) => VNodeChild>;

export const CHECKOUT = 'https://pay.example/payment/100/process?c=signed';

export function created(): PaymentResult {
  const data = { type: 'new', payment_id: 100, paymentId: 100, checkout_url: CHECKOUT };
  return {
    success: true,
    status: 201,
    type: 'new',
    data: data as CreatedData,
    message: 'Pembayaran berhasil dibuat',
  };
}

export function exists(
  status: ExistingData['status'],
  more: Partial<ExistingData> = {},
): PaymentResult {
  const message = 'Pembayaran sudah dibuat sebelumnya';
  const data: ExistingData = {
    type: 'existing',
    payment_id: 100,
    paymentId: 100,
    status,
    message,
    ...more,
  };
  return { success: true, status: 409, type: 'existing', data, message };
}

/** How `findPayment` says that the payment stands. */
export function found(status?: PaymentStatus, checkout_url?: string): PaymentLookup {
  const payment = { id: 100, status } as Receipt['payment'];
  const receipt = { payment, ...(checkout_url === undefined ? {} : { checkout_url }) } as Receipt;
  const data = status === undefined ? null : receipt;
  return { success: true, status: 200, type: 'found', data, message: '' };
}

export function failed(message: string, status = 503): PaymentFailed {
  return { success: false, status, type: 'error', reason: 'unavailable', data: null, message };
}

/** A service that answers when it is told to. */
export function slowService() {
  const waiting: ((result: PaymentResult) => void)[] = [];
  const createPayment = vi.fn<(request: PaymentRequest) => Promise<PaymentResult>>(
    () => new Promise((resolve) => waiting.push(resolve)),
  );
  async function answer(result: PaymentResult): Promise<void> {
    const resolve = waiting.shift();
    if (!resolve) throw new Error('nothing was asked');
    resolve(result);
    await nextTick();
    await nextTick();
    await nextTick();
  }
  return { createPayment, answer };
}

const mounted: App[] = [];

afterEach(() => {
  for (const app of mounted.splice(0)) app.unmount();
  document.body.replaceChildren();
});

/** The browser shows the page again; `persisted`: out of its back/forward cache. */
export async function pageshow(persisted: boolean): Promise<void> {
  window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted }));
  await nextTick();
}

/** Puts the modal on the page; props can be changed afterwards. */
export function mount(given: Record<string, unknown> = {}, slots: Slots = {}) {
  const service = slowService();
  const navigate = vi.fn<(url: string) => void>();
  const props = reactive<Record<string, unknown>>({
    consultationId: 5,
    amount: 5000,
    service,
    navigate,
    ...given,
  });
  const host = document.createElement('div');
  document.body.append(host);
  const app = createApp({ render: () => h(PaymentModal as Component, props, slots) });
  mounted.push(app);
  app.mount(host);

  const find = (selector: string) => host.querySelector<HTMLElement>(selector);
  const must = (selector: string) => {
    const element = find(selector);
    if (!element) throw new Error(`no ${selector}`);
    return element;
  };
  return {
    service,
    navigate,
    props,
    app,
    find,
    must,
    root: () => must('.payment-modal'),
    button: () => must('.btn-primary') as HTMLButtonElement,
    alert: () => find('.alert')?.textContent.trim(),
    text: (selector: string) => find(selector)?.textContent.trim(),
    async click(selector: string) {
      must(selector).click();
      await nextTick();
    },
    async press() {
      must('.btn-primary').click();
      await nextTick();
    },
  };
}
