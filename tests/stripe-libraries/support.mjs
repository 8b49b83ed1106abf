// What the checks share: the unmodified official client, the simulator's own addresses, a receiver of webhooks.
import { strict as assert } from 'node:assert';
import { createServer } from 'node:http';
import Stripe from 'stripe';

const base = new URL(process.env.SIMULATOR ?? assert.fail('SIMULATOR is not set: use ./run'));
const secret = process.env.WEBHOOK_SECRET ?? assert.fail('WEBHOOK_SECRET is not set: use ./run');
const hookPort = Number(
  process.env.WEBHOOK_PORT ?? assert.fail('WEBHOOK_PORT is not set: use ./run'),
);

/** An official client; `more` changes its configuration. */
export function client(more = {}) {
  return new Stripe('sk_test_libraries', {
    apiVersion: '2023-08-16',
    protocol: base.protocol.replace(':', ''),
    host: base.hostname,
    port: base.port,
    maxNetworkRetries: 0,
    telemetry: false,
    ...more,
  });
}

export const stripe = client();
export { assert, secret, Stripe };

let checks = 0;

/** Runs one check and says so; the first that fails ends the run. */
export async function check(name, body) {
  try {
    await body();
  } catch (error) {
    console.error(`not ok – ${name}\n${error.stack}`);
    process.exit(1);
  }
  checks += 1;
  console.log(`ok ${checks} – ${name}`);
}

export function finish() {
  console.log(`Node.js, stripe ${Stripe.PACKAGE_VERSION}: ${checks} checks held`);
  // The library's timers for answers that were lost would keep the process for another minute.
  process.exit(0);
}

/** Asks one of the simulator's own addresses. */
export async function steer(path, body, method = body === undefined ? 'GET' : 'POST') {
  const answer = await fetch(new URL(`/simulator/${path}`, base), {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const value = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(value));
  return value;
}

export const advance = (seconds) => steer('clock', { advance: seconds });
export const fault = (order) => steer('faults', { times: 1, ...order });
export const clearFaults = () => steer('faults', undefined, 'DELETE');

/** What a session is made of; `more` changes it. */
export function order(more = {}) {
  return {
    mode: 'payment',
    success_url: 'https://shop.example/back?session={CHECKOUT_SESSION_ID}',
    cancel_url: 'https://shop.example/cancelled',
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: 'php',
          unit_amount: 500000,
          product_data: { name: 'Consultation' },
        },
      },
    ],
    metadata: { payment: 'uuid-1' },
    payment_intent_data: { metadata: { payment: 'uuid-1' } },
    ...more,
  };
}

/** A session that was paid with the card, its intent and its charge. */
export async function paid(card = '4242424242424242', more = {}) {
  const session = await stripe.checkout.sessions.create(order(more));
  await steer(`sessions/${session.id}/pay`, { card });
  return stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent.latest_charge'],
  });
}

/** The error that a call ends with. */
export async function refusal(call) {
  try {
    await call;
  } catch (error) {
    return error;
  }
  return assert.fail('it was not refused');
}

/** Receives webhooks as a shop does: verified by the library, or answered 400. */
export async function receiver() {
  const events = [];
  const raw = [];
  const answers = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const status = answers.shift() ?? 200;
      try {
        const signature = request.headers['stripe-signature'];
        const event = stripe.webhooks.constructEvent(body, signature, secret);
        raw.push({ body, signature });
        events.push(event);
        response.writeHead(status).end();
      } catch (error) {
        console.error(error.message);
        response.writeHead(400).end();
      }
    });
  });
  await new Promise((resolve) => server.listen(hookPort, '127.0.0.1', resolve));
  return {
    events,
    raw,
    /** The next answers; after them it is 200 again. */
    answerWith: (...statuses) => answers.push(...statuses),
    about: (id) => events.filter((event) => event.data.object.id === id),
    close: () => server.close(),
  };
}

/** Waits until `condition` is true; what has not come after ten seconds does not come. */
export async function until(condition, what) {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
