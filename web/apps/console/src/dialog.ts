import { onBeforeUnmount, onMounted } from 'vue';
import type { Ref } from 'vue';

/**
 * A native modal dialog that is open as long as its component is there. The browser keeps the focus inside and
 * gives it back; what is under way is never closed out of sight.
 */
export function useOpenDialog(
  root: Readonly<Ref<HTMLDialogElement | null>>,
  busy: Readonly<Ref<boolean>>,
  closed: () => void,
) {
  function dismiss(): void {
    if (!busy.value) root.value?.close();
  }

  function onCancel(event: Event): void {
    if (busy.value) event.preventDefault();
  }

  function onClose(): void {
    // Browsers let a second Escape through that cannot be prevented.
    if (busy.value) root.value?.showModal();
    else closed();
  }

  onMounted(() => root.value?.showModal());
  // Taken off the page while open, it would take the focus with it.
  onBeforeUnmount(() => root.value?.close());

  return { dismiss, onCancel, onClose };
}
