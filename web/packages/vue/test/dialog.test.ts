import { describe, expect, test, vi } from 'vitest';
import { nextTick } from 'vue';
import { created, exists, mount } from './support.js';

const dialogOf = (modal: ReturnType<typeof mount>) => modal.root() as HTMLDialogElement;

describe('the native dialog', () => {
  test('is shown as a modal unless told otherwise', () => {
    const showModal = vi.spyOn(HTMLDialogElement.prototype, 'showModal');
    const modal = mount();
    expect(modal.root().tagName).toBe('DIALOG');
    expect(dialogOf(modal).open).toBe(true);
    expect(showModal).toHaveBeenCalledOnce();
  });

  test('follows open', async () => {
    const modal = mount({ open: false });
    expect(dialogOf(modal).open).toBe(false);
    modal.props['open'] = true;
    await nextTick();
    expect(dialogOf(modal).open).toBe(true);
    modal.props['open'] = false;
    await nextTick();
    expect(dialogOf(modal).open).toBe(false);
  });

  test('“Tutup” closes it and tells', async () => {
    const onClose = vi.fn();
    const onUpdate = vi.fn();
    const modal = mount({ onClose, 'onUpdate:open': onUpdate });
    await modal.click('[aria-label=Tutup]');
    expect(dialogOf(modal).open).toBe(false);
    await vi.waitFor(() => {
      expect(onClose).toHaveBeenCalledOnce();
    });
    expect(onUpdate).toHaveBeenCalledExactlyOnceWith(false);
  });

  test('Escape closes it when nothing is under way', () => {
    const modal = mount();
    const cancel = new Event('cancel', { cancelable: true });
    modal.root().dispatchEvent(cancel);
    expect(cancel.defaultPrevented).toBe(false);
  });

  test('Escape and “Tutup” do not hide a payment under way', async () => {
    const onClose = vi.fn();
    const modal = mount({ onClose });
    await modal.press();
    const cancel = new Event('cancel', { cancelable: true });
    modal.root().dispatchEvent(cancel);
    expect(cancel.defaultPrevented).toBe(true);
    expect((modal.must('[aria-label=Tutup]') as HTMLButtonElement).disabled).toBe(true);
    await modal.service.answer(exists('pending'));
    expect((modal.must('[aria-label=Tutup]') as HTMLButtonElement).disabled).toBe(false);
    expect(onClose).not.toHaveBeenCalled();
  });

  test('nor one that was made, until the page has moved on', async () => {
    const modal = mount();
    await modal.press();
    await modal.service.answer(created());
    const cancel = new Event('cancel', { cancelable: true });
    modal.root().dispatchEvent(cancel);
    expect(cancel.defaultPrevented).toBe(true);
    expect(modal.root().getAttribute('closedby')).toBe('none');
  });

  test('closed by force while it works, it comes back', async () => {
    const onClose = vi.fn();
    const modal = mount({ onClose });
    await modal.press();
    dialogOf(modal).close();
    await vi.waitFor(() => {
      expect(dialogOf(modal).open).toBe(true);
    });
    expect(onClose).not.toHaveBeenCalled();
  });
});

test('taken off the page while it is open, it closes first, so that the focus goes back', () => {
  const modal = mount();
  const close = vi.spyOn(HTMLDialogElement.prototype, 'close');
  modal.app.unmount();
  expect(close).toHaveBeenCalledOnce();
});

describe('light and dark', () => {
  test.each([
    [undefined, 'auto'],
    ['light', 'light'],
    ['dark', 'dark'],
  ])('theme %s', (theme, name) => {
    expect([...mount({ theme }).root().classList]).toContain(name);
  });
});

describe('in the page’s flow', () => {
  test('it is a section without a way to close it, and pays the same', async () => {
    const modal = mount({ modal: false });
    expect(modal.root().tagName).toBe('SECTION');
    expect(modal.find('[aria-label=Tutup]')).toBeNull();
    await modal.press();
    expect(modal.service.createPayment).toHaveBeenCalledOnce();
  });

  test('follows open', async () => {
    const modal = mount({ modal: false, open: false });
    expect(modal.find('.payment-modal')).toBeNull();
    modal.props['open'] = true;
    await nextTick();
    expect(modal.find('.payment-modal')).not.toBeNull();
  });
});
