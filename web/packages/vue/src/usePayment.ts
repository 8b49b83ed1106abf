import type {
  CreatedData,
  ExistingData,
  PaymentFailed,
  PaymentRequest,
  PaymentResult,
  PaymentService,
} from '@sekali/client';
import { computed, onBeforeUnmount, onMounted, ref, watch } from 'vue';

/** How long the patient can read that the payment was made before the page moves on, in milliseconds. */
export const REDIRECT_MS = 2_000;

/** What the modal asks of a service. One of the host's own that only creates payments is enough. */
export type ModalService = Pick<PaymentService, 'createPayment'> &
  Partial<Pick<PaymentService, 'processUrl'>>;

export type Phase =
  | { kind: 'idle' }
  | { kind: 'working' }
  | { kind: 'created'; data: CreatedData }
  | { kind: 'exists'; data: ExistingData }
  | { kind: 'failed'; result: PaymentFailed };

/** What the patient can do about a payment that was there already. */
export type WayOn = 'continue' | 'again';

interface Options {
  request: () => Omit<PaymentRequest, 'newKey'>;
  service: () => ModalService;
  navigate: (url: string) => void;
  settled: (phase: Phase) => void;
}

const SPENT: ReadonlySet<string> = new Set(['failed', 'expired', 'cancelled', 'refunded']);

/** One patient's way through one payment: the states behind the modal, without markup. */
export function usePayment(options: Options) {
  const phase = ref<Phase>({ kind: 'idle' });
  const busy = computed(() => phase.value.kind === 'working' || phase.value.kind === 'created');
  const wayOn = computed<WayOn | undefined>(() => {
    if (phase.value.kind !== 'exists') return undefined;
    const { checkout_url, status } = phase.value.data;
    if (checkout_url !== undefined) return 'continue';
    return SPENT.has(status) ? 'again' : undefined;
  });
  let redirect: ReturnType<typeof setTimeout> | undefined;
  /** Grows when what is to be paid changes, so that an answer to something else is not shown. */
  let turn = 0;

  async function pay(newKey = false): Promise<void> {
    if (busy.value) return;
    phase.value = { kind: 'working' };
    const mine = ++turn;
    const result = await ask(newKey);
    if (mine !== turn) return;
    phase.value = phaseOf(result);
    if (phase.value.kind === 'created') moveOn(phase.value.data);
    options.settled(phase.value);
  }

  async function ask(newKey: boolean): Promise<PaymentResult> {
    const request = options.request();
    try {
      return await options.service().createPayment(newKey ? { ...request, newKey } : request);
    } catch (error) {
      // Sekali's own service throws nothing; a host's may, and the button must come back.
      const message = error instanceof Error ? error.message : String(error);
      return { success: false, status: 0, type: 'error', reason: 'network', data: null, message };
    }
  }

  function moveOn(data: CreatedData): void {
    const url = options.service().processUrl?.(data) ?? `/payment/${data.payment_id}/process`;
    redirect = setTimeout(() => {
      options.navigate(url);
    }, REDIRECT_MS);
  }

  /** Goes on with the payment that is there: where its signed address leads, or anew when it is over. */
  function goOn(): void {
    if (phase.value.kind !== 'exists') return;
    const { checkout_url } = phase.value.data;
    if (checkout_url !== undefined) options.navigate(checkout_url);
    else void pay(true);
  }

  function reset(): void {
    turn += 1;
    clearTimeout(redirect);
    phase.value = { kind: 'idle' };
  }

  /** Back from Stripe the browser may show the page as it was left, with the button still disabled. */
  function revive(event: PageTransitionEvent): void {
    if (event.persisted && phase.value.kind !== 'working') reset();
  }

  watch(options.request, reset);
  onMounted(() => {
    window.addEventListener('pageshow', revive);
  });
  onBeforeUnmount(() => {
    window.removeEventListener('pageshow', revive);
    reset();
  });

  return { phase, busy, wayOn, pay, goOn };
}

function phaseOf(result: PaymentResult): Phase {
  if (!result.success) return { kind: 'failed', result };
  return result.status === 201
    ? { kind: 'created', data: result.data }
    : { kind: 'exists', data: result.data };
}
