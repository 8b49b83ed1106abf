import { computed, nextTick, shallowRef, watchEffect } from 'vue';
import { addressOf, ROOT, routeOf } from './route.js';
import type { Route } from './route.js';

/** The address below the origin; the only state that a view has. */
const address = shallowRef(here());

export const route = computed<Route>(() => routeOf(address.value));

/** The address of the list as it was last seen, for the way back to it. */
export const lastList = shallowRef(ROOT);

watchEffect(() => {
  if (route.value.page === 'payments') lastList.value = addressOf(route.value);
});

function here(): string {
  return location.pathname + location.search;
}

/** Follows the browser's own back and forward, and links that stay inside the console. */
export function useRouter(): () => void {
  const popped = () => {
    address.value = here();
  };
  window.addEventListener('popstate', popped);
  document.addEventListener('click', followed);
  return () => {
    window.removeEventListener('popstate', popped);
    document.removeEventListener('click', followed);
  };
}

/**
 * Goes to a view. `replace`: without a way back to the one before, for a view that is the same one made
 * more exact.
 */
export function go(to: Route, { replace = false } = {}): void {
  const wanted = addressOf(to);
  if (wanted === here()) return;
  if (replace) history.replaceState(null, '', wanted);
  else history.pushState(null, '', wanted);
  address.value = wanted;
}

/** Links are plain links, so that each can be opened in a tab of its own; a plain click stays in the page. */
function followed(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.target !== '' || link.hasAttribute('download') || link.hash !== '') return;
  if (link.origin !== location.origin || link.pathname.startsWith('/console/api/')) return;
  const to = routeOf(link.pathname + link.search);
  if (to.page === 'nowhere') return;
  event.preventDefault();
  const moves = addressOf(to) !== here();
  go(to);
  if (moves) void nextTick(toTop);
}

/** A new page is read from its top, by eyes and by screen readers. */
function toTop(): void {
  window.scrollTo(0, 0);
  document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
}
