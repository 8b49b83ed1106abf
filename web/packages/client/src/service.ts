import { failure, readLatest, readPayment } from './answer.js';
import { createKeyBook, nameOf } from './keys.js';
import { send, withoutSlash } from './send.js';
import type {
  KeyStorage,
  PaymentLookup,
  PaymentQuery,
  PaymentRequest,
  PaymentResult,
  PaymentService,
  PaymentServiceOptions,
  RetryNotice,
} from './types.js';
import { uuidV4 } from './uuid.js';

const PATH = '/api/v1/payments';

/** One request, and how many callers wait for its answer. */
interface Call {
  result: Promise<PaymentResult>;
  waiting: number;
  abort: () => void;
}

/** A `paymentService` of one's own; the default export is one of these with nothing configured. */
export function createPaymentService(options: PaymentServiceOptions = {}): PaymentService {
  const settings: PaymentServiceOptions = { ...options };
  const keys = createKeyBook({
    storage: () => (settings.storage === undefined ? browserStorage() : settings.storage),
    now: () => settings.now?.() ?? Date.now(),
    uuid: () => settings.uuid?.() ?? uuidV4(globalThis.crypto),
  });
  const calls = new Map<string, Call>();
  const languageOf = (request?: Pick<PaymentRequest, 'language'>) =>
    request?.language ?? settings.language;

  async function pay(name: string, request: PaymentRequest, signal: AbortSignal) {
    const { key, attempt } = await keys.take(name, request);
    if (attempt > 1) notify({ key, attempt });
    const reply = await send(settings, {
      method: 'POST',
      path: PATH,
      headers: { 'Content-Type': 'application/json', 'X-Idempotency-Key': key },
      body: bodyOf(request, key),
      language: languageOf(request),
      signal,
      again: () => {
        notify({ key, attempt: keys.again(name, key) });
      },
    });
    const result = readPayment(reply, languageOf(request));
    if (result.success) keys.answered(name, key);
    else if (result.reason === 'refused') keys.forget(name, key);
    return { ...result, key };
  }

  function notify(notice: RetryNotice): void {
    try {
      settings.onRetry?.(notice);
    } catch {
      // A listener's mistake must not cost the patient the payment.
    }
  }

  function begin(name: string, request: PaymentRequest): Call {
    const stop = new AbortController();
    const end = () => {
      if (calls.get(name) === call) calls.delete(name);
    };
    const call: Call = {
      waiting: 0,
      abort: () => {
        end();
        stop.abort();
      },
      // No token to be had, for one: the key stays open, and the next press sends it again.
      result: pay(name, request, stop.signal)
        .catch(() => failure('network', languageOf(request)))
        .finally(end),
    };
    calls.set(name, call);
    return call;
  }

  function createPayment(request: PaymentRequest): Promise<PaymentResult> {
    let name: string;
    try {
      name = nameOf(request);
      bodyOf(request, '');
    } catch {
      return Promise.resolve(failure('invalid', languageOf()));
    }
    const { signal } = request;
    const aborted = () => failure('aborted', languageOf(request));
    if (signal?.aborted) return Promise.resolve(aborted());
    const call = calls.get(name) ?? begin(name, request);
    call.waiting += 1;
    if (!signal) return call.result;
    const left = new Promise<PaymentResult>((resolve) => {
      signal.addEventListener('abort', () => {
        // Others may still wait for the same answer.
        if (--call.waiting === 0) call.abort();
        resolve(aborted());
      });
    });
    return Promise.race([left, call.result]);
  }

  async function findPayment(query: PaymentQuery): Promise<PaymentLookup> {
    const language = languageOf(query);
    const path = `${PATH}?consultation_id=${query.consultationId}&limit=1`;
    const signal = query.signal ?? new AbortController().signal;
    try {
      const reply = await send(settings, { method: 'GET', path, language, signal });
      return readLatest(reply, language);
    } catch {
      return failure('network', language);
    }
  }

  return {
    createPayment,
    findPayment,
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

/** Throws on what JSON cannot say. */
function bodyOf(request: PaymentRequest, key: string): string {
  return JSON.stringify({
    consultation_id: request.consultationId,
    amount: request.amount,
    payment_method: request.paymentMethod,
    idempotency_key: key,
  });
}

/** The process page on this origin knows the payer by a cookie; from another origin the signed address is the way. */
function processUrl(baseUrl: string, data: { payment_id: number; checkout_url?: string }): string {
  const path = `/payment/${data.payment_id}/process`;
  if (isThisOrigin(baseUrl)) return path;
  return data.checkout_url ?? `${withoutSlash(baseUrl)}${path}`;
}

function isThisOrigin(baseUrl: string): boolean {
  const here = (globalThis as { location?: Location }).location?.origin;
  return baseUrl === '' || withoutSlash(baseUrl) === here;
}

/** Asking for it throws where the browser forbids it, and it is absent outside browsers. */
function browserStorage(): KeyStorage | undefined {
  return (globalThis as { localStorage?: Storage }).localStorage;
}
