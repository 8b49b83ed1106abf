import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import paymentService, { createPaymentService } from '../src/index.js';
import { uuidV4 } from '../src/uuid.js';
import { CREATED, DATA, json, setUp } from './support.js';

const KEY = /^payment-\d{13}-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

beforeEach(() => {
  localStorage.clear();
});

afterEach(() => {
  vi.useRealTimers();
  paymentService.configure({ baseUrl: '', getToken: () => null });
});

describe('what is sent', () => {
  test('the contract’s request, with one key in the header and in the body', async () => {
    const { service, sent } = setUp([json(201, CREATED)], {
      getToken: () => Promise.resolve('a.b.c'),
    });
    await service.createPayment(DATA);
    const [request] = sent;
    expect(request?.url).toBe('/api/v1/payments');
    expect(request?.method).toBe('POST');
    expect(request?.headers.get('Authorization')).toBe('Bearer a.b.c');
    expect(request?.headers.get('Content-Type')).toBe('application/json');
    expect(request?.headers.get('Accept-Language')).toBe('id');
    expect(request?.key).toMatch(KEY);
    expect(request?.key).toContain('payment-1705321200000-');
    expect(request?.body).toEqual({
      consultation_id: 5,
      amount: 5000,
      payment_method: 'stripe',
      idempotency_key: request?.key,
    });
  });

  test('an amount given as a string is sent as it stands', async () => {
    const { service, sent } = setUp([json(201, CREATED)]);
    await service.createPayment({ ...DATA, amount: '5000.10' });
    expect(sent[0]?.body['amount']).toBe('5000.10');
  });

  test('no token, no Authorization header', async () => {
    const { service, sent } = setUp([json(201, CREATED)]);
    await service.createPayment(DATA);
    expect(sent[0]?.headers.has('Authorization')).toBe(false);
  });

  test('the default export works as imported, on the page’s own origin', async () => {
    const fetch = vi.fn<typeof globalThis.fetch>(() => Promise.resolve(json(201, CREATED)));
    vi.stubGlobal('fetch', fetch);
    const { createPayment } = paymentService;
    expect(await createPayment(DATA)).toMatchObject({ success: true, status: 201 });
    expect(fetch.mock.calls[0]?.[0]).toBe('/api/v1/payments');
  });

  test('configure sets origin and token, and leaves the rest', async () => {
    const { service, sent } = setUp([json(201, CREATED)]);
    service.configure({ baseUrl: 'https://pay.example/', getToken: () => 'later' });
    await service.createPayment(DATA);
    expect(sent[0]?.url).toBe('https://pay.example/api/v1/payments');
    expect(sent[0]?.headers.get('Authorization')).toBe('Bearer later');
  });
});

describe('the UUID', () => {
  test('comes from randomUUID where there is one', () => {
    const randomUUID = () => 'a3d5f2c1-9e8b-4f6d-8a2c-1b5e3f7d9c4a' as const;
    const getRandomValues = () => {
      throw new Error('not asked');
    };
    expect(uuidV4({ randomUUID, getRandomValues })).toBe('a3d5f2c1-9e8b-4f6d-8a2c-1b5e3f7d9c4a');
  });

  test('is of version 4 on an insecure origin, which has getRandomValues alone', () => {
    const filled = (byte: number) =>
      uuidV4({
        getRandomValues: (array) => {
          (array as unknown as Uint8Array).fill(byte);
          return array;
        },
      });
    expect(filled(0xff)).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
    expect(filled(0x01)).toBe('11111111-1111-4111-9111-111111111111');
  });
});

describe('a request that hangs', () => {
  test('counts as unanswered after the time-out, even if fetch ignores the abort', async () => {
    vi.useFakeTimers();
    const { service, sent } = setUp([new Promise(() => undefined)]);
    const result = service.createPayment(DATA);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await result).toMatchObject({ success: false, status: 0, reason: 'timeout' });
    expect(sent).toHaveLength(1);
  });

  test('is aborted', async () => {
    const signals: (AbortSignal | null | undefined)[] = [];
    const fetch = (_url: unknown, init?: RequestInit) => {
      signals.push(init?.signal);
      return new Promise<Response>(() => undefined);
    };
    await createPaymentService({ fetch, timeout: 5, retryFor: 0 }).createPayment(DATA);
    expect(signals[0]?.aborted).toBe(true);
  });
});

describe('where to pay', () => {
  const data = {
    payment_id: 100,
    checkout_url: 'https://pay.example/payment/100/process?c=signed',
  };

  test.each(['', location.origin, `${location.origin}/`])(
    'on this origin (%j) the process page',
    (baseUrl) => {
      expect(createPaymentService({ baseUrl }).processUrl(data)).toBe('/payment/100/process');
    },
  );

  test('on another origin the signed address, which needs no cookie', () => {
    const service = createPaymentService({ baseUrl: 'https://pay.example' });
    expect(service.processUrl(data)).toBe(data.checkout_url);
    expect(service.processUrl({ payment_id: 100 })).toBe('https://pay.example/payment/100/process');
  });
});
