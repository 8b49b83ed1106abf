import { describe, expect, test } from 'vitest';
import { h } from 'vue';
import type { PaymentModalSlots } from '../src/index.js';
import { exists, mount } from './support.js';

type Props<Name extends keyof PaymentModalSlots> = Parameters<
  NonNullable<PaymentModalSlots[Name]>
>[0];

describe('slots', () => {
  test('title, beside the name that it gives the dialog', () => {
    const modal = mount({}, { title: () => 'Bayar dokter' });
    expect(modal.text('h2')).toBe('Bayar dokter');
    expect(modal.root().getAttribute('aria-labelledby')).toBe(modal.must('h2').id);
  });

  test('amount, with the amount as it is and as it is written', () => {
    const amount = ({ formatted, amount, currency }: Props<'amount'>) =>
      `${formatted} = ${amount} ${currency}`;
    expect(mount({}, { amount }).text('.fee-amount')).toBe('PHP 5.000,00 = 5000 PHP');
  });

  test('default stands between fee and button, footer below everything', async () => {
    const modal = mount(
      {},
      {
        default: ({ phase }: Props<'default'>) => h('p', { class: 'terms' }, phase.kind),
        footer: ({ phase }: Props<'footer'>) => h('p', { class: 'help' }, phase.kind),
      },
    );
    const order = [...modal.root().children].map((element) => element.className);
    expect(order).toEqual(['', 'fee', 'terms', 'btn-primary', 'payment-status', 'help']);
    await modal.press();
    expect(modal.text('.terms')).toBe('working');
    expect(modal.text('.help')).toBe('working');
  });

  test('button, with what it would read', async () => {
    const button = ({ busy, label }: Props<'button'>) => `${label} ${busy ? 'busy' : 'free'}`;
    const modal = mount({}, { button });
    expect(modal.button().textContent.trim()).toBe('💳 BAYAR free');
    await modal.press();
    expect(modal.button().textContent.trim()).toBe('⏳ MEMPROSES... busy');
    expect(modal.button().disabled).toBe(true);
  });

  test('message, within the region that speaks', async () => {
    const message = ({ level, text, phase }: Props<'message'>) =>
      h('p', { class: 'own' }, `${level} ${phase.kind} ${text}`);
    const modal = mount({}, { message });
    expect(modal.must('[role=status]').textContent).toBe('');
    await modal.press();
    await modal.service.answer(exists('pending'));
    expect(modal.must('[role=status]').textContent).toMatch(/^warning exists ⚠️ Pembayaran/);
    expect(modal.find('.alert')).toBeNull();
  });
});
