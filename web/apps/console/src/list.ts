import { ask } from './call.js';
import type { PaymentList } from './types.js';

/** How many payments stand on a page. */
export const PAGE = 25;
/** How often one page is looked for further back when few payments pass an amount's filter. */
const FURTHER = 4;

/** Pages that were seen: back and forward show them at once. */
export const seenPages = new Map<string, PaymentList>();

/**
 * A page of the list. One request looks at a bounded number of payments only, so a page that is short
 * although there is more is looked for further back some times.
 */
export async function loadList(query: string, signal: AbortSignal): Promise<PaymentList> {
  let page = await ask<PaymentList>(pathOf(query), signal);
  for (let more = 0; more < FURTHER && page.data.length < PAGE; more++) {
    if (page.next_cursor === null) break;
    const next = new URLSearchParams(query);
    next.set('cursor', page.next_cursor);
    const further = await ask<PaymentList>(pathOf(next.toString()), signal);
    page = { ...further, data: [...page.data, ...further.data] };
  }
  return page;
}

function pathOf(query: string): string {
  return `/payments?${query}${query === '' ? '' : '&'}limit=${PAGE}`;
}

/** What is known by now of the payments that are shown, in their places: nothing moves under the pointer. */
export function inPlace(shown: PaymentList, fresh: PaymentList): PaymentList {
  const now = new Map(fresh.data.map((row) => [row.id, row]));
  return { ...shown, data: shown.data.map((row) => now.get(row.id) ?? row) };
}

/** Which payments of `fresh` are not shown yet. */
export function notShown(shown: PaymentList, fresh: PaymentList): number[] {
  const ids = new Set(shown.data.map(({ id }) => id));
  return fresh.data.filter(({ id }) => !ids.has(id)).map(({ id }) => id);
}
