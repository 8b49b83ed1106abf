//! Tables as they are after years.

use crate::services::postgres::connect;
use crate::trouble::{Outcome, While};

/// So many payments in one transaction.
const CHUNK: i64 = 250_000;

/// Puts payments 1 to `payments` into an empty database, with all that each has when its host was told of it: one a
/// second up to yesterday, ten for each patient, four in five of them paid.
///
/// The triggers that look for each row's foreign keys are off for this session, as all of them are there by construction.
pub(super) async fn fill(url: &str, payments: i64) -> Outcome<()> {
    let client = connect(url).await?;
    client
        .batch_execute("SET synchronous_commit = off; SET session_replication_role = replica")
        .await
        .while_doing("preparing to fill tables")?;
    let mut from = 1;
    while from <= payments {
        let to = (from + CHUNK - 1).min(payments);
        client.batch_execute(&chunk(from, to, payments)).await.while_doing("filling tables")?;
        if to % (4 * CHUNK) == 0 {
            eprintln!("  {to} of {payments} payments are there");
        }
        from = to + 1;
    }
    let rest = format!(
        "SELECT setval(pg_get_serial_sequence('payments', 'id'), {payments});
         ANALYZE; CHECKPOINT"
    );
    client.batch_execute(&rest).await.while_doing("filling tables")
}

fn chunk(from: i64, to: i64, payments: i64) -> String {
    let at =
        format!("date_trunc('second', now()) - interval '1 day' - ({payments} - id) * interval '1 second'");
    let those = format!("id BETWEEN {from} AND {to}");
    format!(
        "BEGIN;
         INSERT INTO konsultasis (id, patient_id, fee, currency)
             SELECT id, 1000000000 + id / 10, 5000.00, 'PHP' FROM generate_series({from}, {to}) AS id;
         INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, currency_decimals,
                               payment_method, status, created_at, updated_at)
             SELECT id, gen_random_uuid(), 1000000000 + id / 10, id, 500000, 'PHP', 2, 'stripe',
                    CASE WHEN id % 5 = 0 THEN 'expired' ELSE 'completed' END, {at}, {at}
             FROM generate_series({from}, {to}) AS id;
         INSERT INTO tax_records (payment_id, tax_type, tax_rate_ppm, tax_amount_minor, currency_decimals)
             SELECT id, type, rate, 500000::bigint * rate / 1000000, 2
             FROM generate_series({from}, {to}) AS id, (VALUES ('VAT', 120000), ('Income Tax', 20000)) AS t (type, rate);
         INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, status,
                               issued_at, updated_at)
             SELECT id, 'INV-' || to_char(created_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS') || '-' ||
                    lpad(id::text, greatest(6, length(id::text)), '0'), 500000, 'PHP', 2,
                    CASE status WHEN 'expired' THEN 'void' ELSE 'paid' END, created_at, created_at
             FROM payments WHERE {those};
         INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at)
             SELECT user_id, 'payment-' || (extract(epoch FROM created_at) * 1000)::bigint || '-' || reference,
                    sha256(''), id, created_at
             FROM payments WHERE {those};
         INSERT INTO payment_events (payment_id, seq, at, kind, data, announces, prev_hash, hash)
             SELECT id, seq, created_at, 'created', repeat('x', 180), 'payment.created', sha256(''), sha256('')
             FROM payments, generate_series(1, 2) AS seq WHERE {those};
         INSERT INTO outbox (payment_id, delivered_seq, last_seq) SELECT id, 2, 2 FROM payments WHERE {those};
         COMMIT"
    )
}
