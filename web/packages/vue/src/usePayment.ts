import paymentService from '@sekali/client';
import type {
  CreatedData,
  ExistingData,
  PaymentFailed,
  PaymentLookup,
  PaymentRequest,
  PaymentResult,
  PaymentService,
  PaymentStatus,
  Receipt,
} from '@sekali/client';
import { computed, onBeforeUnmount, onMounted, shallowRef, toValue, watch } from 'vue';
import type { ComputedRef, MaybeRefOrGetter } from 'vue';

/** How long the patient can read that the payment was made before the page moves on, in milliseconds. */
export const REDIRECT_MS = 2_000;

/** What the modal asks of a service. One of the host's own that only creates payments is enough. */
export type ModalService = Pick<PaymentService, 'createPayment'> &
  Partial<Pick<PaymentService, 'processUrl' | 'findPayment'>>;

/** Where the patient is on the way through one payment. */
export type Phase =
  /** Nothing was pressed yet. */
  | { kind: 'idle' }
  /** A request is under way. */
  | { kind: 'working' }
  /** 201; the page moves on in 2 s. */
  | { kind: 'created'; data: CreatedData }
  /** 409. */
  | { kind: 'exists'; data: ExistingData }
  /** Anything else. */
  | { kind: 'failed'; result: PaymentFailed }
  /** Back from Stripe: the service is being asked how the payment stands. */
  | { kind: 'checking' }
  /** It was asked, and did not answer. */
  | { kind: 'unknown'; result: PaymentFailed }
  /** Submitted at Stripe, and neither paid nor given up. */
  | { kind: 'confirming'; data: Receipt }
  /** Paid. */
  | { kind: 'paid'; data: Receipt };

/** What the patient can do beside paying: go on with a payment, pay anew, ask how it stands. */
export type WayOn = 'continue' | 'again' | 'check';

export interface UsePaymentOptions {
  /** What is to be paid; when it changes, everything begins afresh. */
  request: MaybeRefOrGetter<
    Pick<PaymentRequest, 'consultationId' | 'amount' | 'paymentMethod' | 'language'>
  >;
  /** Whose `createPayment` is called; `paymentService` by default. */
  service?: MaybeRefOrGetter<ModalService>;
  /** Leaves for the page where the patient pays; in the same tab by default. */
  navigate?: (url: string) => void;
  /** Hears of every answer to a press. */
  settled?: (phase: Phase) => void;
}

export interface UsePayment {
  phase: ComputedRef<Phase>;
  /** A press is being worked on, or the page is about to move on: nothing may be pressed or closed. */
  busy: ComputedRef<boolean>;
  /** Whether there is a pay button at all: not while it is unknown how the payment stands, nor when it is paid. */
  payable: ComputedRef<boolean>;
  wayOn: ComputedRef<WayOn | undefined>;
  /** The press of the pay button; does nothing while `busy`, or when not `payable`. */
  pay: () => Promise<void>;
  /** The press of the button of `wayOn`. */
  goOn: () => void;
  /** Asks the service how the payment stands, as by itself when the page comes back from Stripe. */
  check: () => Promise<void>;
}

const SPENT: ReadonlySet<PaymentStatus> = new Set<PaymentStatus>([
  'failed',
  'expired',
  'cancelled',
  'refunded',
]);
const WITHOUT_BUTTON: ReadonlySet<Phase['kind']> = new Set<Phase['kind']>([
  'checking',
  'unknown',
  'confirming',
  'paid',
]);

/** One patient's way through one payment: the states behind the modal, without markup. */
export function usePayment(options: UsePaymentOptions): UsePayment {
  const phase = shallowRef<Phase>({ kind: 'idle' });
  const busy = computed(() => phase.value.kind === 'working' || phase.value.kind === 'created');
  const payable = computed(() => !WITHOUT_BUTTON.has(phase.value.kind));
  const wayOn = computed(() => wayOnFrom(phase.value));
  const service = () => toValue(options.service) ?? paymentService;
  let redirect: ReturnType<typeof setTimeout> | undefined;
  /** The key that was sent last, until it is spent. */
  let key: string | undefined;
  /** The page has been away, longer perhaps than a key is used again by itself. */
  let returned = false;
  /** Grows when what is to be paid changes, so that an answer to something else is not shown. */
  let turn = 0;

  async function press(newKey: boolean): Promise<void> {
    if (busy.value || !payable.value) return;
    phase.value = { kind: 'working' };
    const mine = ++turn;
    const result = await create(newKey);
    if (mine !== turn) return;
    phase.value = phaseOf(result);
    key = isSpent(phase.value) ? undefined : (result.key ?? key);
    if (phase.value.kind === 'created') moveOn(phase.value.data);
    options.settled?.(phase.value);
  }

  async function create(newKey: boolean): Promise<PaymentResult> {
    const request: PaymentRequest = { ...toValue(options.request) };
    if (newKey) request.newKey = true;
    else if (returned && key !== undefined) request.key = key;
    try {
      return await service().createPayment(request);
    } catch (error) {
      return failed(error);
    }
  }

  function moveOn(data: CreatedData): void {
    const url = service().processUrl?.(data) ?? `/payment/${data.payment_id}/process`;
    redirect = setTimeout(() => {
      leave(url);
    }, REDIRECT_MS);
  }

  function leave(url: string): void {
    if (options.navigate) options.navigate(url);
    else window.location.assign(url);
  }

  function goOn(): void {
    if (wayOn.value === 'check') void check();
    if (wayOn.value === 'again') void press(true);
    if (wayOn.value !== 'continue' || phase.value.kind !== 'exists') return;
    // Where its signed address leads, which needs no cookie of this browser's.
    if (phase.value.data.checkout_url !== undefined) leave(phase.value.data.checkout_url);
  }

  async function check(): Promise<void> {
    const find = service().findPayment;
    reset();
    // A host's service that cannot be asked: the next press asks it.
    if (!find) return;
    phase.value = { kind: 'checking' };
    const mine = turn;
    const { consultationId, language } = toValue(options.request);
    const query = language === undefined ? { consultationId } : { consultationId, language };
    const found = await find(query).catch(failed);
    if (mine !== turn) return;
    phase.value = standing(found);
    if (found.success && found.data && SPENT.has(found.data.payment.status)) key = undefined;
  }

  function reset(): void {
    turn += 1;
    clearTimeout(redirect);
    phase.value = { kind: 'idle' };
  }

  /** Back from Stripe the browser may show the page as it was left, with the button still disabled. */
  function revive(event: PageTransitionEvent): void {
    if (!event.persisted || phase.value.kind === 'working') return;
    returned = true;
    void check();
  }

  watch(
    () => {
      // Another language is still the same payment.
      const { consultationId, amount, paymentMethod } = toValue(options.request);
      return JSON.stringify([consultationId, amount, paymentMethod]);
    },
    () => {
      key = undefined;
      reset();
    },
  );
  onMounted(() => {
    window.addEventListener('pageshow', revive);
  });
  onBeforeUnmount(() => {
    window.removeEventListener('pageshow', revive);
    reset();
  });

  return {
    phase: computed(() => phase.value),
    busy,
    payable,
    wayOn,
    pay: () => press(false),
    goOn,
    check,
  };
}

function phaseOf(result: PaymentResult): Phase {
  if (!result.success) return { kind: 'failed', result };
  return result.status === 201
    ? { kind: 'created', data: result.data }
    : { kind: 'exists', data: result.data };
}

function isSpent(phase: Phase): boolean {
  return phase.kind === 'exists' && SPENT.has(phase.data.status);
}

function wayOnFrom(phase: Phase): WayOn | undefined {
  if (phase.kind === 'unknown' || phase.kind === 'confirming') return 'check';
  if (phase.kind !== 'exists') return undefined;
  if (phase.data.checkout_url !== undefined) return 'continue';
  return isSpent(phase) ? 'again' : undefined;
}

/** What the service says of the consultation's latest payment, for somebody who comes back. */
function standing(found: PaymentLookup): Phase {
  if (!found.success) return { kind: 'unknown', result: found };
  const { data } = found;
  if (!data || SPENT.has(data.payment.status)) return { kind: 'idle' };
  if (data.payment.status === 'completed') return { kind: 'paid', data };
  return data.checkout_url === undefined ? { kind: 'confirming', data } : { kind: 'idle' };
}

/** Sekali's own service throws nothing; a host's may, and the button must come back. */
function failed(error: unknown): PaymentFailed {
  const message = error instanceof Error ? error.message : String(error);
  return { success: false, status: 0, type: 'error', reason: 'network', data: null, message };
}
