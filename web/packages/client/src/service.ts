import { failure, NO_ANSWER, readAnswer } from './answer.js';
import { KeyBook, nameOf } from './keys.js';
import type {
  KeyStorage,
  PaymentRequest,
  PaymentResult,
  PaymentService,
  PaymentServiceOptions,
  RetryNotice,
} from './types.js';
import { uuidV4 } from './uuid.js';

const TIMEOUT_MS = 30_000;

/** A `paymentService` of one's own; the default export is one of these with nothing configured. */
export function createPaymentService(options: PaymentServiceOptions = {}): PaymentService {
  const settings: PaymentServiceOptions = { ...options };
  const keys = new KeyBook({
    storage: () => (settings.storage === undefined ? browserStorage() : settings.storage),
    now: () => settings.now?.() ?? Date.now(),
    uuid: () => settings.uuid?.() ?? uuidV4(globalThis.crypto),
  });
  const inFlight = new Map<string, Promise<PaymentResult>>();

  async function pay(name: string, request: PaymentRequest): Promise<PaymentResult> {
    const token = await settings.getToken?.();
    const { key, attempt } = keys.take(name, request.newKey === true);
    if (attempt > 1) notify({ key, attempt });
    const { status, text } = await send(settings, request, key, token);
    const { result, outcome } = readAnswer(status, text);
    if (outcome === 'answered') keys.answered(name, key);
    if (outcome === 'refused') keys.forget(name, key);
    return result;
  }

  function notify(notice: RetryNotice): void {
    try {
      settings.onRetry?.(notice);
    } catch {
      // A listener's mistake must not cost the patient the payment.
    }
  }

  function createPayment(request: PaymentRequest): Promise<PaymentResult> {
    let name: string;
    try {
      name = nameOf(request);
    } catch {
      return Promise.resolve(failure(0, 'Data pembayaran tidak dapat dibaca.'));
    }
    const running = inFlight.get(name);
    if (running) return running;
    const attempt = pay(name, request)
      // No answer at all: the key stays open, and the next press sends it again.
      .catch(() => failure(0, NO_ANSWER))
      .finally(() => inFlight.delete(name));
    inFlight.set(name, attempt);
    return attempt;
  }

  return {
    createPayment,
    forget(request) {
      keys.forget(nameOf(request));
    },
    processUrl(data) {
      return processUrl(settings.baseUrl ?? '', data);
    },
    configure(changes) {
      Object.assign(settings, changes);
    },
  };
}

async function send(
  settings: PaymentServiceOptions,
  request: PaymentRequest,
  key: string,
  token: string | null | undefined,
): Promise<{ status: number; text: string }> {
  const fetch = settings.fetch ?? globalThis.fetch.bind(globalThis);
  const abort = new AbortController();
  const exchange = async () => {
    const response = await fetch(`${withoutSlash(settings.baseUrl ?? '')}/api/v1/payments`, {
      method: 'POST',
      headers: {
        Accept: 'application/json',
        'Accept-Language': settings.language ?? 'id',
        'Content-Type': 'application/json',
        'X-Idempotency-Key': key,
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify({
        consultation_id: request.consultationId,
        amount: request.amount,
        payment_method: request.paymentMethod,
        idempotency_key: key,
      }),
      signal: abort.signal,
    });
    return { status: response.status, text: await response.text() };
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort.abort();
      reject(new Error('timed out'));
    }, settings.timeout ?? TIMEOUT_MS);
  });
  try {
    return await Promise.race([exchange(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** The process page on this origin knows the payer by a cookie; from another origin the signed address is the way. */
function processUrl(baseUrl: string, data: { payment_id: number; checkout_url?: string }): string {
  const path = `/payment/${data.payment_id}/process`;
  if (isThisOrigin(baseUrl)) return path;
  return data.checkout_url ?? `${withoutSlash(baseUrl)}${path}`;
}

function isThisOrigin(baseUrl: string): boolean {
  if (baseUrl === '') return true;
  const here = (globalThis as { location?: Location }).location?.origin;
  return here !== undefined && withoutSlash(baseUrl) === here;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Asking for `localStorage` throws where the browser forbids it, and it is absent outside browsers. */
function browserStorage(): KeyStorage | null {
  try {
    return (globalThis as { localStorage?: Storage }).localStorage ?? null;
  } catch {
    return null;
  }
}
