import { shallowRef } from 'vue';
import { CallFailed, order } from './call.js';
import type { Outcome } from './types.js';

/** One action under way: sent again by the same button while it is unclear what became of it. */
export function useAction(done: (outcome: Outcome) => void) {
  const busy = shallowRef(false);
  const failure = shallowRef<CallFailed>();

  async function send(path: string, body: object): Promise<void> {
    if (busy.value) return;
    busy.value = true;
    failure.value = undefined;
    try {
      const outcome = await order<Outcome>(path, body);
      // Before the dialog hears of it: one that is busy does not close.
      busy.value = false;
      done(outcome);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      failure.value = error;
    } finally {
      busy.value = false;
    }
  }

  return { busy, failure, send };
}
