import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RetryNotice } from '../src/index.js';
import { CREATED, DATA, EXISTING, json, setUp } from './support.js';

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
  // The longest pauses.
  vi.spyOn(Math, 'random').mockReturnValue(1);
});

afterEach(() => {
  vi.useRealTimers();
});

const lost = () => new TypeError('Failed to fetch');
const created = () => json(201, CREATED);
const busy = (status: number, retryAfter?: string) =>
  new Response(JSON.stringify({ title: 'T', status, message: 'Pesan' }), {
    status,
    headers: retryAfter === undefined ? {} : { 'Retry-After': retryAfter },
  });

/** Runs a call to its end, and says at which milliseconds something was sent. */
async function run(steps: (Response | Error)[], options = {}) {
  const { service, sent, fetch } = setUp(steps, { retryFor: 10_000, ...options });
  const begin = performance.now();
  const at: number[] = [];
  service.configure({
    fetch: (url, init) => {
      at.push(Math.round(performance.now() - begin));
      return fetch(url, init);
    },
  });
  const call = service.createPayment(DATA);
  await vi.runAllTimersAsync();
  return { service, sent, at, result: await call };
}

describe('what is sent again by itself', () => {
  test('a request that the network lost: the same bytes, after pauses that grow', async () => {
    const { sent, at, result } = await run([lost(), lost(), lost(), lost(), created()]);
    expect(result).toMatchObject({ success: true, status: 201, key: sent[0]?.key });
    expect(at).toEqual([0, 500, 1_500, 3_500, 7_500]);
    expect(new Set(sent.map(({ key, text }) => `${key} ${text}`)).size).toBe(1);
  });

  test('the pauses are drawn at random, so that many clients do not come back together', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const { at } = await run([lost(), lost(), lost(), created()]);
    expect(at).toEqual([0, 250, 750, 1_750]);
  });

  test('a body that breaks off', async () => {
    const broken = new ReadableStream({
      start: (controller) => {
        controller.error(new Error('reset'));
      },
    });
    const { sent, result } = await run([new Response(broken, { status: 201 }), created()]);
    expect(sent).toHaveLength(2);
    expect(result).toMatchObject({ status: 201 });
  });

  test.each([408, 425, 502, 503, 504])('%i', async (status) => {
    const { sent, result } = await run([busy(status), created()]);
    expect(sent).toHaveLength(2);
    expect(result).toMatchObject({ status: 201 });
  });

  test('a 409 still in flight is waited for, as long as it says', async () => {
    const { at, result, sent } = await run([busy(409, '2'), busy(409, '1'), json(409, EXISTING)]);
    expect(at).toEqual([0, 2_000, 3_000]);
    expect(result).toMatchObject({ success: true, status: 409, data: { paymentId: 100 } });
    expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
  });

  test('the token is asked for anew', async () => {
    const tokens = ['old', 'new'];
    const { sent } = await run([lost(), created()], { getToken: () => tokens.shift() });
    expect(sent.map(({ headers }) => headers.get('Authorization'))).toEqual([
      'Bearer old',
      'Bearer new',
    ]);
  });

  test('onRetry hears of each', async () => {
    const notices: RetryNotice[] = [];
    const onRetry = (notice: RetryNotice) => notices.push(notice);
    const { sent } = await run([lost(), lost(), created()], { onRetry });
    const key = sent[0]?.key;
    expect(notices).toEqual([
      { key, attempt: 2 },
      { key, attempt: 3 },
    ]);
  });

  test('calls that come in a pause join it', async () => {
    const { service, sent } = setUp([lost(), created()], { retryFor: 10_000 });
    const first = service.createPayment(DATA);
    await vi.advanceTimersByTimeAsync(100);
    const second = service.createPayment(DATA);
    await vi.runAllTimersAsync();
    expect(await second).toBe(await first);
    expect(sent).toHaveLength(2);
  });
});

describe('what is not', () => {
  test.each([
    ['a payment', json(409, EXISTING)],
    ['400', busy(400)],
    ['401', busy(401)],
    ['422', busy(422)],
    ['500', busy(500)],
    ['409 of somebody else’s payment, which does not pass', busy(409)],
    ['a log-in page in between', new Response('<html>', { status: 200 })],
  ])('%s', async (_what, answer) => {
    expect((await run([answer])).sent).toHaveLength(1);
  });

  test('anything, once ten seconds are over; the key stays', async () => {
    const { at, result, sent, service } = await run([
      ...Array.from({ length: 5 }, lost),
      created(),
    ]);
    expect(at).toEqual([0, 500, 1_500, 3_500, 7_500]);
    expect(result).toMatchObject({ success: false, status: 0, reason: 'network' });
    await service.createPayment(DATA);
    expect(sent[5]?.key).toBe(sent[0]?.key);
  });

  test.each([429, 503])('%i that asks for a longer wait', async (status) => {
    const { sent, result } = await run([busy(status, '30')]);
    expect(sent).toHaveLength(1);
    expect(result).toMatchObject({ status, message: 'Pesan' });
  });

  test('anything with retryFor: 0', async () => {
    expect((await run([lost()], { retryFor: 0 })).sent).toHaveLength(1);
  });

  test('a request that hung until its time was over', async () => {
    const { service, sent } = setUp([new Promise(() => undefined)], { retryFor: 10_000 });
    const call = service.createPayment(DATA);
    await vi.runAllTimersAsync();
    expect(await call).toMatchObject({ reason: 'timeout' });
    expect(sent).toHaveLength(1);
  });
});
