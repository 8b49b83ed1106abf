import type { Reply } from './send.js';
import type {
  CreatedData,
  ExistingData,
  FailureReason,
  PaymentFailed,
  PaymentLookup,
  PaymentResult,
  Problem,
  Receipt,
} from './types.js';
import { wordsFor } from './words.js';

/** Refusals that pass by themselves, or that speak of the caller and not of the payment. */
const PASSING = new Set([401, 407, 408, 409, 425, 429]);

type Fields = Record<string, unknown>;

/** A failure without an answer to read. */
export function failure(reason: FailureReason, language?: string): PaymentFailed {
  return failed(reason, 0, wordsFor(reason, 0, language));
}

/** Reads one answer of `POST /api/v1/payments`. */
export function readPayment(reply: Reply, language?: string): PaymentResult {
  const body = readObject(reply.text);
  const data = body?.['data'];
  if (!body || !isObject(data) || typeof data['payment_id'] !== 'number') {
    return readProblem(reply, body, language);
  }
  const message = textOf(body['message']) ?? '';
  const identified = { ...data, paymentId: data['payment_id'] };
  if (reply.status === 201) {
    const created = { ...identified, type: 'new' } as unknown as CreatedData;
    return { success: true, status: 201, type: 'new', data: created, message };
  }
  if (reply.status === 409) {
    const existing = { ...identified, type: 'existing' } as unknown as ExistingData;
    return { success: true, status: 409, type: 'existing', data: existing, message };
  }
  return readProblem(reply, body, language);
}

/** Reads one answer of `GET /api/v1/payments`. */
export function readLatest(reply: Reply, language?: string): PaymentLookup {
  const body = readObject(reply.text);
  const list = body?.['data'];
  if (reply.status !== 200 || !Array.isArray(list)) return readProblem(reply, body, language);
  const data = (list[0] ?? null) as Receipt | null;
  return { success: true, status: 200, type: 'found', data, message: '' };
}

/** `application/problem+json` (RFC 9457) with the service's own `message` and `errors`, or whatever a proxy sent. */
function readProblem(reply: Reply, body: Fields | undefined, language?: string): PaymentFailed {
  const { status } = reply;
  const reason = reply.reason ?? reasonOf(status, body !== undefined);
  const message =
    textOf(body?.['message']) ??
    textOf(body?.['detail']) ??
    textOf(body?.['title']) ??
    wordsFor(reason, status, language);
  const result = failed(reason, status, message);
  if (isObject(body?.['errors'])) result.errors = body['errors'] as NonNullable<Problem['errors']>;
  const requestId = textOf(body?.['request_id']);
  if (requestId !== undefined) result.requestId = requestId;
  return result;
}

/** A page of a proxy or of a hotel's network is no word of the service's. */
function reasonOf(status: number, fromService: boolean): FailureReason {
  const refused = fromService && status >= 400 && status < 500 && !PASSING.has(status);
  return refused ? 'refused' : 'unavailable';
}

function failed(reason: FailureReason, status: number, message: string): PaymentFailed {
  return { success: false, status, type: 'error', reason, data: null, message };
}

/** A JSON object without its null members, or nothing. */
function readObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text, (_, member: unknown) => member ?? undefined);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
