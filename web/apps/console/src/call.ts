import { language } from './words.js';

/** Why there is no answer to work with. */
export class CallFailed extends Error {
  constructor(
    /** The HTTP status; 0 when nothing came. */
    readonly status: number,
    /** Members of the problem, as far as one came. */
    readonly problem: Problem = {},
  ) {
    super(problem.message ?? `status ${status}`);
    this.name = 'CallFailed';
  }

  /** The service may have done what it was asked to, or not: the same key has to be used again. */
  get unclear(): boolean {
    return this.status === 0 || this.status >= 500;
  }
}

export interface Problem {
  type?: string;
  title?: string;
  message?: string;
  detail?: string;
  request_id?: string;
  errors?: Record<string, string[]>;
  [member: string]: unknown;
}

const API = '/console/api';

/** Hears when the service knows the session no longer. */
let signedOut = () => {};

export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** Asks the service, in the operator's language. Throws `CallFailed`. */
export async function ask<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return call<Answer>('GET', path, signal ? { signal } : {});
}

/** Has the service do something. The header is one that no form and no other site can send. */
export async function order<Answer>(path: string, body: object): Promise<Answer> {
  return call<Answer>('POST', path, {
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', 'X-Sekali-Console': '1' },
  });
}

/** Ends the session. */
export async function endSession(): Promise<void> {
  await call('DELETE', '/session', { headers: { 'X-Sekali-Console': '1' } });
}

interface More extends RequestInit {
  headers?: Record<string, string>;
}

async function call<Answer>(method: string, path: string, more: More): Promise<Answer> {
  const response = await answered(API + path, {
    method,
    credentials: 'same-origin',
    ...more,
    headers: { Accept: 'application/json', 'Accept-Language': language.value, ...more.headers },
  });
  const body = await bodyOf(response);
  if (response.ok) return body as Answer;
  if (response.status === 401) signedOut();
  throw new CallFailed(response.status, (body ?? {}) as Problem);
}

async function answered(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new CallFailed(0);
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined;
  try {
    return await response.json();
  } catch {
    // Something in between answered in words of its own, or the answer broke off.
    if (response.ok) throw new CallFailed(0);
    return undefined;
  }
}
