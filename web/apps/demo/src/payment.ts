import type { Invoice, Payment } from '@sekali/client';
import { onBeforeUnmount, onMounted, shallowRef } from 'vue';
import { recordedFetch } from './exchanges.js';
import type { Consultation } from './session.js';

/** A payment as `GET /api/v1/payments/<id>` shows it to its payer. */
export interface PaymentView {
  payment: Payment;
  invoice: Invoice;
  checkout_url?: string;
}

const POLL_MS = 3_000;
const ACTIVE = new Set(['pending', 'processing']);

/** The latest payment of the consultation, asked for again while it may still change. */
export function useLatestPayment(consultation: Consultation) {
  const latest = shallowRef<PaymentView>();
  const unanswered = shallowRef(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gone = false;

  async function refresh(id?: number): Promise<void> {
    clearTimeout(timer);
    const wanted = id ?? latest.value?.payment.id;
    const view = await ask(
      wanted === undefined
        ? `/api/v1/payments?consultation_id=${consultation.consultation_id}&limit=1`
        : `/api/v1/payments/${wanted}`,
    );
    if (gone) return;
    unanswered.value = view === 'unanswered';
    if (view !== 'unanswered' && view !== 'none') latest.value = view;
    if (latest.value && ACTIVE.has(latest.value.payment.status)) {
      timer = setTimeout(() => void poll(), POLL_MS);
    }
  }

  async function poll(): Promise<void> {
    // A page nobody looks at asks nothing; it catches up when it is seen again.
    if (document.visibilityState === 'visible') await refresh();
  }

  async function ask(path: string): Promise<PaymentView | 'none' | 'unanswered'> {
    try {
      const response = await recordedFetch(path, {
        headers: { Authorization: `Bearer ${consultation.token}`, 'Accept-Language': 'id' },
      });
      if (!response.ok) return 'unanswered';
      const { data } = (await response.json()) as { data: PaymentView | PaymentView[] };
      return Array.isArray(data) ? (data[0] ?? 'none') : data;
    } catch {
      return 'unanswered';
    }
  }

  const seen = () => void poll();
  onMounted(() => {
    document.addEventListener('visibilitychange', seen);
    window.addEventListener('pageshow', seen);
    void refresh();
  });
  onBeforeUnmount(() => {
    gone = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', seen);
    window.removeEventListener('pageshow', seen);
  });

  return { latest, unanswered, refresh };
}
