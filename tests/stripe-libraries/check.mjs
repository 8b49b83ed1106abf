// The official Node.js library, unmodified, against `sekali stripe-simulator`.
import {
  advance,
  assert,
  check,
  clearFaults,
  client,
  fault,
  finish,
  order,
  paid,
  receiver,
} from './support.mjs';
import { refusal, secret, steer, stripe, until } from './support.mjs';

const hooks = await receiver();

// ---- Sessions -----------------------------------------------------------------------------------

await check('a session is created, retrieved and shown with its line items', async () => {
  const session = await stripe.checkout.sessions.create(
    order({ locale: 'id', client_reference_id: 'ref-1' }),
  );
  assert.match(session.id, /^cs_test_/);
  assert.equal(session.status, 'open');
  assert.equal(session.payment_status, 'unpaid');
  assert.equal(session.amount_total, 500000);
  assert.deepEqual(session.metadata, { payment: 'uuid-1' });
  assert.match(session.url, /^http:\/\/127\.0\.0\.1:\d+\/c\/pay\/cs_test_/);
  assert.equal(session.lastResponse.headers['stripe-version'], '2023-08-16');
  assert.match(session.lastResponse.requestId, /^req_/);
  const again = await stripe.checkout.sessions.retrieve(session.id, { expand: ['line_items'] });
  assert.equal(again.line_items.data[0].description, 'Consultation');
  const items = await stripe.checkout.sessions.listLineItems(session.id);
  assert.equal(items.data[0].amount_total, 500000);
});

await check('the times that expires_at may have are Stripe’s', async () => {
  const now = (await steer('clock')).now;
  for (const [seconds, good] of [
    [30 * 60 + 60, true],
    [60, false],
    [24 * 3600 + 60, false],
  ]) {
    const call = stripe.checkout.sessions.create(order({ expires_at: now + seconds }));
    if (good) assert.equal((await call).expires_at, now + seconds);
    else assert.equal((await refusal(call)).param, 'expires_at');
  }
});

await check('sessions are listed page by page, and all of them', async () => {
  const made = [];
  for (let index = 0; index < 12; index += 1)
    made.unshift((await stripe.checkout.sessions.create(order())).id);
  const page = await stripe.checkout.sessions.list({ limit: 5 });
  assert.equal(page.has_more, true);
  assert.deepEqual(
    page.data.map((session) => session.id),
    made.slice(0, 5),
  );
  const second = await stripe.checkout.sessions.list({ limit: 5, starting_after: made[4] });
  assert.deepEqual(
    second.data.map((session) => session.id),
    made.slice(5, 10),
  );
  const back = await stripe.checkout.sessions.list({ limit: 3, ending_before: made[5] });
  assert.deepEqual(
    back.data.map((session) => session.id),
    made.slice(2, 5),
  );
  const all = await stripe.checkout.sessions.list({ limit: 5 }).autoPagingToArray({ limit: 12 });
  assert.deepEqual(
    all.map((session) => session.id),
    made,
  );
});

await check('an open session is expired, once', async () => {
  const session = await stripe.checkout.sessions.create(order());
  const expired = await stripe.checkout.sessions.expire(session.id);
  assert.deepEqual([expired.status, expired.url], ['expired', null]);
  const error = await refusal(stripe.checkout.sessions.expire(session.id));
  assert.equal(error.type, 'StripeInvalidRequestError');
});

await check('a paid session shows its intent and charge, with their metadata', async () => {
  const session = await paid();
  assert.deepEqual([session.status, session.payment_status], ['complete', 'paid']);
  assert.equal(session.payment_intent.status, 'succeeded');
  assert.equal(session.payment_intent.latest_charge.paid, true);
  assert.deepEqual(session.payment_intent.latest_charge.metadata, { payment: 'uuid-1' });
  const found = await stripe.checkout.sessions.list({
    payment_intent: session.payment_intent.id,
    expand: ['data.payment_intent'],
  });
  assert.equal(found.data.length, 1);
  assert.equal(found.data[0].payment_intent.amount_received, 500000);
});

await check('a session runs out when the clock is moved', async () => {
  const session = await stripe.checkout.sessions.create(order());
  await advance(24 * 3600);
  assert.equal((await stripe.checkout.sessions.retrieve(session.id)).status, 'expired');
  await until(
    () => hooks.about(session.id).some((event) => event.type === 'checkout.session.expired'),
    'its webhook',
  );
});

// ---- Errors -------------------------------------------------------------------------------------

await check('a declined card is a StripeCardError', async () => {
  for (const [card, code, reason] of [
    ['4000000000000002', 'card_declined', 'generic_decline'],
    ['4000000000009995', 'card_declined', 'insufficient_funds'],
    ['4000000000000069', 'expired_card', 'expired_card'],
    ['4000000000000127', 'incorrect_cvc', 'incorrect_cvc'],
  ]) {
    const session = await stripe.checkout.sessions.create(order());
    const error = await refusal(
      stripe.rawRequest('POST', `/simulator/sessions/${session.id}/pay`, { card }),
    );
    assert.equal(error.type, 'StripeCardError');
    assert.deepEqual([error.statusCode, error.code, error.decline_code], [402, code, reason]);
    const after = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent'],
    });
    assert.equal(after.status, 'open');
    assert.equal(after.payment_intent.last_payment_error.decline_code, reason);
  }
});

await check('errors are those of the library', async () => {
  const missing = await refusal(stripe.charges.retrieve('ch_nothing'));
  assert.deepEqual(
    [missing.type, missing.code, missing.param, missing.statusCode],
    ['StripeInvalidRequestError', 'resource_missing', 'charge', 404],
  );
  assert.match(missing.requestId, /^req_/);
  assert.match(missing.raw.request_log_url, /req_/);
  const unknown = await refusal(stripe.checkout.sessions.create(order({ colour: 'blue' })));
  assert.deepEqual([unknown.code, unknown.param], ['parameter_unknown', 'colour']);
  const stranger = await refusal(client().charges.list({}, { apiKey: 'sk_live_abcdefghijkl' }));
  assert.equal(stranger.type, 'StripeAuthenticationError');
});

// ---- Refunds ------------------------------------------------------------------------------------

await check('a charge is refunded in parts, and never beyond its amount', async () => {
  const { payment_intent: intent } = await paid();
  const charge = intent.latest_charge.id;
  const part = await stripe.refunds.create({
    payment_intent: intent.id,
    amount: 200000,
    reason: 'requested_by_customer',
    metadata: { refund: 'uuid-2' },
    expand: ['charge', 'payment_intent'],
  });
  assert.deepEqual(
    [part.status, part.amount, part.metadata.refund],
    ['succeeded', 200000, 'uuid-2'],
  );
  assert.deepEqual([part.charge.amount_refunded, part.charge.refunded], [200000, false]);
  assert.equal(part.payment_intent.id, intent.id);
  const much = await refusal(stripe.refunds.create({ charge, amount: 300001 }));
  assert.deepEqual([much.type, much.param], ['StripeInvalidRequestError', 'amount']);
  const rest = await stripe.refunds.create({ charge });
  assert.equal(rest.amount, 300000);
  assert.equal((await refusal(stripe.refunds.create({ charge }))).code, 'charge_already_refunded');
  const shown = await stripe.charges.retrieve(charge, { expand: ['refunds'] });
  assert.deepEqual([shown.amount_refunded, shown.refunded], [500000, true]);
  assert.deepEqual(
    shown.refunds.data.map((refund) => refund.id),
    [rest.id, part.id],
  );
  await until(
    () => hooks.about(charge).filter((event) => event.type === 'charge.refunded').length === 2,
    'the webhooks',
  );
  await until(
    () => hooks.about(part.id).some((event) => event.type === 'refund.created'),
    'refund.created',
  );
});

await check('refunds are listed by charge and intent, and all of them', async () => {
  const { payment_intent: intent } = await paid();
  const made = [];
  for (let index = 0; index < 7; index += 1) {
    made.unshift((await stripe.refunds.create({ payment_intent: intent.id, amount: 100 })).id);
  }
  const ids = [];
  for await (const refund of stripe.refunds.list({ charge: intent.latest_charge.id, limit: 3 }))
    ids.push(refund.id);
  assert.deepEqual(ids, made);
  const page = await stripe.refunds.list({ payment_intent: intent.id, limit: 100 });
  assert.deepEqual([page.data.length, page.has_more], [7, false]);
});

await check('a hundred refunds of sixty per cent: one', async () => {
  const { payment_intent: intent } = await paid();
  const calls = Array.from({ length: 100 }, () =>
    stripe.refunds.create({ payment_intent: intent.id, amount: 300000 }),
  );
  const outcomes = await Promise.allSettled(calls);
  assert.equal(outcomes.filter((outcome) => outcome.status === 'fulfilled').length, 1);
});

await check('a pending refund succeeds later, or is cancelled', async () => {
  const { payment_intent: intent } = await paid('4000000000007726');
  const first = await stripe.refunds.create({ payment_intent: intent.id, amount: 1000 });
  const second = await stripe.refunds.create({ payment_intent: intent.id, amount: 2000 });
  assert.deepEqual([first.status, second.status], ['pending', 'pending']);
  assert.equal((await stripe.refunds.cancel(second.id)).status, 'canceled');
  await advance(60);
  assert.equal((await stripe.refunds.retrieve(first.id)).status, 'succeeded');
  assert.equal((await stripe.charges.retrieve(intent.latest_charge.id)).amount_refunded, 1000);
  const updated = (event) =>
    event.type === 'refund.updated' && event.data.previous_attributes.status === 'pending';
  await until(() => hooks.about(first.id).some(updated), 'refund.updated');
});

await check('a refund that bounces gives its amount back to the charge', async () => {
  const { payment_intent: intent } = await paid('4000000000005126');
  const refund = await stripe.refunds.create({ payment_intent: intent.id });
  assert.equal(refund.status, 'succeeded');
  await advance(60);
  const failed = await stripe.refunds.retrieve(refund.id);
  assert.deepEqual([failed.status, failed.failure_reason], ['failed', 'expired_or_canceled_card']);
  assert.equal((await stripe.charges.retrieve(intent.latest_charge.id)).amount_refunded, 0);
  await until(
    () => hooks.about(refund.id).some((event) => event.type === 'refund.failed'),
    'refund.failed',
  );
});

await check('a refund in the dashboard is seen by the API, and its metadata changed', async () => {
  const { payment_intent: intent } = await paid();
  const made = await steer(`charges/${intent.latest_charge.id}/refund`, { amount: 1000 });
  const changed = await stripe.refunds.update(made.id, { metadata: { seen: 'yes' } });
  assert.deepEqual([changed.amount, changed.metadata.seen], [1000, 'yes']);
});

// ---- Disputes -----------------------------------------------------------------------------------

await check('a dispute is opened by its card, and won', async () => {
  const { payment_intent: intent } = await paid('4000000000000259');
  const { data } = await stripe.disputes.list({
    payment_intent: intent.id,
    expand: ['data.charge'],
  });
  assert.deepEqual(
    [data[0].status, data[0].reason, data[0].charge.disputed],
    ['needs_response', 'fraudulent', true],
  );
  assert.equal(
    (await refusal(stripe.refunds.create({ payment_intent: intent.id }))).code,
    'charge_disputed',
  );
  await steer(`disputes/${data[0].id}/close`, { status: 'won' });
  assert.equal((await stripe.disputes.retrieve(data[0].id)).status, 'won');
  for (const name of ['created', 'funds_withdrawn', 'closed', 'funds_reinstated']) {
    await until(
      () => hooks.about(data[0].id).some((event) => event.type === `charge.dispute.${name}`),
      name,
    );
  }
});

await check('a dispute about any charge is opened, and lost', async () => {
  const { payment_intent: intent } = await paid();
  const dispute = await steer(`charges/${intent.latest_charge.id}/dispute`, {
    reason: 'product_not_received',
  });
  await steer(`disputes/${dispute.id}/close`, { status: 'lost' });
  const found = await stripe.disputes.list({ charge: intent.latest_charge.id });
  assert.equal(found.data[0].status, 'lost');
});

// ---- Payments that take days, and intents -------------------------------------------------------

await check('a bank payment is unpaid first, then paid or failed', async () => {
  const types = { payment_method_types: ['card', 'us_bank_account'] };
  for (const [account, status, name] of [
    ['000123456789', 'paid', 'checkout.session.async_payment_succeeded'],
    ['000111111116', 'unpaid', 'checkout.session.async_payment_failed'],
  ]) {
    const session = await stripe.checkout.sessions.create(order(types));
    await steer(`sessions/${session.id}/pay`, { bank_account: account });
    const submitted = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent'],
    });
    assert.deepEqual([submitted.status, submitted.payment_status], ['complete', 'unpaid']);
    assert.equal(submitted.payment_intent.status, 'processing');
    await advance(60);
    assert.equal((await stripe.checkout.sessions.retrieve(session.id)).payment_status, status);
    await until(() => hooks.about(session.id).some((event) => event.type === name), name);
  }
});

await check('an intent is changed, and cancelled only when it may be', async () => {
  const { payment_intent: intent } = await paid();
  const changed = await stripe.paymentIntents.update(intent.id, {
    description: 'Other',
    metadata: { more: '1' },
  });
  assert.deepEqual(
    [changed.description, changed.metadata],
    ['Other', { payment: 'uuid-1', more: '1' }],
  );
  const error = await refusal(stripe.paymentIntents.cancel(intent.id));
  assert.equal(error.code, 'payment_intent_unexpected_state');
  assert.equal(error.payment_intent.status, 'succeeded');
  assert.ok(
    (await stripe.paymentIntents.list({ limit: 3 })).data.some((other) => other.id === intent.id),
  );
  const charges = await stripe.charges.list({ payment_intent: intent.id });
  assert.equal(charges.data.length, 1);
});

await check('an expired session is paid all the same where a test forces it', async () => {
  const session = await stripe.checkout.sessions.create(order());
  await stripe.checkout.sessions.expire(session.id);
  await steer(`sessions/${session.id}/pay`, { card: '4242424242424242', force: true });
  assert.equal((await stripe.checkout.sessions.retrieve(session.id)).payment_status, 'paid');
});

// ---- Idempotency --------------------------------------------------------------------------------

await check('a key’s first answer is its answer', async () => {
  const options = { idempotencyKey: 'node-replay' };
  const first = await stripe.checkout.sessions.create(order(), options);
  assert.equal(first.lastResponse.headers['idempotent-replayed'], undefined);
  const second = await stripe.checkout.sessions.create(order(), options);
  assert.equal(second.id, first.id);
  assert.equal(second.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(second.lastResponse.idempotencyKey, 'node-replay');
  const other = await refusal(stripe.checkout.sessions.create(order({ locale: 'id' }), options));
  assert.deepEqual([other.type, other.statusCode], ['StripeIdempotencyError', 400]);
});

await check('a key that is in use is refused', async () => {
  await fault({ kind: 'slow', method: 'POST', delay_ms: 1500 });
  const slow = stripe.checkout.sessions.create(order(), { idempotencyKey: 'node-flight' });
  await until(
    async () => (await steer('faults')).data.some((entry) => entry.struck === 1),
    'the slow request',
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  const refused = await refusal(
    stripe.checkout.sessions.create(order(), { idempotencyKey: 'node-flight' }),
  );
  assert.deepEqual([refused.statusCode, refused.code], [409, 'idempotency_key_in_use']);
  const session = await slow;
  const again = await stripe.checkout.sessions.create(order(), { idempotencyKey: 'node-flight' });
  assert.equal(again.id, session.id);
  await clearFaults();
});

await check('a key is forgotten after a day', async () => {
  const options = { idempotencyKey: 'node-expiry' };
  const first = await stripe.checkout.sessions.create(order(), options);
  await advance(24 * 3600 - 60);
  assert.equal((await stripe.checkout.sessions.create(order(), options)).id, first.id);
  await advance(60);
  assert.notEqual((await stripe.checkout.sessions.create(order(), options)).id, first.id);
});

// ---- Faults, against the library's own repeats ----------------------------------------------------

async function sessionsMade(reference) {
  const all = await stripe.checkout.sessions.list({ limit: 100 });
  return all.data.filter((session) => session.client_reference_id === reference);
}

for (const kind of [
  'answer_lost',
  'request_lost',
  'connection_reset',
  'rate_limited',
  'conflict',
  'server_error',
]) {
  await check(`the library repeats after ${kind}, and there is one session`, async () => {
    await fault({ kind, method: 'POST', path: '/v1/checkout/sessions' });
    const reference = `node-${kind}`;
    const session = await client({ maxNetworkRetries: 2 }).checkout.sessions.create(
      order({ client_reference_id: reference }),
    );
    const [entry] = (await steer('faults')).data;
    assert.deepEqual([entry.kind, entry.struck], [kind, 1]);
    assert.deepEqual(
      (await sessionsMade(reference)).map((made) => made.id),
      [session.id],
    );
  });
}

await check('the library repeats after a slow answer, and there is one session', async () => {
  await fault({ kind: 'slow', method: 'POST', delay_ms: 1200 });
  const patient = client({ maxNetworkRetries: 6, timeout: 600 });
  const session = await patient.checkout.sessions.create(
    order({ client_reference_id: 'node-slow' }),
  );
  assert.deepEqual(
    (await sessionsMade('node-slow')).map((made) => made.id),
    [session.id],
  );
});

await check('a refund whose answer is lost is made once', async () => {
  const { payment_intent: intent } = await paid();
  await fault({ kind: 'answer_lost', method: 'POST', path: '/v1/refunds' });
  await client({ maxNetworkRetries: 2 }).refunds.create({
    payment_intent: intent.id,
    amount: 1000,
  });
  assert.equal((await stripe.charges.retrieve(intent.latest_charge.id)).amount_refunded, 1000);
});

await check(
  'without repeats, a lost answer is a connection error, and the session is there',
  async () => {
    // This library repeats once all the same, in case it was a connection that stood idle.
    await fault({ kind: 'answer_lost', method: 'POST', times: 2 });
    const error = await refusal(
      stripe.checkout.sessions.create(order({ client_reference_id: 'node-gone' })),
    );
    assert.equal(error.type, 'StripeConnectionError');
    assert.equal((await sessionsMade('node-gone')).length, 1);
  },
);

await check(
  'an answer that breaks off is a connection error, and the key still has the session',
  async () => {
    await fault({ kind: 'answer_cut', method: 'POST' });
    const options = { idempotencyKey: 'node-cut' };
    const error = await refusal(
      stripe.checkout.sessions.create(order({ client_reference_id: 'node-cut' }), options),
    );
    assert.equal(error.type, 'StripeConnectionError');
    const session = await stripe.checkout.sessions.create(
      order({ client_reference_id: 'node-cut' }),
      options,
    );
    assert.deepEqual(
      (await sessionsMade('node-cut')).map((made) => made.id),
      [session.id],
    );
  },
);

for (const [kind, made] of [
  ['server_error_saved', 0],
  ['server_error_after_work', 1],
]) {
  await check(`${kind} is the key’s answer`, async () => {
    await fault({ kind, method: 'POST' });
    const create = () =>
      stripe.checkout.sessions.create(order({ client_reference_id: `node-${kind}` }), {
        idempotencyKey: `node-${kind}`,
      });
    const first = await refusal(create());
    assert.deepEqual([first.type, first.statusCode], ['StripeAPIError', 500]);
    const second = await refusal(create());
    assert.equal(second.headers['idempotent-replayed'], 'true');
    assert.equal((await sessionsMade(`node-${kind}`)).length, made);
  });
}

await check('a fault in metadata strikes once', async () => {
  const metadata = { simulator_fault: 'answer_lost' };
  const session = await client({ maxNetworkRetries: 2 }).checkout.sessions.create(
    order({ metadata, client_reference_id: 'node-metadata' }),
  );
  assert.deepEqual(
    (await sessionsMade('node-metadata')).map((made) => made.id),
    [session.id],
  );
});

// ---- Webhooks -----------------------------------------------------------------------------------

async function expired() {
  const session = await stripe.checkout.sessions.create(order());
  await stripe.checkout.sessions.expire(session.id);
  return session.id;
}

await check('webhooks come in order, verified, and are the events that the API shows', async () => {
  await clearFaults();
  const session = await paid();
  const mine = () =>
    hooks.events.filter((event) =>
      JSON.stringify(event.data.object).includes(session.payment_intent.id),
    );
  await until(() => mine().length === 4, 'four webhooks');
  assert.deepEqual(
    mine().map((event) => event.type),
    [
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'checkout.session.completed',
    ],
  );
  const received = mine()[3];
  const shown = await stripe.events.retrieve(received.id);
  assert.deepEqual(shown.data, received.data);
  assert.equal(received.api_version, '2023-08-16');
  const listed = await stripe.events.list({
    types: ['charge.succeeded', 'checkout.session.completed'],
    limit: 2,
  });
  assert.deepEqual(
    listed.data.map((event) => event.type),
    ['checkout.session.completed', 'charge.succeeded'],
  );
});

await check('a forged webhook is refused by the library', async () => {
  const { body, signature } = hooks.raw[0];
  assert.throws(() => stripe.webhooks.constructEvent(body, signature, 'whsec_other'), /signature/i);
  const changed = Buffer.from(body.toString().replace('"livemode":false', '"livemode":true'));
  assert.throws(() => stripe.webhooks.constructEvent(changed, signature, secret), /signature/i);
});

await check('a webhook that is not answered comes again after 1, 2, 4 seconds', async () => {
  hooks.answerWith(500, 500, 500);
  const id = await expired();
  await until(() => hooks.about(id).length === 1, 'the first attempt');
  for (const [attempt, seconds] of [
    [2, 1],
    [3, 2],
    [4, 4],
  ]) {
    await until(async () => {
      if (hooks.about(id).length === attempt - 1) await advance(seconds);
      return hooks.about(id).length >= attempt;
    }, `attempt ${attempt}`);
  }
  assert.equal(new Set(hooks.about(id).map((event) => event.id)).size, 1);
  await until(
    async () => (await stripe.events.retrieve(hooks.about(id)[0].id)).pending_webhooks === 0,
    'the end',
  );
});

await check('a webhook comes late', async () => {
  await fault({
    kind: 'webhook_late',
    event_type: 'checkout.session.expired',
    delay_ms: 3_600_000,
  });
  const late = await expired();
  const soon = await expired();
  await until(() => hooks.about(soon).length === 1, 'the later one');
  assert.equal(hooks.about(late).length, 0);
  await advance(3600);
  await until(() => hooks.about(late).length === 1, 'the late one');
});

await check('a webhook comes twice, as one event', async () => {
  await fault({ kind: 'webhook_twice', event_type: 'checkout.session.expired' });
  const id = await expired();
  await until(() => hooks.about(id).length === 2, 'both');
  assert.equal(new Set(hooks.about(id).map((event) => event.id)).size, 1);
});

await check('a webhook comes out of order', async () => {
  await fault({
    kind: 'webhook_out_of_order',
    event_type: 'charge.succeeded',
    delay_ms: 3_600_000,
  });
  const { payment_intent: intent } = await paid();
  await until(() => hooks.about(intent.latest_charge.id).length === 1, 'the overtaken one');
  const place = (id, type) =>
    hooks.events.findIndex((event) => event.data.object.id === id && event.type === type);
  const charge = place(intent.latest_charge.id, 'charge.succeeded');
  assert.ok(charge > place(intent.id, 'payment_intent.succeeded'));
});

await check('a webhook never comes, and the API tells what happened', async () => {
  await fault({ kind: 'webhook_never', event_type: 'checkout.session.expired' });
  const lost = await expired();
  const later = await expired();
  await until(() => hooks.about(later).length === 1, 'a later one');
  await advance(4 * 24 * 3600);
  const after = await expired();
  await until(() => hooks.about(after).length === 1, 'one after four days');
  assert.equal(hooks.about(lost).length, 0);
  const undelivered = await stripe.events.list({
    type: 'checkout.session.expired',
    delivery_success: false,
  });
  assert.equal(undelivered.data[0].data.object.id, lost);
});

hooks.close();
finish();
