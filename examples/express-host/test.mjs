// The whole way: this host, a Sekali with the Stripe simulator, and what one tells the other.
// SEKALI_BIN is the path of the program `sekali`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import jwt from 'jsonwebtoken';
import { Webhook } from 'standardwebhooks';

const PATIENT = 7;
const JWT_SECRET = randomBytes(48).toString('base64');
const WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const NEXT_WEBHOOK_SECRET = `whsec_${randomBytes(32).toString('base64')}`;

const folder = mkdtempSync(join(tmpdir(), 'sekali-host-'));
const journal = join(folder, 'host.journal');
const hostPort = await freePort();
const hostUrl = `http://127.0.0.1:${hostPort}`;
const sekaliLines = [];
let sekali;
let sekaliUrl;
let host;

before(async () => {
  const { SEKALI_BIN } = process.env;
  assert.ok(
    SEKALI_BIN,
    'SEKALI_BIN is not set: it names the program sekali (./dev build makes target/release/sekali)',
  );
  sekali = run(SEKALI_BIN, ['serve'], {
    SEKALI_LISTEN: '127.0.0.1:0',
    SEKALI_STRIPE_SIMULATOR: '1',
    SEKALI_JWT_SECRET: JWT_SECRET,
    SEKALI_HOST_WEBHOOK_URL: `${hostUrl}/webhooks/sekali`,
    SEKALI_HOST_WEBHOOK_SECRET: `${NEXT_WEBHOOK_SECRET},${WEBHOOK_SECRET}`,
    SEKALI_LOG_FORMAT: 'json',
    DATABASE_URL: `sqlite://${join(folder, 'sekali.db')}`,
  });
  createInterface({ input: sekali.stdout }).on('line', (line) => sekaliLines.push(parsed(line)));
  sekaliUrl = await until('Sekali listens', () => {
    if (sekali.exitCode !== null) throw new Error(`Sekali ended with ${sekali.exitCode}`);
    const line = sekaliLines.find(({ message }) => message === 'Listening');
    return line && `http://${line.address}`;
  });
  await startHost();
});

after(async () => {
  await end(host, 'SIGKILL');
  await end(sekali, 'SIGTERM');
  rmSync(folder, { recursive: true });
});

function run(program, args, settings) {
  // Nothing of what the caller has set for a Sekali of their own counts here.
  const { PATH, HOME } = process.env;
  return spawn(program, args, {
    cwd: folder,
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function startHost() {
  host = run(process.execPath, [join(import.meta.dirname, 'server.mjs')], {
    PORT: String(hostPort),
    HOST_JOURNAL: journal,
    SEKALI_URL: sekaliUrl,
    SEKALI_JWT_SECRET: JWT_SECRET,
    // The host has not yet heard of the next secret.
    SEKALI_HOST_WEBHOOK_SECRET: WEBHOOK_SECRET,
  });
  const lines = createInterface({ input: host.stdout });
  const [first] = await Promise.race([once(lines, 'line'), once(host, 'exit')]);
  assert.equal(first, `Host listening on ${hostUrl}`);
}

async function end(child, signal) {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { message: line };
  }
}

// Asks until there is an answer that counts, for a minute at most.
async function until(what, ask) {
  const latest = Date.now() + 60_000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > latest) {
      const failures = sekaliLines.filter(({ level }) => level === 'WARN' || level === 'ERROR');
      throw new Error(
        `${what}: not within a minute. Sekali said ${JSON.stringify(failures.slice(-10))}`,
      );
    }
    await pause(50);
  }
}

async function call(url, { body, ...options } = {}) {
  const answer = await fetch(url, {
    ...options,
    headers: { ...(body && { 'content-type': 'application/json' }), ...options.headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text && parsed(text) };
}

const atHost = (path, options = {}) =>
  call(hostUrl + path, { ...options, headers: { 'x-example-patient': String(PATIENT) } });

const atSekali = (path, token, body, key = randomUUID()) =>
  call(`${sekaliUrl}/api/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'x-idempotency-key': key },
    body,
  });

// A consultation at the host, and BAYAR pressed for it.
async function pressed() {
  const consultation = await atHost('/consultations', { method: 'POST', body: { fee: '5000.00' } });
  assert.equal(consultation.status, 201);
  const { id } = consultation.body;
  const { token } = (await atHost(`/consultations/${id}/payment-token`, { method: 'POST' })).body;
  const order = { consultation_id: id, amount: 5000, payment_method: 'stripe' };
  const { status, body } = await atSekali('/payments', token, order);
  assert.equal(status, 201, JSON.stringify(body));
  return { id, token, payment: body.data.payment_id, checkout: body.data.checkout_url };
}

// The patient's browser, from the process page to the end at Stripe.
async function paid({ checkout }) {
  const { status, headers } = await call(checkout, { redirect: 'manual' });
  assert.ok(status >= 300 && status < 400, `the process page answered ${status}`);
  const [session] = headers.get('location').match(/cs_\w+/);
  const pay = `${sekaliUrl}/stripe-simulator/simulator/sessions/${session}/pay`;
  const outcome = await call(pay, { method: 'POST', body: { card: '4242424242424242' } });
  assert.equal(outcome.status, 200, JSON.stringify(outcome.body));
}

// The host's consultation, once the last thing that it was told of it is of this type.
function told(id, type) {
  return until(`the host is told ${type}`, async () => {
    const { body } = await atHost(`/consultations/${id}`);
    return body.payments.at(-1)?.history.at(-1) === type && body;
  });
}

const admin = () => jwt.sign({ role: 'admin' }, JWT_SECRET, { subject: '1', expiresIn: '1m' });

test('a payment is told from its beginning to its refund', async () => {
  const press = await pressed();
  await paid(press);
  const history = ['payment.created', 'payment.processing', 'payment.completed'];
  let consultation = await told(press.id, 'payment.completed');
  assert.equal(consultation.status, 'paid');
  assert.deepEqual(
    consultation.payments.map((one) => [one.payment_id, one.history]),
    [[press.payment, history]],
  );

  const refund = await atSekali(`/payments/${press.payment}/refunds`, admin(), {
    amount: '1000.00',
  });
  assert.ok(refund.status < 300, JSON.stringify(refund.body));
  consultation = await told(press.id, 'payment.refunded');
  const [payment] = consultation.payments;
  assert.deepEqual(
    [consultation.status, payment.status, payment.refunded_amount],
    ['paid', 'completed', '1000.00'],
  );
  assert.deepEqual(payment.history, [...history, 'payment.refunded']);

  const rest = await atSekali(`/payments/${press.payment}/refunds`, admin(), { amount: '4000.00' });
  assert.ok(rest.status < 300, JSON.stringify(rest.body));
  await until('the host knows that all is back', async () => {
    const { body } = await atHost(`/consultations/${press.id}`);
    return body.status === 'refunded' && body.payments[0].refunded_amount === '5000.00';
  });
});

test('a payment that the patient cancels is told', async () => {
  const press = await pressed();
  const cancel = await atSekali(`/payments/${press.payment}/cancel`, press.token);
  assert.ok(cancel.status < 300, JSON.stringify(cancel.body));
  const consultation = await told(press.id, 'payment.cancelled');
  assert.equal(consultation.status, 'unpaid');
  assert.deepEqual(consultation.payments[0].history, ['payment.created', 'payment.cancelled']);
});

test('a message that Sekali did not sign is refused', async () => {
  const press = await pressed();
  await told(press.id, 'payment.created');
  const body = {
    type: 'payment.completed',
    timestamp: new Date().toISOString(),
    data: {
      payment_id: press.payment,
      reference: '00000000-0000-0000-0000-000000000007',
      consultation_id: press.id,
      sequence: 99,
      status: 'completed',
    },
  };
  const id = 'msg_forged_99';
  const forger = new Webhook(randomBytes(32).toString('base64'));
  const { status } = await call(`${hostUrl}/webhooks/sekali`, {
    method: 'POST',
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'webhook-signature': forger.sign(id, new Date(), JSON.stringify(body)),
    },
    body,
  });
  assert.equal(status, 400);
  assert.equal((await atHost(`/consultations/${press.id}`)).body.status, 'being paid');
});

test('what happens while the host is down is told after its return, in order and once', async () => {
  const press = await pressed();
  await told(press.id, 'payment.created');
  await end(host, 'SIGKILL');
  await paid(press);
  await until('Sekali has tried in vain', () =>
    sekaliLines.some(
      ({ payment_id, error }) => payment_id === press.payment && /cannot be reached/.test(error),
    ),
  );
  await startHost();
  const { status, payments } = await told(press.id, 'payment.completed');
  assert.equal(status, 'paid');
  assert.deepEqual(payments[0].history, [
    'payment.created',
    'payment.processing',
    'payment.completed',
  ]);
  const taken = readFileSync(journal, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).taken);
  const ids = taken.filter(Boolean);
  assert.equal(new Set(ids).size, ids.length, 'a message was kept twice');
});

test('no log line holds a secret', () => {
  const log = JSON.stringify(sekaliLines);
  for (const secret of [JWT_SECRET, WEBHOOK_SECRET, NEXT_WEBHOOK_SECRET])
    assert.ok(!log.includes(secret));
});
