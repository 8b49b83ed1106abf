import { beforeEach, describe, expect, test } from 'vitest';
import { CREATED, json, setUp } from './support.js';

beforeEach(() => {
  localStorage.clear();
});

const { payment, invoice, checkout_url } = CREATED.data;
const RECEIPT = { payment, invoice, checkout_url };

describe('how the consultation’s latest payment stands', () => {
  test('is asked without a key, and with the token', async () => {
    const { service, sent } = setUp([json(200, { data: [RECEIPT], next_cursor: null })], {
      getToken: () => 'a.b.c',
    });
    expect(await service.findPayment({ consultationId: 5 })).toEqual({
      success: true,
      status: 200,
      type: 'found',
      data: RECEIPT,
      message: '',
    });
    const [request] = sent;
    expect(request?.url).toBe('/api/v1/payments?consultation_id=5&limit=1');
    expect(request?.method).toBe('GET');
    expect(request?.headers.get('Authorization')).toBe('Bearer a.b.c');
    expect(request?.headers.has('X-Idempotency-Key')).toBe(false);
    expect(localStorage.length).toBe(0);
  });

  test('there is none', async () => {
    const { service } = setUp([json(200, { data: [], next_cursor: null })]);
    expect(await service.findPayment({ consultationId: 5 })).toMatchObject({ data: null });
  });

  test.each([
    ['no network', new TypeError('Failed to fetch'), { status: 0, reason: 'network' }],
    ['a refusal', json(403, { message: 'Pesan' }), { reason: 'refused', message: 'Pesan' }],
    ['a log-in page', new Response('<html>'), { status: 200, reason: 'unavailable' }],
    ['another form', json(200, { data: {} }), { status: 200, reason: 'unavailable' }],
  ])('%s: it is not known', async (_what, step, failure) => {
    const { service } = setUp([step]);
    const result = await service.findPayment({ consultationId: 5 });
    expect(result).toMatchObject({ success: false, data: null, ...failure });
  });

  test('a token that cannot be had: it is not known', async () => {
    const { service, sent } = setUp([], {
      getToken: () => {
        throw new Error('signed out');
      },
    });
    expect(await service.findPayment({ consultationId: 5 })).toMatchObject({ success: false });
    expect(sent).toHaveLength(0);
  });

  test('a question that nobody waits for any more', async () => {
    const { service } = setUp([new Promise(() => undefined)]);
    const stop = new AbortController();
    const question = service.findPayment({ consultationId: 5, signal: stop.signal });
    stop.abort();
    expect(await question).toMatchObject({ success: false, reason: 'aborted' });
  });
});
