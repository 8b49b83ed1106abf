import type { Reply } from './send.js';
import type {
  FailureReason,
  PaymentFailed,
  PaymentLookup,
  PaymentResult,
  Problem,
  Receipt,
} from './types.js';
import { wordsFor } from './words.js';

/** Refusals that pass by themselves, or that speak of the caller and not of the payment. */
const PASSING = [401, 407, 408, 409, 425, 429];

/** What the service calls an answer with a payment in it. */
const TYPES: Partial<Record<number, string>> = { 201: 'new', 409: 'existing' };

type Fields = Record<string, unknown>;

/** A failure without an answer to read. */
export function failure(reason: FailureReason, language?: string): PaymentFailed {
  return failed(reason, 0, wordsFor(reason, 0, language));
}

/** Reads one answer of `POST /api/v1/payments`. */
export function readPayment(reply: Reply, language?: string): PaymentResult {
  const body = readObject(reply.text);
  const data = body?.['data'];
  const type = TYPES[reply.status];
  if (!type || !isObject(data) || typeof data['payment_id'] !== 'number') {
    return readProblem(reply, body, language);
  }
  return {
    success: true,
    status: reply.status,
    type,
    data: { ...data, type, paymentId: data['payment_id'] },
    message: textOf(body?.['message']) ?? '',
  } as unknown as PaymentResult;
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
  const { message, detail, title } = body ?? {};
  const said = [message, detail, title].map(textOf).find((text) => text);
  const result = failed(reason, status, said ?? wordsFor(reason, status, language));
  if (isObject(body?.['errors'])) result.errors = body['errors'] as NonNullable<Problem['errors']>;
  const requestId = textOf(body?.['request_id']);
  if (requestId !== undefined) result.requestId = requestId;
  return result;
}

/** A page of a proxy or of a hotel's network is no word of the service's. */
function reasonOf(status: number, fromService: boolean): FailureReason {
  const refused = fromService && status >= 400 && status < 500 && !PASSING.includes(status);
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
