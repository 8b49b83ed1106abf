//! Payments as they are made and listed.

use super::Sql;

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

statements! { PAYMENTS;
    /// See migrations/0004: writes what can be written of a batch.
    CREATE_PAYMENTS(BOOL, UUID_ARRAY, INT8_ARRAY, INT8_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, TEXT_ARRAY,
                    INT8_ARRAY, TEXT_ARRAY, INT2_ARRAY, BOOL_ARRAY, TIMESTAMPTZ_ARRAY,
                    INT8_ARRAY, TEXT_ARRAY, INT8_ARRAY, INT8_ARRAY,
                    INT8_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY,
                    BYTEA_ARRAY, BYTEA_ARRAY) =
        "SELECT item, payment_id, invoice_id FROM sekali_create_payments(\
         $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
         $17, $18, $19, $20, $21, $22, $23)";

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
}
