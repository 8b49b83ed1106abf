//! Every statement, in one list, so that a test can prepare each against the schema.

use tokio_postgres::types::Type;

/// A statement with the types of its parameters: they are named because a pooler may not let the
/// server infer them ahead of the call.
pub(crate) struct Sql {
    pub(crate) text: &'static str,
    pub(crate) types: &'static [Type],
}

/// Declares the statements, and the list of them.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident($($kind:ident),*) = $text:expr;)*) => {
        $($(#[$doc])* pub(crate) static $name: Sql = Sql { text: $text, types: &[$(Type::$kind),*] };)*
        /// All of them.
        #[cfg(test)]
        pub(crate) static ALL: &[(&str, &Sql)] = &[$((stringify!($name), &$name)),*];
    };
}

/// A payment `p` with its invoice `v`: the columns that `rows::receipt` reads.
macro_rules! receipt {
    () => {
        "p.id, p.reference, p.user_id, p.consultation_id, p.amount_minor, p.currency, p.payment_method, \
         p.status, p.created_at, p.updated_at, \
         (p.status = 'processing' AND NOT EXISTS (SELECT FROM checkout_sessions s \
            WHERE s.payment_id = p.id AND s.state IN ('creating', 'open'))) AS submitted, \
         v.id AS invoice_id, v.invoice_number, v.status AS invoice_status, v.issued_at"
    };
}

macro_rules! page {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            receipt!(),
            " FROM payments p JOIN invoices v ON v.payment_id = p.id WHERE p.id < $1 AND ",
            $condition,
            " ORDER BY p.id DESC LIMIT $2"
        )
    };
}

/// A consultation `c`: the columns that `rows::consultation` reads.
macro_rules! consultation {
    () => {
        "c.id AS c_id, c.patient_id, c.fee::text AS fee, c.currency AS c_currency, c.tax_exempt"
    };
}

macro_rules! session {
    ($condition:literal) => {
        concat!(
            "SELECT s.id, s.payment_id, s.state, s.request, s.gateway_id, s.created_at \
             FROM checkout_sessions s WHERE ",
            $condition
        )
    };
}

statements! {
    /// See migrations/0002: writes what can be written of a batch.
    CREATE_PAYMENTS(BOOL, UUID_ARRAY, INT8_ARRAY, INT8_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, TEXT_ARRAY,
                    INT8_ARRAY, TEXT_ARRAY, INT2_ARRAY, BOOL_ARRAY, TIMESTAMPTZ_ARRAY,
                    INT8_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY) =
        "SELECT item, payment_id, invoice_id FROM sekali_create_payments(\
         $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

    /// Why an item was not written: what its key has made, how its consultation stands, and that
    /// one's active payment. One payment comes back: the key's if it has one, else the active one.
    CLASSIFY(INT8_ARRAY, TEXT_ARRAY, INT8_ARRAY) = concat!(
        "SELECT i.item, k.fingerprint, ", consultation!(), ", ", receipt!(),
        " FROM unnest($1, $2, $3) WITH ORDINALITY AS i (user_id, key, consultation_id, item) \
         LEFT JOIN idempotency_keys k ON k.user_id = i.user_id AND k.key = i.key \
         LEFT JOIN konsultasis c ON c.id = i.consultation_id \
         LEFT JOIN LATERAL (\
           SELECT active.id FROM payments active WHERE active.consultation_id = i.consultation_id \
           AND active.status IN ('pending', 'processing', 'completed') LIMIT 1) a ON true \
         LEFT JOIN payments p ON p.id = coalesce(k.payment_id, a.id) \
         LEFT JOIN invoices v ON v.payment_id = p.id \
         ORDER BY i.item");

    PAYMENT(INT8) = concat!(
        "SELECT ", receipt!(), " FROM payments p JOIN invoices v ON v.payment_id = p.id WHERE p.id = $1");

    KEY(INT8, TEXT) = concat!(
        "SELECT k.fingerprint, ", receipt!(),
        " FROM idempotency_keys k JOIN payments p ON p.id = k.payment_id \
         JOIN invoices v ON v.payment_id = p.id WHERE k.user_id = $1 AND k.key = $2");

    PAGE(INT8, INT8) = page!("true");
    PAGE_OF_USER(INT8, INT8, INT8) = page!("p.user_id = $3");
    PAGE_OF_CONSULTATION(INT8, INT8, INT8) = page!("p.consultation_id = $3");
    PAGE_OF_BOTH(INT8, INT8, INT8, INT8) = page!("p.user_id = $3 AND p.consultation_id = $4");

    PURGE_KEYS(TIMESTAMPTZ, INT8) =
        "WITH old AS MATERIALIZED (\
           SELECT user_id, key FROM idempotency_keys WHERE created_at < $1 \
           ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED) \
         DELETE FROM idempotency_keys k USING old WHERE k.user_id = old.user_id AND k.key = old.key \
         RETURNING 1";

    CONSULTATION(INT8) = concat!("SELECT ", consultation!(), " FROM konsultasis c WHERE c.id = $1");

    INSERT_CONSULTATION(INT8, INT8, TEXT, TEXT, BOOL, TIMESTAMPTZ) = concat!(
        "INSERT INTO konsultasis AS c (id, patient_id, fee, currency, tax_exempt, created_at, updated_at) \
         VALUES ($1, $2, $3::text::numeric, $4, coalesce($5, false), $6, $6) \
         ON CONFLICT (id) DO NOTHING RETURNING ", consultation!());

    /// Locks it without blocking foreign keys of the host's that name it.
    LOCK_CONSULTATION(INT8) = "SELECT 1 FROM konsultasis WHERE id = $1 FOR NO KEY UPDATE";

    /// Whether it costs somebody else, or something else, than it would.
    IS_BEING_PAID_OTHERWISE(INT8, INT8, TEXT, TEXT) =
        "SELECT 1 FROM konsultasis c JOIN payments p ON p.consultation_id = c.id \
         WHERE c.id = $1 AND p.status IN ('pending', 'processing', 'completed') \
         AND (c.patient_id <> $2 OR c.fee <> $3::text::numeric OR c.currency <> $4)";

    UPDATE_CONSULTATION(INT8, INT8, TEXT, TEXT, BOOL, TIMESTAMPTZ) = concat!(
        "UPDATE konsultasis c SET patient_id = $2, fee = $3::text::numeric, currency = $4, \
         tax_exempt = coalesce($5, c.tax_exempt), updated_at = $6 WHERE c.id = $1 RETURNING ",
        consultation!());

    LOCK_CONSULTATION_OF_PAYMENT(INT8) =
        "SELECT 1 FROM konsultasis WHERE id = (SELECT consultation_id FROM payments WHERE id = $1) \
         FOR NO KEY UPDATE";

    LOCK_CONSULTATION_OF_SESSION(UUID) =
        "SELECT 1 FROM konsultasis \
         WHERE id = (SELECT consultation_id FROM checkout_sessions WHERE id = $1) FOR NO KEY UPDATE";

    LOCK_PAYMENT(INT8) = concat!(
        "SELECT ", receipt!(), " FROM payments p JOIN invoices v ON v.payment_id = p.id \
         WHERE p.id = $1 FOR NO KEY UPDATE OF p");

    LOCK_SESSION(UUID) = session!("s.id = $1 FOR NO KEY UPDATE");
    LIVE_SESSION(INT8) = session!("s.payment_id = $1 AND s.state IN ('creating', 'open', 'submitted')");
    SESSION(UUID) = session!("s.id = $1");
    SESSION_BY_GATEWAY_ID(TEXT) = session!("s.gateway_id = $1");
    LATEST_SESSION(INT8) = session!("s.payment_id = $1 ORDER BY s.ordinal DESC LIMIT 1");

    INSERT_SESSION(UUID, INT8, TEXT, TIMESTAMPTZ) =
        "INSERT INTO checkout_sessions \
         (id, payment_id, consultation_id, state, request, created_at, updated_at) \
         SELECT $1, p.id, p.consultation_id, 'creating', $3, $4, $4 FROM payments p WHERE p.id = $2 \
         RETURNING 1";

    /// Each change of a payment names the state it leaves. One that leaves the active states makes
    /// sure that no session is left through which it could still be paid.
    START_PROCESSING(INT8, TIMESTAMPTZ) =
        "UPDATE payments SET status = 'processing', updated_at = $2 \
         WHERE id = $1 AND status = 'pending' RETURNING 1";
    COMPLETE_PAYMENT(INT8, TIMESTAMPTZ) =
        "UPDATE payments SET status = 'completed', updated_at = $2 \
         WHERE id = $1 AND status = 'processing' RETURNING 1";
    END_PAYMENT(INT8, TEXT, TIMESTAMPTZ) =
        "UPDATE payments p SET status = $2, updated_at = $3 \
         WHERE p.id = $1 AND p.status = 'processing' \
         AND NOT EXISTS (SELECT FROM checkout_sessions s WHERE s.payment_id = p.id \
                         AND s.state IN ('creating', 'open', 'submitted')) RETURNING 1";

    CHANGE_INVOICE(INT8, TEXT, TIMESTAMPTZ) =
        "UPDATE invoices SET status = $2, updated_at = $3 \
         WHERE payment_id = $1 AND status = 'pending' RETURNING 1";

    /// Finds the session also when it is past that, so that one that was never intended is noticed.
    OPEN_SESSION(UUID, TEXT, TIMESTAMPTZ) =
        "WITH opened AS (\
           UPDATE checkout_sessions SET state = 'open', gateway_id = $2, updated_at = $3 \
           WHERE id = $1 AND state = 'creating') \
         SELECT 1 FROM checkout_sessions WHERE id = $1";

    /// From the state it is in, $2, which its lock holds.
    CHANGE_SESSION(UUID, TEXT, TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE checkout_sessions SET state = $3, gateway_id = coalesce(gateway_id, $4), updated_at = $5 \
         WHERE id = $1 AND state = $2 RETURNING 1";

    CAPTURE(TEXT) = "SELECT 1 FROM captures WHERE payment_intent = $1";

    INSERT_CAPTURE(TEXT, INT8, UUID, INT8, TEXT, TEXT, TIMESTAMPTZ) =
        "INSERT INTO captures \
         (payment_intent, payment_id, session_id, amount_minor, currency, disposition, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING 1";

    RECEIVE_EVENT(TEXT, TEXT, TEXT, TEXT, TIMESTAMPTZ) =
        "INSERT INTO gateway_events (id, kind, object, payload, received_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (id) DO NOTHING RETURNING 1";

    CLAIM_EVENTS(TIMESTAMPTZ, TIMESTAMPTZ, INT8) =
        "WITH due AS MATERIALIZED (\
           SELECT id FROM gateway_events \
           WHERE due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) \
           ORDER BY due_at, received_at, id LIMIT $3 FOR UPDATE SKIP LOCKED), \
         claimed AS (\
           UPDATE gateway_events e SET attempts = e.attempts + 1, leased_until = $2 \
           FROM due WHERE e.id = due.id \
           RETURNING e.id, e.kind, e.object, e.attempts, e.due_at, e.received_at) \
         SELECT id, kind, object, attempts FROM claimed ORDER BY due_at, received_at, id";

    FINISH_EVENT(TEXT, TIMESTAMPTZ) =
        "UPDATE gateway_events SET finished_at = coalesce(finished_at, $2), due_at = NULL, \
         leased_until = NULL, error = NULL WHERE id = $1 RETURNING 1";

    /// Not if somebody else has finished it, after the lease of who postpones it ran out.
    POSTPONE_EVENT(TEXT, TEXT, TIMESTAMPTZ) =
        "WITH postponed AS (\
           UPDATE gateway_events SET error = $2, due_at = $3, leased_until = NULL \
           WHERE id = $1 AND finished_at IS NULL) \
         SELECT 1 FROM gateway_events WHERE id = $1";

    INSTALLATION() = "SELECT id FROM installation";

    /// Whether the bookkeeping of the schema's steps is there at all.
    HAS_MIGRATIONS() = "SELECT to_regclass('sekali_migrations') IS NOT NULL AS found";
    SCHEMA_VERSION() = "SELECT coalesce(max(version), 0) AS version FROM sekali_migrations";
    INSERT_MIGRATION(INT8, TEXT) =
        "INSERT INTO sekali_migrations (version, name) VALUES ($1, $2) RETURNING 1";
    CAN_WRITE() = "SELECT current_setting('transaction_read_only') = 'off' AS writable";

    SET_NEXT_IDS(INT8, INT8, INT8) =
        "SELECT setval('payments_id_seq', $1, false), setval('invoices_id_seq', $2, false), \
         setval('tax_records_id_seq', $3, false)";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, PostgresStore};
    use sekali_core::ports::SchemaStore;
    use tokio_postgres::NoTls;

    #[tokio::test]
    async fn every_statement_fits_the_schema() {
        let database = sekali_test_support::postgres::database();
        let store = PostgresStore::connect(&database.url, &Options::default()).unwrap();
        store.migrate().await.unwrap();
        let (client, connection) = tokio_postgres::connect(&database.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        for (name, sql) in ALL {
            let prepared = client.prepare_typed(sql.text, sql.types).await;
            let prepared = prepared.unwrap_or_else(|error| panic!("{name}: {error:?}"));
            assert_eq!(prepared.params(), sql.types, "{name} has other parameters");
            assert!(!prepared.columns().is_empty(), "{name} returns nothing that could be counted");
        }
        drop(client);
        connection.await.unwrap().unwrap();
    }
}
