import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

// Ids are far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const CACHE_SECONDS = 300;
const LOCK_SECONDS = 5;
const LOCK_WAIT_MS = 5000;
const LOCK_POLL_MS = 100;
const ATTEMPTS = 3;
// Serialization failures and deadlocks.
const RETRIED = new Set(['40001', '40P01']);

/** A refusal, with the status that it is answered with. */
export class Refusal extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** The original's five steps: cache, lock, transaction, cache, unlock. */
export class PaymentService {
  constructor({ databaseUrl, poolSize, redis }) {
    this.pool = new pg.Pool({ connectionString: databaseUrl, max: poolSize });
    this.redis = redis;
  }

  async processPayment(wanted) {
    const cacheKey = `payment:idempotency:${wanted.key}`;
    const cached = await this.redis.get(cacheKey);
    if (cached) return { ...JSON.parse(cached), type: 'existing' };
    const lockKey = `payment:lock:${wanted.consultationId}:${wanted.userId}`;
    const locked = await this.lock(lockKey);
    try {
      const result = await this.inTransaction((client) => this.create(client, wanted));
      const { type, payment_id, status } = result;
      const entry = JSON.stringify({ type, payment_id, status });
      await this.redis.set(cacheKey, entry, 'EX', CACHE_SECONDS);
      return result;
    } finally {
      if (locked) await this.redis.del(lockKey);
    }
  }

  async lock(name) {
    const deadline = Date.now() + LOCK_WAIT_MS;
    while (!(await this.redis.set(name, '1', 'EX', LOCK_SECONDS, 'NX'))) {
      if (Date.now() > deadline) throw new Refusal(503, 'The payment is being processed');
      await sleep(LOCK_POLL_MS);
    }
    return true;
  }

  async inTransaction(work) {
    for (let attempt = 1; ; attempt += 1) {
      const client = await this.pool.connect();
      try {
        await client.query('BEGIN');
        const result = await work(client);
        await client.query('COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {});
        if (!RETRIED.has(error.code) || attempt === ATTEMPTS) throw error;
      } finally {
        client.release();
      }
    }
  }

  async create(client, { userId, consultationId, amount, method, key }) {
    const consultation = await query(
      client,
      'SELECT patient_id, fee FROM konsultasis WHERE id = $1 FOR UPDATE',
      [consultationId],
    );
    if (consultation.length === 0) throw new Refusal(404, 'No such consultation');
    const [{ patient_id: patient, fee }] = consultation;
    if (patient !== userId) throw new Refusal(403, 'Not your consultation');
    if (Number(fee) !== Number(amount)) throw new Refusal(422, 'Not the fee');
    const [active] = await query(
      client,
      `SELECT id, status FROM payments WHERE consultation_id = $1 AND user_id = $2
         AND status IN ('pending', 'processing', 'completed') FOR UPDATE`,
      [consultationId, userId],
    );
    if (active) return { type: 'existing', payment_id: active.id, status: active.status };
    const [payment] = await query(
      client,
      `INSERT INTO payments (user_id, consultation_id, amount, payment_method, idempotency_key)
         VALUES ($1, $2, $3, $4, $5) RETURNING *`,
      [userId, consultationId, amount, method, key],
    );
    const invoice = await taxesAndInvoice(client, payment);
    return { type: 'new', payment_id: payment.id, status: payment.status, payment, invoice };
  }
}

async function taxesAndInvoice(client, payment) {
  const rates = [
    ['VAT', 12],
    ['PPh', 15],
  ];
  for (const [type, rate] of rates) {
    await query(
      client,
      `INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount)
         VALUES ($1, $2, $3, round($4::numeric * $3 / 100, 2))`,
      [payment.id, type, rate, payment.amount],
    );
  }
  const stamp = payment.created_at.toISOString().replace(/\D/g, '').slice(0, 14);
  const [invoice] = await query(
    client,
    `INSERT INTO invoices (payment_id, invoice_number, amount) VALUES ($1, $2, $3) RETURNING *`,
    [payment.id, `INV-${stamp}-${String(payment.id).padStart(6, '0')}`, payment.amount],
  );
  return invoice;
}

/** Prepared once a connection, under a name of its own. */
async function query(client, text, values) {
  const name = text.replace(/\W+/g, '_').slice(0, 60);
  return (await client.query({ name, text, values })).rows;
}
