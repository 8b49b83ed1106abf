import pg from 'pg';

// Ids are far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL ?? 8),
});

const ACTIVE = `SELECT id, status FROM payments WHERE consultation_id = $1 AND user_id = $2
  AND status IN ('pending', 'processing', 'completed') FOR UPDATE`;

/** A refusal, with the status that it is answered with. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Runs `work` in a transaction. */
async function transaction(work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

/**
 * The original's transaction. With `guarded` false the look for an active payment is left out, as in
 * services that leave duplicates to their middleware.
 */
export function createPayment({ userId, consultationId, amount, method, key }, guarded) {
  return transaction(async (client) => {
    const lock = guarded ? ' FOR UPDATE' : '';
    const consultation = await client.query({
      name: `consultation${lock}`,
      text: `SELECT patient_id, fee FROM konsultasis WHERE id = $1${lock}`,
      values: [consultationId],
    });
    if (consultation.rows.length === 0) throw new Refusal(404, 'No such consultation');
    const { patient_id: patient, fee } = consultation.rows[0];
    if (patient !== userId) throw new Refusal(403, 'Not your consultation');
    if (Number(fee) !== Number(amount)) throw new Refusal(422, 'Not the fee');
    if (guarded) {
      const values = [consultationId, userId];
      const active = await client.query({ name: 'active', text: ACTIVE, values });
      if (active.rows.length > 0) return { existing: active.rows[0] };
    }
    return { created: await insert(client, { userId, consultationId, amount, method, key }) };
  });
}

async function insert(client, { userId, consultationId, amount, method, key }) {
  const { rows } = await client.query({
    name: 'payment',
    text: `INSERT INTO payments (user_id, consultation_id, amount, payment_method, idempotency_key)
      VALUES ($1, $2, $3, $4, $5) RETURNING *`,
    values: [userId, consultationId, amount, method, key],
  });
  const [payment] = rows;
  const rates = [
    ['VAT', 12],
    ['PPh', 15],
  ];
  for (const [type, rate] of rates) {
    await client.query({
      name: 'tax',
      text: `INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount)
        VALUES ($1, $2, $3, round($4::numeric * $3 / 100, 2))`,
      values: [payment.id, type, rate, amount],
    });
  }
  const stamp = payment.created_at.toISOString().replace(/\D/g, '').slice(0, 14);
  const invoice = await client.query({
    name: 'invoice',
    text: `INSERT INTO invoices (payment_id, invoice_number, amount) VALUES ($1, $2, $3)
      RETURNING *`,
    values: [payment.id, `INV-${stamp}-${String(payment.id).padStart(6, '0')}`, amount],
  });
  return { payment, invoice: invoice.rows[0] };
}

/** Makes or updates a consultation. */
export function putConsultation(id, { patient_id: patient, fee, currency }) {
  return pool.query(
    `INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES ($1, $2, $3, $4)
     ON CONFLICT (id) DO UPDATE SET patient_id = $2, fee = $3, currency = $4`,
    [id, patient, fee, currency ?? 'PHP'],
  );
}

/** A user's payments for a consultation. */
export async function payments(userId, consultationId) {
  const { rows } = await pool.query(
    'SELECT * FROM payments WHERE user_id = $1 AND consultation_id = $2 ORDER BY id DESC',
    [userId, consultationId],
  );
  return rows;
}
