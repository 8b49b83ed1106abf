import type { FailureReason, PaymentServiceOptions } from './types.js';

const TIMEOUT_MS = 30_000;
const RETRY_FOR_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** Statuses after which the same request is worth sending again; 0 is no answer at all. */
const PASSING = [0, 408, 425, 502, 503, 504];

/** What is sent; every repetition sends these bytes. */
export interface Outgoing {
  method: 'GET' | 'POST';
  /** Path and query, below the service's address. */
  path: string;
  headers?: Record<string, string>;
  body?: string;
  language: string | undefined;
  signal: AbortSignal;
  /** Called before each repetition. */
  again?: () => void;
}

/** What came back; `reason` where nothing did. */
export interface Reply {
  status: number;
  text: string;
  /** Seconds, as the service asked for. */
  retryAfter?: number;
  reason?: FailureReason;
}

function nothing(reason: FailureReason): Reply {
  return { status: 0, text: '', reason };
}

/** Sends a request until there is an answer worth returning, or the time for it is over. */
export async function send(settings: PaymentServiceOptions, outgoing: Outgoing): Promise<Reply> {
  const until = performance.now() + (settings.retryFor ?? RETRY_FOR_MS);
  for (let attempt = 0; ; attempt++) {
    const reply = await sendOnce(settings, outgoing);
    const pause = pauseAfter(reply, attempt);
    if (pause === undefined || performance.now() + pause > until) return reply;
    await rest(pause, outgoing.signal);
    if (outgoing.signal.aborted) return nothing('aborted');
    outgoing.again?.();
  }
}

/** Milliseconds until the next attempt, at random so that many clients do not come back together. */
function pauseAfter({ status, reason, retryAfter }: Reply, attempt: number): number | undefined {
  const waitedFor = retryAfter !== undefined && (status === 409 || status === 429);
  if (reason === 'aborted' || !(PASSING.includes(status) || waitedFor)) return undefined;
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
  return Math.max(pause * (0.5 + Math.random() / 2), (retryAfter ?? 0) * 1_000);
}

/** Until the time is over, or the signal says so. */
function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}

async function sendOnce(settings: PaymentServiceOptions, outgoing: Outgoing): Promise<Reply> {
  const { signal } = outgoing;
  const token = await settings.getToken?.();
  if (signal.aborted) return nothing('aborted');
  // Not every fetch obeys its signal, so nothing waits for it to.
  return new Promise((resolve) => {
    const stop = new AbortController();
    const end = (reply: Reply) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(reply);
      stop.abort();
    };
    const endWith = (reason: FailureReason) => () => {
      end(nothing(reason));
    };
    const onAbort = endWith('aborted');
    const timer = setTimeout(endWith('timeout'), settings.timeout ?? TIMEOUT_MS);
    signal.addEventListener('abort', onAbort);
    exchange(settings, outgoing, token, stop.signal).then(end, endWith('network'));
  });
}

async function exchange(
  settings: PaymentServiceOptions,
  { method, path, headers, body, language }: Outgoing,
  token: string | null | undefined,
  signal: AbortSignal,
): Promise<Reply> {
  const response = await (settings.fetch ?? fetch)(withoutSlash(settings.baseUrl ?? '') + path, {
    method,
    headers: {
      Accept: 'application/json',
      'Accept-Language': language ?? 'id',
      ...headers,
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
    },
    ...(body === undefined ? {} : { body }),
    signal,
  });
  const reply: Reply = { status: response.status, text: await response.text() };
  const seconds = Number(response.headers.get('Retry-After') ?? NaN);
  // The other form, a date, is not the service's.
  if (seconds >= 0) reply.retryAfter = seconds;
  return reply;
}

export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
