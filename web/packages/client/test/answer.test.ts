import { beforeEach, describe, expect, test } from 'vitest';
import type { PaymentRequest } from '../src/index.js';
import { CREATED, DATA, EXISTING, json, setUp } from './support.js';

beforeEach(() => {
  localStorage.clear();
});

const answerTo = (step: Response | Error, request: PaymentRequest = DATA) =>
  setUp([step]).service.createPayment(request);

describe('success', () => {
  test('201: the payment’s id under both names, and everything as given', async () => {
    expect(await answerTo(json(201, CREATED))).toEqual({
      success: true,
      status: 201,
      type: 'new',
      data: { ...CREATED.data, paymentId: 100 },
      message: 'Pembayaran berhasil dibuat',
      key: expect.stringMatching(/^payment-1705321200000-/) as string,
    });
  });

  test('409 with data: the same, of the payment that is there', async () => {
    const data = { ...EXISTING.data, checkout_url: 'https://pay.example/x' };
    expect(await answerTo(json(409, { ...EXISTING, data }))).toEqual({
      success: true,
      status: 409,
      type: 'existing',
      data: { ...data, paymentId: 100 },
      message: 'Duplicate payment request detected',
      key: expect.stringMatching(/^payment-1705321200000-/) as string,
    });
  });

  test('what the service says is null is left out, as its types say', async () => {
    const payment = { ...CREATED.data.payment, dispute: null };
    const data = { ...CREATED.data, payment, checkout_url: null };
    const result = await answerTo(json(201, { ...CREATED, data }));
    expect(result.data).not.toHaveProperty('checkout_url');
    expect(result.data).not.toHaveProperty('payment.dispute');
  });
});

describe('everything else resolves with success: false and a message', () => {
  test.each([
    ...[400, 403, 404, 413, 415, 422].map((status) => [status, 'refused'] as const),
    ...[401, 409, 429, 500, 503].map((status) => [status, 'unavailable'] as const),
  ])('%i: the service’s own message, and what it means: %s', async (status, reason) => {
    const problem = { type: 'about:blank', title: 'T', status, detail: 'D', message: 'Pesan' };
    expect(await answerTo(json(status, problem))).toEqual({
      success: false,
      status,
      type: 'error',
      reason,
      data: null,
      message: 'Pesan',
      key: expect.stringMatching(/^payment-/) as string,
    });
  });

  test('422 carries the fields and the request’s id', async () => {
    const errors = { amount: ['harus lebih dari 0'] };
    expect(
      await answerTo(json(422, { message: 'Periksa data', errors, request_id: 'r-1' })),
    ).toMatchObject({ success: false, status: 422, errors, requestId: 'r-1' });
  });

  test('409 as problem+json without data', async () => {
    const problem = { title: 'In flight', status: 409, detail: 'Masih diproses' };
    expect(await answerTo(json(409, problem))).toMatchObject({
      success: false,
      status: 409,
      message: 'Masih diproses',
    });
  });

  test.each([
    ['a proxy’s page', new Response('<h1>Bad Gateway</h1>', { status: 502 }), 502],
    ['a hotel’s log-in page', new Response('<html>', { status: 200 }), 200],
    ['a 201 cut short', new Response('{"data":{"payment_id":1', { status: 201 }), 201],
    ['a 201 without a payment', json(201, { data: {} }), 201],
    ['a 409 with data of another kind', json(409, { data: { payment_id: 'x' } }), 409],
    ['JSON that is no object', json(500, [1]), 500],
    ['an empty answer', new Response('', { status: 500 }), 500],
  ])('%s', async (_what, response, status) => {
    const result = await answerTo(response);
    expect(result).toMatchObject({ success: false, status, data: null, reason: 'unavailable' });
    expect(result.message).toContain(`HTTP ${status}`);
  });

  test('no network', async () => {
    const result = await answerTo(new TypeError('Failed to fetch'));
    expect(result).toMatchObject({ success: false, status: 0, type: 'error', data: null });
    expect(result).toMatchObject({ reason: 'network' });
    expect(result.message).toContain('tidak akan ditagih dua kali');
  });

  test('a body that breaks off', async () => {
    const body = new ReadableStream({
      start: (controller) => {
        controller.error(new Error('reset'));
      },
    });
    expect(await answerTo(new Response(body, { status: 201 }))).toMatchObject({
      success: false,
      status: 0,
    });
  });
});

describe('the client’s own words are in the language of the service’s', () => {
  const proxy = () => new Response('<html>', { status: 502 });

  test.each([
    ['id', /^Tidak ada jawaban/, /sedang terganggu \(HTTP 502\)/],
    ['id-ID', /^Tidak ada jawaban/, /sedang terganggu \(HTTP 502\)/],
    ['en', /did not answer/, /not available \(HTTP 502\)/],
    ['fil, en', /did not answer/, /not available \(HTTP 502\)/],
  ])('%s', async (language, none, unavailable) => {
    const { service, sent } = setUp([new Error('lost'), proxy(), proxy()], { language });
    expect((await service.createPayment(DATA)).message).toMatch(none);
    expect((await service.createPayment(DATA)).message).toMatch(unavailable);
    expect(sent[0]?.headers.get('Accept-Language')).toBe(language);
    await service.createPayment({ ...DATA, language: 'fil' });
    expect(sent[2]?.headers.get('Accept-Language')).toBe('fil');
  });
});

describe('never throws', () => {
  test('on data that cannot be sent', async () => {
    const huge = { ...DATA, amount: 5n as unknown as number };
    const invalid = { success: false, reason: 'invalid', status: 0 };
    expect(await answerTo(json(201, CREATED), huge)).toMatchObject(invalid);
    const nothing = null as unknown as PaymentRequest;
    expect(await answerTo(json(201, CREATED), nothing)).toMatchObject(invalid);
  });

  test('on a token that cannot be had', async () => {
    const { service, sent } = setUp([], {
      getToken: () => {
        throw new Error('signed out');
      },
    });
    expect(await service.createPayment(DATA)).toMatchObject({ success: false });
    expect(sent).toHaveLength(0);
  });

  test('on a listener that throws', async () => {
    const { service } = setUp([new Error('lost'), json(201, CREATED)], {
      onRetry: () => {
        throw new Error('a mistake');
      },
    });
    await service.createPayment(DATA);
    expect(await service.createPayment(DATA)).toMatchObject({ success: true, status: 201 });
  });
});
