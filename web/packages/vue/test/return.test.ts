import type { PaymentLookup, PaymentQuery } from '@sekali/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  CHECKOUT,
  created,
  exists,
  failed,
  found,
  mount,
  pageshow,
  slowService,
} from './support.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A modal that has led to Stripe, on a service that can be asked how the payment stands. */
async function atStripe(...answers: (PaymentLookup | Promise<PaymentLookup>)[]) {
  const findPayment = vi.fn<(query: PaymentQuery) => Promise<PaymentLookup>>(() => {
    const answer = answers.shift();
    return answer ? Promise.resolve(answer) : Promise.reject(new Error('asked too often'));
  });
  const service = { ...slowService(), findPayment };
  const modal = mount({ service });
  await modal.press();
  await service.answer({ ...created(), key: 'payment-1' });
  vi.advanceTimersByTime(2_000);
  return { ...modal, service };
}

/** Out of the back/forward cache, and the service has answered. */
async function back() {
  await pageshow(true);
  await vi.advanceTimersByTimeAsync(0);
}

describe('back from Stripe, out of the back/forward cache', () => {
  test('until the service has said how the payment stands there is no pay button', async () => {
    let answer: (lookup: PaymentLookup) => void = () => undefined;
    const slow = new Promise<PaymentLookup>((resolve) => (answer = resolve));
    const modal = await atStripe(slow);
    await pageshow(true);
    expect(modal.find('.btn-primary')).toBeNull();
    expect(modal.find('.btn-action')).toBeNull();
    expect(modal.alert()).toBe('Memeriksa status pembayaran...');
    expect(modal.service.findPayment).toHaveBeenCalledExactlyOnceWith({ consultationId: 5 });
    answer(found('processing', CHECKOUT));
    await vi.advanceTimersByTimeAsync(0);
    expect(modal.button().disabled).toBe(false);
  });

  test('it can still be paid: the button is alive, and sends the same key', async () => {
    const modal = await atStripe(found('processing', CHECKOUT));
    await back();
    expect(modal.button().textContent.trim()).toBe('💳 BAYAR');
    expect(modal.alert()).toBeUndefined();
    await modal.press();
    expect(modal.service.createPayment.mock.lastCall?.[0]).toMatchObject({ key: 'payment-1' });
    expect(modal.service.createPayment.mock.lastCall?.[0]).not.toHaveProperty('newKey');
  });

  test('paid: it says so, and offers nothing to press', async () => {
    const modal = await atStripe(found('completed'));
    await back();
    expect(modal.alert()).toBe('✅ Anda sudah membayar. Kami tidak akan menagih lagi.');
    expect(modal.find('.btn-primary')).toBeNull();
    expect(modal.find('.btn-action')).toBeNull();
  });

  test('submitted and not settled: no pay button, and it can be asked again', async () => {
    const modal = await atStripe(found('processing'), found('completed'));
    await back();
    expect(modal.alert()).toContain('sedang dikonfirmasi');
    expect(modal.find('.btn-primary')).toBeNull();
    await modal.click('.btn-action');
    await vi.advanceTimersByTimeAsync(0);
    expect(modal.alert()).toContain('sudah membayar');
  });

  test.each(['failed', 'expired', 'cancelled', 'refunded'] as const)(
    '%s: the button is alive, and the spent key is not sent again',
    async (status) => {
      const modal = await atStripe(found(status));
      await back();
      expect(modal.button().disabled).toBe(false);
      await modal.press();
      expect(modal.service.createPayment.mock.lastCall?.[0]).not.toHaveProperty('key');
    },
  );

  test.each([
    ['no answer', () => failed('Tidak ada jawaban')],
    ['a service that throws', () => Promise.reject(new Error('rusak'))],
  ])('%s: no pay button, and it can be asked again', async (_what, answer) => {
    const modal = await atStripe(answer(), found('processing', CHECKOUT));
    await back();
    expect(modal.alert()).toContain('belum diketahui');
    expect(modal.find('.btn-primary')).toBeNull();
    expect(modal.text('.btn-action')).toBe('Periksa lagi');
    await modal.click('.btn-action');
    await vi.advanceTimersByTimeAsync(0);
    expect(modal.button().disabled).toBe(false);
    expect(modal.find('.btn-action')).toBeNull();
  });

  test('an answer about what is not to be paid any more is not shown', async () => {
    let answer: (lookup: PaymentLookup) => void = () => undefined;
    const slow = new Promise<PaymentLookup>((resolve) => (answer = resolve));
    const modal = await atStripe(slow);
    await pageshow(true);
    modal.props['consultationId'] = 6;
    await vi.advanceTimersByTimeAsync(0);
    answer(found('completed'));
    await vi.advanceTimersByTimeAsync(0);
    expect(modal.alert()).toBeUndefined();
    expect(modal.button().disabled).toBe(false);
    await modal.press();
    expect(modal.service.createPayment.mock.lastCall?.[0]).not.toHaveProperty('key');
  });

  test('the page does not move on a second time', async () => {
    const modal = await atStripe(found('processing', CHECKOUT));
    expect(modal.navigate).toHaveBeenCalledOnce();
    await back();
    vi.advanceTimersByTime(10_000);
    expect(modal.navigate).toHaveBeenCalledOnce();
  });

  test('a host’s service that cannot be asked: the button is alive at once', async () => {
    const modal = mount();
    await modal.press();
    await modal.service.answer(created());
    await back();
    expect(modal.button().disabled).toBe(false);
    expect(modal.alert()).toBeUndefined();
  });
});

describe('what changes nothing', () => {
  test('an ordinary pageshow', async () => {
    const modal = await atStripe();
    await pageshow(false);
    expect(modal.button().disabled).toBe(true);
    expect(modal.service.findPayment).not.toHaveBeenCalled();
  });

  test('a request under way: it is still waited for', async () => {
    const modal = mount();
    await modal.press();
    await pageshow(true);
    expect(modal.button().disabled).toBe(true);
    await modal.service.answer(exists('pending'));
    expect(modal.find('.alert.warning')).not.toBeNull();
  });
});
