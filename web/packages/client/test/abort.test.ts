import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CREATED, DATA, json, letters, setUp } from './support.js';

beforeEach(() => {
  localStorage.clear();
});

afterEach(() => {
  vi.useRealTimers();
});

const ABORTED = { success: false, status: 0, type: 'error', reason: 'aborted', data: null };

/** A service whose first request hangs, and what its fetch was told. */
function hanging(options = {}) {
  const { service, sent, fetch } = setUp(
    [new Promise<Response>(() => undefined), json(201, CREATED)],
    options,
  );
  const signals: AbortSignal[] = [];
  service.configure({
    fetch: (url, init) => {
      if (init?.signal) signals.push(init.signal);
      return fetch(url, init);
    },
  });
  return { service, sent, signals };
}

describe('abort', () => {
  test('ends the request, resolves, and keeps the key', async () => {
    const { service, sent, signals } = hanging();
    const stop = new AbortController();
    const call = service.createPayment({ ...DATA, signal: stop.signal });
    await vi.waitFor(() => {
      expect(sent).toHaveLength(1);
    });
    stop.abort();
    expect(await call).toMatchObject(ABORTED);
    expect((await call).message).toContain('tidak akan ditagih dua kali');
    await vi.waitFor(() => {
      expect(signals[0]?.aborted).toBe(true);
    });
    expect(await service.createPayment(DATA)).toMatchObject({ status: 201 });
    expect(letters(sent)).toBe('AA');
  });

  test('a call right after it does not join what was aborted', async () => {
    const { service, sent } = hanging();
    const stop = new AbortController();
    const call = service.createPayment({ ...DATA, signal: stop.signal });
    await vi.waitFor(() => {
      expect(sent).toHaveLength(1);
    });
    stop.abort();
    const next = service.createPayment(DATA);
    expect(await call).toMatchObject(ABORTED);
    expect(await next).toMatchObject({ status: 201 });
    expect(letters(sent)).toBe('AA');
  });

  test('of one caller does not take the answer from another', async () => {
    let answer: (response: Response) => void = () => undefined;
    const slow = new Promise<Response>((resolve) => (answer = resolve));
    const { service, sent } = setUp([slow]);
    const stop = new AbortController();
    const leaves = service.createPayment({ ...DATA, signal: stop.signal });
    const stays = service.createPayment({ ...DATA, signal: new AbortController().signal });
    stop.abort();
    expect(await leaves).toMatchObject(ABORTED);
    answer(json(201, CREATED));
    expect(await stays).toMatchObject({ success: true, status: 201 });
    expect(sent).toHaveLength(1);
  });

  test('before it began: nothing is sent', async () => {
    const { service, sent } = setUp([]);
    const signal = AbortSignal.abort();
    expect(await service.createPayment({ ...DATA, signal })).toMatchObject(ABORTED);
    expect(sent).toHaveLength(0);
    expect(localStorage.length).toBe(0);
  });

  test('in a pause: nothing more is sent', async () => {
    vi.useFakeTimers();
    const { service, sent } = setUp([new Error('lost')], { retryFor: 10_000 });
    const stop = new AbortController();
    const call = service.createPayment({ ...DATA, signal: stop.signal });
    await vi.advanceTimersByTimeAsync(100);
    stop.abort();
    expect(await call).toMatchObject(ABORTED);
    await vi.runAllTimersAsync();
    expect(sent).toHaveLength(1);
  });
});
