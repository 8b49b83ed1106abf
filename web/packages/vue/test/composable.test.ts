import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createApp, ref } from 'vue';
import { usePayment } from '../src/index.js';
import type { Phase, UsePayment, UsePaymentOptions } from '../src/index.js';
import { CHECKOUT, created, exists, found, slowService } from './support.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const REQUEST = { consultationId: 5, amount: 5000, paymentMethod: 'stripe' };

/** Markup of one's own: none at all. */
function use(options: Partial<UsePaymentOptions> = {}): UsePayment {
  let payment: UsePayment | undefined;
  createApp({
    setup() {
      payment = usePayment({ request: REQUEST, ...options });
      return () => null;
    },
  }).mount(document.createElement('div'));
  if (!payment) throw new Error('not set up');
  return payment;
}

describe('usePayment without the modal', () => {
  test('goes from idle to created, and then leaves', async () => {
    const service = slowService();
    const navigate = vi.fn<(url: string) => void>();
    const settled = vi.fn<(phase: Phase) => void>();
    const payment = use({ service, navigate, settled });
    expect(payment.phase.value).toEqual({ kind: 'idle' });
    void payment.pay();
    expect(payment.phase.value).toEqual({ kind: 'working' });
    expect(payment.busy.value).toBe(true);
    void payment.pay();
    await service.answer(created());
    expect(service.createPayment).toHaveBeenCalledExactlyOnceWith(REQUEST);
    expect(payment.phase.value.kind).toBe('created');
    expect(settled).toHaveBeenCalledExactlyOnceWith(payment.phase.value);
    vi.advanceTimersByTime(2_000);
    expect(navigate).toHaveBeenCalledExactlyOnceWith('/payment/100/process');
  });

  test('goes on with a payment that is there', async () => {
    const service = slowService();
    const navigate = vi.fn<(url: string) => void>();
    const payment = use({ service, navigate });
    void payment.pay();
    await service.answer(exists('pending', { checkout_url: CHECKOUT }));
    expect(payment.wayOn.value).toBe('continue');
    payment.goOn();
    expect(navigate).toHaveBeenCalledExactlyOnceWith(CHECKOUT);
  });

  test('asks how the payment stands, and then is not payable', async () => {
    const findPayment = () => Promise.resolve(found('completed'));
    const payment = use({ service: { ...slowService(), findPayment } });
    const asked = payment.check();
    expect(payment.payable.value).toBe(false);
    await asked;
    expect(payment.phase.value.kind).toBe('paid');
    expect(payment.payable.value).toBe(false);
    await payment.pay();
    expect(payment.phase.value.kind).toBe('paid');
  });

  test('takes refs, and begins afresh when they change', async () => {
    const service = slowService();
    const request = ref(REQUEST);
    const payment = use({ service: ref(service), request });
    void payment.pay();
    await service.answer(exists('pending'));
    request.value = { ...REQUEST, consultationId: 6 };
    await vi.advanceTimersByTimeAsync(0);
    expect(payment.phase.value).toEqual({ kind: 'idle' });
    void payment.pay();
    expect(service.createPayment.mock.lastCall?.[0].consultationId).toBe(6);
  });
});
