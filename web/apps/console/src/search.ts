import { shallowRef } from 'vue';
import { WHOLE_LIST } from './route.js';
import { go } from './router.js';

/** What was just asked for by hand: if it is one payment, its page opens by itself. */
export const sought = shallowRef<string>();

/** Looks for any id, past every filter: a pasted id is to be found whatever else was looked at. */
export function find(text: string): void {
  const q = text.trim();
  sought.value = q === '' ? undefined : q;
  go({ page: 'payments', view: { ...WHOLE_LIST, q } });
}

// The way back leads to the list that was found, not on to the payment once more.
window.addEventListener('popstate', () => {
  sought.value = undefined;
});
