// The host alone, told by messages that the official library signs.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { hostApp } from './app.mjs';
import { Records } from './records.mjs';

const OLD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const NEW = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const FOREIGN = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const NOW = () => Math.floor(Date.now() / 1000);

let folder;
let kept;
let server;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sekali-host-'));
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

async function start() {
  kept = [];
  const sekali = {
    keepConsultation: async ({ id, fee }) => kept.push([id, fee]),
    patientToken: (patient) => `token of ${patient}`,
  };
  const records = new Records(join(folder, 'journal'));
  const app = hostApp({ records, sekali, webhookSecrets: [NEW, OLD] });
  await new Promise((resolve) => (server = app.listen(0, '127.0.0.1', resolve)));
}

function stop() {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
}

async function ask(path, { patient = 7, ...options } = {}) {
  const headers = { 'x-example-patient': String(patient), ...options.headers };
  const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`, {
    ...options,
    headers,
  });
  return { status: answer.status, body: await answer.json().catch(() => null) };
}

async function aConsultation() {
  const headers = { 'content-type': 'application/json' };
  const { status, body } = await ask('/consultations', {
    method: 'POST',
    headers,
    body: '{"fee":"5000.00"}',
  });
  assert.equal(status, 201);
  return body.id;
}

const moment = (second) => `2024-01-15T10:30:${String(second).padStart(2, '0')}.000000Z`;

function message(type, sequence, status, more = {}) {
  const data = {
    payment_id: 100,
    reference: '00000000-0000-0000-0000-000000000007',
    sequence,
    consultation_id: 1,
    user_id: 7,
    amount: '5000.00',
    currency: 'PHP',
    payment_method: 'stripe',
    invoice_number: 'INV-20240115103000-000100',
    status,
    ...more,
  };
  return {
    id: `msg_a_${sequence}`,
    body: JSON.stringify({ type, timestamp: moment(sequence), data }),
  };
}

const created = () => message('payment.created', 1, 'pending');
const processing = () => message('payment.processing', 2, 'processing');
const completed = () => message('payment.completed', 4, 'completed');
const refunded = (sequence, refunded_amount, status) =>
  message('payment.refunded', sequence, status, {
    refunded_amount,
    fully_refunded: status === 'refunded',
  });

async function tell(
  { id, body },
  { secrets = [NEW], at = NOW(), sent = body, type = 'application/json' } = {},
) {
  const signatures = secrets.map((secret) =>
    new Webhook(secret).sign(id, new Date(at * 1000), body),
  );
  const headers = {
    'content-type': type,
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': signatures.join(' '),
  };
  return (await ask('/webhooks/sekali', { method: 'POST', headers, body: sent })).status;
}

async function payment(consultation) {
  const { body } = await ask(`/consultations/${consultation}`);
  return { ...body.payments[0], consultation: body.status };
}

test('messages bring a consultation from unpaid to paid', async () => {
  const id = await aConsultation();
  assert.equal((await ask(`/consultations/${id}`)).body.status, 'unpaid');
  assert.equal(await tell(created()), 204);
  assert.equal((await payment(id)).consultation, 'being paid');
  assert.equal(await tell(processing()), 204);
  assert.equal(await tell(completed()), 204);
  const { status, consultation, history } = await payment(id);
  assert.deepEqual(
    { status, consultation, history },
    {
      status: 'completed',
      consultation: 'paid',
      history: ['payment.created', 'payment.processing', 'payment.completed'],
    },
  );
});

test('a refund in part leaves it paid, a whole one does not, and a dispute is noted beside it', async () => {
  const id = await aConsultation();
  await tell(completed());
  await tell(refunded(5, '1000.00', 'completed'));
  await tell(
    message('payment.disputed', 6, 'completed', {
      dispute: { id: 'dp_1', status: 'needs_response' },
    }),
  );
  let now = await payment(id);
  assert.deepEqual(
    [now.consultation, now.refunded_amount, now.dispute],
    ['paid', '1000.00', 'needs_response'],
  );
  await tell(refunded(7, '5000.00', 'refunded'));
  now = await payment(id);
  assert.deepEqual(
    [now.consultation, now.refunded_amount, now.dispute],
    ['refunded', '5000.00', 'needs_response'],
  );
});

test('a message that comes again is acknowledged and changes nothing', async () => {
  const id = await aConsultation();
  const statuses = await Promise.all(Array.from({ length: 20 }, () => tell(created())));
  assert.deepEqual(new Set(statuses), new Set([204]));
  assert.deepEqual((await payment(id)).history, ['payment.created']);
  assert.equal(readFileSync(join(folder, 'journal'), 'utf8').split('msg_a_1').length, 2);
});

test('what is older than what is known changes nothing', async () => {
  const id = await aConsultation();
  await tell(completed());
  assert.equal(await tell(processing()), 204);
  const { status, history } = await payment(id);
  assert.deepEqual([status, history], ['completed', ['payment.completed']]);
});

test('a payment after one that failed is another one', async () => {
  const id = await aConsultation();
  await tell(message('payment.failed', 3, 'failed', { reason: 'refused' }));
  assert.equal((await ask(`/consultations/${id}`)).body.status, 'unpaid');
  await tell({
    ...message('payment.completed', 3, 'completed', {
      payment_id: 101,
      reference: '00000000-0000-0000-0000-000000000008',
    }),
    id: 'msg_b_3',
  });
  assert.equal((await ask(`/consultations/${id}`)).body.status, 'paid');
});

test('what Sekali has not signed is refused and changes nothing', async () => {
  const id = await aConsultation();
  const forged = completed();
  const refusals = {
    'another secret': await tell(forged, { secrets: [FOREIGN] }),
    'another body': await tell(forged, { sent: forged.body.replace('5000', '1') }),
    'too old': await tell(forged, { at: NOW() - 301 - 5 }),
    'too early': await tell(forged, { at: NOW() + 301 + 5 }),
    'another content type': await tell(forged, { type: 'text/plain' }),
    'no signature': (
      await ask('/webhooks/sekali', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: forged.body,
      })
    ).status,
    'no body': (await ask('/webhooks/sekali', { method: 'POST' })).status,
  };
  for (const [what, status] of Object.entries(refusals)) assert.equal(status, 400, what);
  assert.equal((await ask(`/consultations/${id}`)).body.status, 'unpaid');
});

test('either side can exchange its secret first', async () => {
  await aConsultation();
  assert.equal(await tell(created(), { secrets: [OLD] }), 204);
  assert.equal(await tell(processing(), { secrets: [FOREIGN, NEW] }), 204);
  assert.equal(await tell(completed(), { secrets: [FOREIGN] }), 400);
});

test('a type that is not known yet is acknowledged', async () => {
  assert.equal(await tell({ id: 'msg_c_1', body: '{"type":"invoice.corrected","data":{}}' }), 204);
});

test('what was taken is known after a crash, and what was cut off comes again', async () => {
  const id = await aConsultation();
  await tell(created());
  await stop();
  appendFileSync(join(folder, 'journal'), '{"taken":"msg_a_2","mess');
  await start();
  assert.deepEqual((await payment(id)).history, ['payment.created']);
  assert.equal(await tell(created()), 204);
  assert.equal(await tell(processing()), 204);
  await stop();
  await start();
  assert.deepEqual((await payment(id)).history, ['payment.created', 'payment.processing']);
});

test('a patient gets a token for their own consultation, of which Sekali is told before', async () => {
  const id = await aConsultation();
  const token = (patient) => ask(`/consultations/${id}/payment-token`, { method: 'POST', patient });
  assert.equal((await ask(`/consultations/${id}`, { patient: 8 })).status, 404);
  assert.equal((await token(8)).status, 404);
  assert.equal((await token('nobody')).status, 401);
  assert.deepEqual(kept, []);
  assert.equal((await token(7)).body.token, 'token of 7');
  assert.deepEqual(kept, [[id, '5000.00']]);
});

test('a message that could not be kept is not acknowledged', async () => {
  await stop();
  const records = {
    take: () => {
      throw new Error('the disk is full (as this test wants it)');
    },
  };
  const app = hostApp({ records, sekali: {}, webhookSecrets: [NEW] });
  await new Promise((resolve) => (server = app.listen(0, '127.0.0.1', resolve)));
  assert.equal(await tell(created()), 500);
});
