import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { KeyStorage, RetryNotice } from '../src/index.js';
import { CREATED, DATA, EXISTING, json, letters, memoryStorage, setUp } from './support.js';

beforeEach(() => {
  localStorage.clear();
});

const lost = () => new TypeError('Failed to fetch');
const created = () => json(201, CREATED);
const existing = (status = 'pending') =>
  json(409, { ...EXISTING, data: { ...EXISTING.data, status } });
const problem = (status: number) => json(status, { title: 'T', status, message: 'Pesan' });

describe('an answered key', () => {
  test('is used again for the same data within 30 s, and not after', async () => {
    const { service, sent, clock } = setUp([created(), existing(), existing(), existing()]);
    await service.createPayment(DATA);
    clock.now += 29_000;
    await service.createPayment(DATA);
    clock.now += 1_000;
    await service.createPayment(DATA);
    clock.now += 1;
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AAAB');
  });

  test.each([
    ['consultation', { ...DATA, consultationId: 6 }],
    ['amount', { ...DATA, amount: 5001 }],
    ['method', { ...DATA, paymentMethod: 'bank' }],
  ])('is not used for another %s', async (_what, other) => {
    const { service, sent } = setUp([created(), created()]);
    await service.createPayment(DATA);
    await service.createPayment(other);
    expect(letters(sent)).toBe('AB');
  });

  test('knows 5000, "5000", "5000.00" and "05000.0" for one amount, 500 and 5000.01 for others', async () => {
    const amounts = [5000, '5000', '5000.00', '05000.0', 500, '5000.01', '5000.010'];
    const { service, sent } = setUp(amounts.map(() => created()));
    for (const amount of amounts) await service.createPayment({ ...DATA, amount });
    expect(letters(sent)).toBe('AAAABCC');
  });

  test('is not used when the clock was set back before its time', async () => {
    const { service, sent, clock } = setUp([created(), existing()]);
    await service.createPayment(DATA);
    clock.now -= 60_000;
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AB');
  });
});

describe('without an answer the key stays, however long', () => {
  test.each([
    ['a network failure', lost],
    ['an abort', () => new DOMException('aborted', 'AbortError')],
    ['502', () => new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    ['503', () => problem(503)],
    ['504', () => problem(504)],
    ['500', () => problem(500)],
    ['a 201 cut short', () => new Response('{"da', { status: 201 })],
    ['a log-in page in between', () => new Response('<html>', { status: 200 })],
    ['a proxy’s 403', () => new Response('<html>', { status: 403 })],
    ['401, which speaks of the token', () => problem(401)],
    ['429', () => problem(429)],
    ['409 without data, still in flight', () => problem(409)],
  ])('%s', async (_what, step) => {
    const { service, sent, clock } = setUp([step(), step(), existing(), existing()]);
    await service.createPayment(DATA);
    clock.now += 3_600_000;
    await service.createPayment(DATA);
    clock.now += 3_600_000;
    await service.createPayment(DATA);
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AAAB');
  });

  test('an answered key that is sent again and lost is open again', async () => {
    const { service, sent, clock } = setUp([created(), lost(), existing()]);
    await service.createPayment(DATA);
    await service.createPayment(DATA);
    clock.now += 60_000;
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AAA');
  });
});

describe('a refusal of the service drops the key', () => {
  test.each([400, 403, 404, 413, 415, 422])('%i', async (status) => {
    const { service, sent } = setUp([problem(status), created()]);
    await service.createPayment(DATA);
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AB');
  });
});

describe('a spent key', () => {
  test.each(['failed', 'expired', 'cancelled', 'refunded'])(
    '%s: newKey makes another payment',
    async (status) => {
      const { service, sent } = setUp([existing(status), created(), existing()]);
      await service.createPayment(DATA);
      expect(await service.createPayment({ ...DATA, newKey: true })).toMatchObject({ status: 201 });
      await service.createPayment(DATA);
      expect(letters(sent)).toBe('ABB');
      expect(sent[1]?.body).not.toHaveProperty('newKey');
    },
  );

  test('the new key, once lost, is sent again also with newKey: nobody knows that it is spent', async () => {
    const { service, sent } = setUp([existing('failed'), lost(), existing(), created()]);
    await service.createPayment(DATA);
    await service.createPayment({ ...DATA, newKey: true });
    await service.createPayment({ ...DATA, newKey: true });
    await service.createPayment({ ...DATA, newKey: true });
    expect(letters(sent)).toBe('ABBC');
  });

  test('forget drops even an open key', async () => {
    const { service, sent } = setUp([lost(), created()]);
    await service.createPayment(DATA);
    service.forget(DATA);
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AB');
  });
});

describe('the key of an earlier result', () => {
  test('is sent again although its 30 s are over', async () => {
    const { service, sent, clock } = setUp([created(), existing(), existing()]);
    const { key } = await service.createPayment(DATA);
    if (key === undefined) throw new Error('the result has no key');
    clock.now += 3_600_000;
    await service.createPayment({ ...DATA, key });
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AAA');
  });

  test('not before a key whose outcome is unknown, nor a newer one', async () => {
    const { service, sent, clock } = setUp([created(), lost(), existing(), existing()]);
    const { key = '' } = await service.createPayment(DATA);
    clock.now += 60_000;
    await service.createPayment(DATA);
    await service.createPayment({ ...DATA, key });
    await service.createPayment({ ...DATA, key });
    expect(letters(sent)).toBe('ABBB');
  });

  test('not where a new one is asked for', async () => {
    const { service, sent, clock } = setUp([existing('failed'), created()]);
    const { key = '' } = await service.createPayment(DATA);
    clock.now += 60_000;
    await service.createPayment({ ...DATA, key, newKey: true });
    expect(letters(sent)).toBe('AB');
  });
});

describe('at the same moment', () => {
  test('calls for the same data join one request and get its result', async () => {
    let answer: (response: Response) => void = () => undefined;
    const slow = new Promise<Response>((resolve) => (answer = resolve));
    const { service, sent } = setUp([slow, existing()]);
    const calls = Array.from({ length: 100 }, () => service.createPayment(DATA));
    answer(created());
    const results = await Promise.all(calls);
    expect(sent).toHaveLength(1);
    expect(new Set(results).size).toBe(1);
    expect(results[0]).toMatchObject({ success: true, status: 201 });
    expect(await service.createPayment(DATA)).toMatchObject({ status: 409 });
  });

  test('calls for other data do not wait', async () => {
    const { service, sent } = setUp([created(), created()]);
    await Promise.all([
      service.createPayment(DATA),
      service.createPayment({ ...DATA, consultationId: 6 }),
    ]);
    expect(letters(sent)).toBe('AB');
  });
});

describe('what is kept', () => {
  test('a reload in the middle of a request finds its key', async () => {
    const before = setUp([new Promise<Response>(() => undefined)], { timeout: 5 });
    const unfinished = before.service.createPayment(DATA);
    await Promise.resolve();
    const after = setUp([existing()]);
    after.clock.now = before.clock.now + 3_600_000;
    await after.service.createPayment(DATA);
    expect(after.sent[0]?.key).toBe(before.sent[0]?.key);
    await unfinished;
  });

  test('another tab uses the key within 30 s, and only until then', async () => {
    const first = setUp([created()]);
    await first.service.createPayment(DATA);
    const second = setUp([existing(), existing()]);
    second.clock.now = first.clock.now + 10_000;
    await second.service.createPayment(DATA);
    second.clock.now = first.clock.now + 30_001;
    await second.service.createPayment(DATA);
    expect(second.sent[0]?.key).toBe(first.sent[0]?.key);
    expect(second.sent[1]?.key).not.toBe(first.sent[0]?.key);
  });

  test('a late refusal does not drop the key another tab has moved on to', async () => {
    let answer: (response: Response) => void = () => undefined;
    const slow = new Promise<Response>((resolve) => (answer = resolve));
    const first = setUp([slow]);
    const waiting = first.service.createPayment(DATA);
    await Promise.resolve();
    const second = setUp([lost(), existing()]);
    second.service.forget(DATA);
    await second.service.createPayment(DATA);
    answer(problem(422));
    await waiting;
    await second.service.createPayment(DATA);
    expect(letters(second.sent)).toBe('AA');
  });

  test('a late answer does not settle the open key another tab has moved on to', async () => {
    let answer: (response: Response) => void = () => undefined;
    const slow = new Promise<Response>((resolve) => (answer = resolve));
    const first = setUp([slow]);
    const waiting = first.service.createPayment(DATA);
    await Promise.resolve();
    const second = setUp([lost(), existing()]);
    second.service.forget(DATA);
    await second.service.createPayment(DATA);
    answer(created());
    await waiting;
    second.clock.now += 60_000;
    await second.service.createPayment(DATA);
    expect(letters(second.sent)).toBe('AA');
  });

  test('old answered keys are cleared away, open ones are not', async () => {
    const { service, clock } = setUp([created(), lost(), created()]);
    await service.createPayment(DATA);
    await service.createPayment({ ...DATA, consultationId: 6 });
    clock.now += 60_000;
    await service.createPayment({ ...DATA, consultationId: 7 });
    const names = Object.keys(JSON.parse(localStorage.getItem('sekali:keys') ?? '{}') as object);
    expect(names).toEqual(['[6,"5000","stripe"]', '[7,"5000","stripe"]']);
  });

  const entry = { key: 'payment-0-rubbish', since: 0, open: true, sent: 1 };
  const withEntry = (bad: object) =>
    JSON.stringify({ '[5,"5000","stripe"]': { ...entry, ...bad } });

  test.each([
    '',
    'nonsense',
    'null',
    '7',
    withEntry({ key: 1 }),
    withEntry({ since: '0' }),
    withEntry({ open: 1 }),
    withEntry({ sent: null }),
  ])('rubbish in the storage (%s) costs nothing', async (rubbish) => {
    localStorage.setItem('sekali:keys', rubbish);
    const { service, sent } = setUp([lost(), created()]);
    await service.createPayment(DATA);
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AA');
    expect(sent[0]?.key).toContain('payment-1705321200000-');
  });
});

describe('two tabs at the same moment', () => {
  /** As a browser's: one at a time, and never at once. */
  function webLocks() {
    let last: Promise<unknown> = Promise.resolve();
    return {
      request: (_name: string, work: () => unknown) => (last = last.then(work)),
    };
  }

  test('take turns, so that the second finds the key of the first', async () => {
    const locks = webLocks();
    const request = vi.spyOn(locks, 'request');
    vi.stubGlobal('navigator', { locks });
    const tabs = [setUp([created()]), setUp([existing()])];
    await Promise.all(tabs.map(({ service }) => service.createPayment(DATA)));
    expect(request).toHaveBeenCalledTimes(2);
    expect(request.mock.calls[0]?.[0]).toBe('sekali:keys');
    expect(tabs[0]?.sent[0]?.key).toBe(tabs[1]?.sent[0]?.key);
  });

  test('pay all the same where the browser forbids to take turns', async () => {
    const forbidden = { request: () => Promise.reject(new DOMException('no', 'SecurityError')) };
    vi.stubGlobal('navigator', { locks: forbidden });
    const { service } = setUp([created()]);
    expect(await service.createPayment(DATA)).toMatchObject({ status: 201 });
  });
});

describe('where the browser will not store', () => {
  const forbidden = (): never => {
    throw new DOMException('denied', 'SecurityError');
  };
  const full: KeyStorage = { ...memoryStorage(), setItem: forbidden };
  const closed: KeyStorage = { getItem: forbidden, setItem: forbidden, removeItem: forbidden };

  test.each([
    ['absent', null],
    ['full', full],
    ['forbidden', closed],
  ])('%s: this page remembers by itself', async (_what, storage) => {
    const { service, sent } = setUp([lost(), lost(), created()], { storage });
    await service.createPayment(DATA);
    await service.createPayment(DATA);
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('AAA');
  });

  test('a full storage does not bring an older key back', async () => {
    const storage = memoryStorage();
    const { service, sent } = setUp([existing('failed'), lost(), created()], { storage });
    await service.createPayment(DATA);
    storage.setItem = forbidden;
    await service.createPayment({ ...DATA, newKey: true });
    await service.createPayment(DATA);
    expect(letters(sent)).toBe('ABB');
  });
});

test('once the storage takes keys again, this tab follows the others', async () => {
  const storage = memoryStorage();
  const { setItem } = storage;
  storage.setItem = () => {
    throw new DOMException('full', 'QuotaExceededError');
  };
  const first = setUp([lost(), existing('failed'), existing()], { storage });
  await first.service.createPayment(DATA);
  storage.setItem = setItem;
  await first.service.createPayment(DATA);
  const second = setUp([lost()], { storage });
  await second.service.createPayment({ ...DATA, newKey: true });
  await first.service.createPayment(DATA);
  expect(first.sent[1]?.key).toBe(first.sent[0]?.key);
  expect(first.sent[2]?.key).toBe(second.sent[0]?.key);
});

test('onRetry hears of a key that is sent again, and of no other', async () => {
  const notices: RetryNotice[] = [];
  const { service, sent } = setUp([lost(), lost(), created()], {
    onRetry: (notice) => notices.push(notice),
  });
  await service.createPayment(DATA);
  expect(notices).toEqual([]);
  await service.createPayment(DATA);
  await service.createPayment(DATA);
  const key = sent[0]?.key;
  expect(notices).toEqual([
    { key, attempt: 2 },
    { key, attempt: 3 },
  ]);
});
