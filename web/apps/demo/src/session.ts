import { shallowRef } from 'vue';
import { recordedFetch } from './exchanges.js';

/** A consultation to pay, and the token of its patient. */
export interface Consultation {
  consultation_id: number;
  patient_id: number;
  /** Exact decimal in whole units of `currency`. */
  fee: string;
  currency: string;
  token: string;
}

export type Session =
  | { kind: 'loading' }
  | { kind: 'ready'; consultation: Consultation }
  /** The service runs without its demo. */
  | { kind: 'off' }
  | { kind: 'unreachable' };

const ITEM = 'sekali:demo';

export const session = shallowRef<Session>({ kind: 'loading' });

export function currentToken(): string | null {
  return session.value.kind === 'ready' ? session.value.consultation.token : null;
}

/** Where another device has found it: the consultation is in the address. */
const SHARED = 'consultation';

/** The consultation of the address, or that from before a reload, as long as the service still knows its patient. */
export async function resume(): Promise<void> {
  const shared = new URLSearchParams(window.location.search).get(SHARED);
  if (shared !== null) {
    session.value = await begin(`/demo/consultations/${encodeURIComponent(shared)}`);
    if (session.value.kind === 'ready') return;
  }
  const stored = read();
  if (stored && (await isKnown(stored))) {
    session.value = { kind: 'ready', consultation: stored };
    return;
  }
  await renew();
}

/** Asks the service for a fresh consultation. */
export async function renew(): Promise<void> {
  session.value = { kind: 'loading' };
  // A reload must not bring back the one that was shared.
  if (new URLSearchParams(window.location.search).has(SHARED)) {
    window.history.replaceState(null, '', '/');
  }
  session.value = await begin('/demo/consultation', 'POST');
}

async function begin(path: string, method = 'GET'): Promise<Session> {
  try {
    const response = await recordedFetch(path, { method });
    if (response.status === 404) return { kind: 'off' };
    if (!response.ok) return { kind: 'unreachable' };
    const consultation = (await response.json()) as Consultation;
    write(consultation);
    return { kind: 'ready', consultation };
  } catch {
    return { kind: 'unreachable' };
  }
}

/** A service that was set up anew does not accept the old one's tokens. */
async function isKnown(stored: Consultation): Promise<boolean> {
  const path = `/api/v1/payments?consultation_id=${stored.consultation_id}&limit=1`;
  try {
    const response = await fetch(path, { headers: { Authorization: `Bearer ${stored.token}` } });
    return response.status !== 401;
  } catch {
    return true;
  }
}

function read(): Consultation | undefined {
  try {
    const text = sessionStorage.getItem(ITEM);
    return text === null ? undefined : (JSON.parse(text) as Consultation);
  } catch {
    return undefined;
  }
}

function write(consultation: Consultation): void {
  try {
    sessionStorage.setItem(ITEM, JSON.stringify(consultation));
  } catch {
    // Without storage a reload begins with a new consultation.
  }
}
