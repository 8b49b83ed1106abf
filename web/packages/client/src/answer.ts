import type { CreatedData, ExistingData, PaymentFailed, PaymentResult } from './types.js';

/**
 * What an answer says about its key.
 *
 * - `answered`: the service knows the key, or the payment that it lost to.
 * - `refused`: the service stored nothing and would refuse these data, or this key, again.
 * - `unknown`: the payment may exist or not; only the same key can find out.
 */
export type Outcome = 'answered' | 'refused' | 'unknown';

export const NO_ANSWER =
  'Tidak ada jawaban dari layanan pembayaran. Silakan coba lagi, Anda tidak akan ditagih dua kali.';

/** Refusals that pass by themselves, or that speak of the caller and not of the payment. */
const PASSING = new Set([401, 407, 408, 409, 425, 429]);

type Fields = Record<string, unknown>;

export function failure(status: number, message: string): PaymentFailed {
  return { success: false, status, type: 'error', data: null, message };
}

/** Reads one HTTP answer of `POST /api/v1/payments`. */
export function readAnswer(
  status: number,
  text: string,
): { result: PaymentResult; outcome: Outcome } {
  const body = parseObject(text);
  const result = (body && readPayment(status, body)) ?? readProblem(status, body);
  return { result, outcome: outcomeOf(result, body !== undefined) };
}

function readPayment(status: number, body: Fields): PaymentResult | undefined {
  const data = body['data'];
  if (!isObject(data) || typeof data['payment_id'] !== 'number') return undefined;
  const message = textOf(body['message']) ?? '';
  const identified = { ...data, paymentId: data['payment_id'] };
  if (status === 201) {
    const created = { ...identified, type: 'new' } as unknown as CreatedData;
    return { success: true, status, type: 'new', data: created, message };
  }
  if (status === 409) {
    const existing = { ...identified, type: 'existing' } as unknown as ExistingData;
    return { success: true, status, type: 'existing', data: existing, message };
  }
  return undefined;
}

/** `application/problem+json` (RFC 9457) with the service's own `message` and `errors`, or whatever a proxy sent. */
function readProblem(status: number, body: Fields | undefined): PaymentFailed {
  const message =
    textOf(body?.['message']) ??
    textOf(body?.['detail']) ??
    textOf(body?.['title']) ??
    `Layanan pembayaran sedang terganggu (HTTP ${status}). Silakan coba lagi.`;
  const result = failure(status, message);
  if (isObject(body?.['errors'])) result.errors = body['errors'] as Record<string, string[]>;
  const requestId = textOf(body?.['request_id']);
  if (requestId !== undefined) result.requestId = requestId;
  return result;
}

function outcomeOf(result: PaymentResult, fromService: boolean): Outcome {
  if (result.success) return 'answered';
  // A page of a proxy or of a hotel's network is no word of the service's.
  const refused =
    fromService && result.status >= 400 && result.status < 500 && !PASSING.has(result.status);
  return refused ? 'refused' : 'unknown';
}

function parseObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
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
