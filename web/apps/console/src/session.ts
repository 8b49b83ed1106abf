import { shallowRef } from 'vue';
import { ask, CallFailed, endSession, onSignedOut, order } from './call.js';
import type { Session } from './types.js';

export type SessionState =
  | { kind: 'checking' }
  | { kind: 'in'; session: Session }
  /** `why`: a first visit, a session that ran out, or one that was ended here. */
  | { kind: 'out'; why: 'new' | 'ended' | 'left' }
  | { kind: 'unreachable' };

export const session = shallowRef<SessionState>({ kind: 'checking' });

onSignedOut(() => {
  if (session.value.kind === 'in') session.value = { kind: 'out', why: 'ended' };
});

/** Asks whether the browser has a session already: its cookie cannot be read here. */
export async function resume(): Promise<void> {
  try {
    session.value = { kind: 'in', session: await ask<Session>('/session') };
  } catch (error) {
    const known = error instanceof CallFailed && error.status === 401;
    session.value = known ? { kind: 'out', why: 'new' } : { kind: 'unreachable' };
  }
}

/** Hands the token over; afterwards nothing here holds it. Throws `CallFailed`. */
export async function signIn(token: string): Promise<void> {
  session.value = { kind: 'in', session: await order<Session>('/session', { token }) };
}

/** Only the service can take the cookie back: without it nobody is told that they are signed out. */
export async function signOut(): Promise<void> {
  try {
    await endSession();
    session.value = { kind: 'out', why: 'left' };
  } catch {
    session.value = { kind: 'unreachable' };
  }
}

/** Makes sure of the session after a sign that it may be over; a 401 is heard by `onSignedOut`. */
export async function makeSure(): Promise<void> {
  try {
    await ask('/session');
  } catch {
    // Whatever else went wrong says nothing about the session.
  }
}
