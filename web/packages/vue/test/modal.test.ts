import paymentService from '@sekali/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nextTick } from 'vue';
import { CHECKOUT, created, exists, failed, mount } from './support.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('before anything is pressed', () => {
  test('title, fee in its own currency, button', () => {
    const modal = mount();
    expect(modal.root().className).toContain('payment-modal');
    expect(modal.text('h2')).toBe('Konfirmasi Pembayaran');
    expect(modal.text('.fee')).toMatch(/^Biaya Konsultasi:\s*PHP 5\.000,00$/);
    expect(modal.button().textContent.trim()).toBe('💳 BAYAR');
    expect(modal.button().disabled).toBe(false);
  });

  test('another currency', () => {
    const modal = mount({ amount: 150000, currency: 'IDR' });
    expect(modal.text('.fee-amount')).toBe('Rp 150.000,00');
  });

  test('the region that will speak is there, and silent', () => {
    const modal = mount();
    expect(modal.must('[role=status]').textContent).toBe('');
    expect(modal.find('.alert')).toBeNull();
  });

  test('the dialog is named by its title', () => {
    const modal = mount();
    expect(modal.root().getAttribute('aria-labelledby')).toBe(modal.must('h2').id);
    expect(modal.must('h2').id).not.toBe('');
  });
});

describe('pressed', () => {
  test('asks the service for what is to be paid', async () => {
    const modal = mount({ paymentMethod: 'bank' });
    await modal.press();
    expect(modal.service.createPayment).toHaveBeenCalledExactlyOnceWith({
      consultationId: 5,
      amount: 5000,
      paymentMethod: 'bank',
    });
  });

  test('pays by stripe, on the page’s own paymentService, unless told otherwise', async () => {
    const createPayment = vi
      .spyOn(paymentService, 'createPayment')
      .mockResolvedValue(failed('Pesan'));
    const modal = mount({ service: undefined });
    await modal.press();
    expect(createPayment).toHaveBeenCalledExactlyOnceWith({
      consultationId: 5,
      amount: 5000,
      paymentMethod: 'stripe',
    });
  });

  test('says that it works, and the button is disabled', async () => {
    const modal = mount();
    await modal.press();
    expect(modal.text('.alert')).toBe('Memproses pembayaran...');
    expect([...modal.must('.alert').classList]).toEqual(['alert', 'info']);
    expect(modal.must('[role=status]').contains(modal.must('.alert'))).toBe(true);
    expect(modal.button().textContent.trim()).toBe('⏳ MEMPROSES...');
    expect(modal.button().disabled).toBe(true);
  });

  test('again meanwhile: nothing, even where the browser lets the press through', async () => {
    const modal = mount();
    const button = modal.button();
    button.click();
    button.click();
    await nextTick();
    button.disabled = false;
    button.click();
    await nextTick();
    expect(modal.service.createPayment).toHaveBeenCalledOnce();
  });
});

describe('201', () => {
  test('says so, and moves on after 2 s and not before', async () => {
    const onCreated = vi.fn();
    const modal = mount({ onCreated });
    await modal.press();
    await modal.service.answer(created());
    expect(modal.text('.alert')).toBe('✅ Pembayaran berhasil dibuat. Mengarahkan ke Stripe...');
    expect([...modal.must('.alert').classList]).toEqual(['alert', 'success']);
    expect(modal.button().disabled).toBe(true);
    expect(onCreated).toHaveBeenCalledWith(expect.objectContaining({ paymentId: 100 }));
    vi.advanceTimersByTime(1_999);
    expect(modal.navigate).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(modal.navigate).toHaveBeenCalledExactlyOnceWith('/payment/100/process');
  });

  test('on another origin it moves on to where the service says', async () => {
    const modal = mount();
    modal.props['service'] = { ...modal.service, processUrl: () => CHECKOUT };
    await modal.press();
    await modal.service.answer(created());
    vi.advanceTimersByTime(2_000);
    expect(modal.navigate).toHaveBeenCalledExactlyOnceWith(CHECKOUT);
  });

  test('moves on in the same tab by itself', async () => {
    const assign = vi.spyOn(window.location, 'assign').mockImplementation(() => undefined);
    const modal = mount({ navigate: undefined });
    await modal.press();
    await modal.service.answer(created());
    vi.advanceTimersByTime(2_000);
    expect(assign).toHaveBeenCalledExactlyOnceWith('/payment/100/process');
  });

  test('taken off the page, it moves nowhere', async () => {
    const modal = mount();
    await modal.press();
    await modal.service.answer(created());
    modal.app.unmount();
    vi.advanceTimersByTime(10_000);
    expect(modal.navigate).not.toHaveBeenCalled();
  });
});

describe('409', () => {
  test('warns with the payment’s id and stays', async () => {
    const onExists = vi.fn();
    const modal = mount({ onExists });
    await modal.press();
    await modal.service.answer(exists('processing'));
    expect(modal.text('.alert')).toBe('⚠️ Pembayaran sudah diproses sebelumnya (ID: 100)');
    expect([...modal.must('.alert').classList]).toEqual(['alert', 'warning']);
    expect(modal.button().disabled).toBe(false);
    expect(modal.button().textContent.trim()).toBe('💳 BAYAR');
    expect(onExists).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(10_000);
    expect(modal.navigate).not.toHaveBeenCalled();
  });

  test.each(['pending', 'processing'] as const)(
    '%s with checkout_url: “Lanjutkan pembayaran” goes there',
    async (status) => {
      const modal = mount();
      await modal.press();
      await modal.service.answer(exists(status, { checkout_url: CHECKOUT }));
      expect(modal.text('.btn-action')).toBe('Lanjutkan pembayaran');
      await modal.click('.btn-action');
      expect(modal.navigate).toHaveBeenCalledExactlyOnceWith(CHECKOUT);
      expect(modal.service.createPayment).toHaveBeenCalledOnce();
    },
  );

  test.each(['pending', 'processing', 'completed'] as const)(
    '%s without checkout_url: no way on is offered',
    async (status) => {
      const modal = mount();
      await modal.press();
      await modal.service.answer(exists(status));
      expect(modal.find('.btn-action')).toBeNull();
    },
  );

  test.each(['failed', 'expired', 'cancelled', 'refunded'] as const)(
    '%s: “Coba lagi” pays with a new key',
    async (status) => {
      const modal = mount();
      await modal.press();
      await modal.service.answer(exists(status));
      expect(modal.text('.btn-action')).toBe('Coba lagi');
      await modal.click('.btn-action');
      expect(modal.service.createPayment).toHaveBeenLastCalledWith({
        consultationId: 5,
        amount: 5000,
        paymentMethod: 'stripe',
        newKey: true,
      });
      expect(modal.text('.alert')).toBe('Memproses pembayaran...');
      await modal.service.answer(created());
      vi.advanceTimersByTime(2_000);
      expect(modal.navigate).toHaveBeenCalledExactlyOnceWith('/payment/100/process');
    },
  );

  test('the pay button itself never asks for a new key', async () => {
    const modal = mount();
    await modal.press();
    await modal.service.answer(exists('failed'));
    await modal.press();
    expect(modal.service.createPayment.mock.lastCall?.[0]).not.toHaveProperty('newKey');
  });
});

describe('anything else', () => {
  test('shows the message, and the button is alive again', async () => {
    const onFailed = vi.fn();
    const modal = mount({ onFailed });
    await modal.press();
    await modal.service.answer(failed('Layanan sedang sibuk'));
    expect(modal.text('.alert')).toBe('❌ Error: Layanan sedang sibuk');
    expect([...modal.must('.alert').classList]).toEqual(['alert', 'error']);
    expect(modal.button().disabled).toBe(false);
    expect(onFailed).toHaveBeenCalledWith(expect.objectContaining({ status: 503 }));
    await modal.press();
    expect(modal.service.createPayment).toHaveBeenCalledTimes(2);
  });

  test('a host’s service that throws is an error like others', async () => {
    const createPayment = () => Promise.reject(new Error('rusak'));
    const modal = mount({ service: { createPayment } });
    await modal.press();
    await vi.advanceTimersByTimeAsync(0);
    expect(modal.text('.alert')).toBe('❌ Error: rusak');
    expect(modal.button().disabled).toBe(false);
  });
});

describe('another consultation', () => {
  test('starts afresh, and an answer to the first is not shown', async () => {
    const modal = mount();
    await modal.press();
    modal.props['consultationId'] = 6;
    await nextTick();
    expect(modal.button().disabled).toBe(false);
    await modal.service.answer(created());
    vi.advanceTimersByTime(10_000);
    expect(modal.find('.alert')).toBeNull();
    expect(modal.navigate).not.toHaveBeenCalled();
  });
});
