//! The database as a whole.

use super::Sql;

statements! { AUDIT;
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

    /// Every record, by payment and number.
    RECORDS(INT8, INT8, INT8) = concat!(
        "SELECT p.reference, ", event!(),
        " FROM payment_events e JOIN payments p ON p.id = e.payment_id \
         WHERE (e.payment_id, e.seq) > ($1, $2) ORDER BY e.payment_id, e.seq LIMIT $3");
}
