import { nextTick, onBeforeUnmount, onMounted, watch } from 'vue';
import type { Ref } from 'vue';

interface Options {
  /** The dialog, or what stands in the page instead of it. */
  root: Readonly<Ref<HTMLElement | null>>;
  /** Takes the focus while nothing else can have it. */
  title: Readonly<Ref<HTMLElement | null>>;
  open: () => boolean;
  /** Nothing may be closed. */
  busy: Readonly<Ref<boolean>>;
  /** Grows or changes with what can be pressed. */
  state: () => unknown;
  closed: () => void;
}

/** Opens and closes the native dialog, and keeps the focus where the patient can use it. */
export function useDialog({ root, title, open, busy, state, closed }: Options) {
  /** The focus waits at the title for a button to come back. */
  let parked = false;

  function dialog(): HTMLDialogElement | null {
    return root.value instanceof HTMLDialogElement ? root.value : null;
  }

  function show(): void {
    const element = dialog();
    if (!element) return;
    if (open() && !element.open) element.showModal();
    if (!open() && element.open) element.close();
  }

  function dismiss(): void {
    if (!busy.value) dialog()?.close();
  }

  /** Escape never takes a payment under way out of the patient's sight; for browsers without `closedby`. */
  function onCancel(event: Event): void {
    if (busy.value) event.preventDefault();
  }

  function onClose(): void {
    // Browsers let a second Escape through that cannot be prevented.
    if (busy.value && open()) show();
    else closed();
  }

  /** A button that is disabled, or goes, takes the focus with it to nowhere. */
  async function keepFocus(): Promise<void> {
    const element = root.value;
    if (!element?.contains(document.activeElement)) return;
    await nextTick();
    const active = document.activeElement;
    const waits = parked && active === title.value;
    const lost = !active || !element.contains(active) || active.matches(':disabled');
    if (!lost && !waits) return;
    const button = element.querySelector<HTMLElement>('[data-focus]:enabled');
    parked = !button;
    (button ?? title.value)?.focus({ preventScroll: true });
  }

  onMounted(show);
  watch(open, show, { flush: 'post' });
  watch(state, keepFocus, { flush: 'pre' });
  // Taken off the page while open, it would take the focus with it as well.
  onBeforeUnmount(() => {
    dialog()?.close();
  });

  return { dismiss, onCancel, onClose };
}
