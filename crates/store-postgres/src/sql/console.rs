//! What an operator asks.

use super::Sql;

macro_rules! kept_events_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, kind, object, received_at, attempts, due_at IS NOT NULL AS waits, finished_at, error \
             FROM gateway_events WHERE ",
            $condition
        )
    };
}

macro_rules! in_state {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.created_at, p.amount_minor, p.currency FROM payments p WHERE ",
            $condition,
            " AND p.created_at >= $2 AND (p.created_at, p.id) < ($3, $4) \
             ORDER BY p.created_at DESC, p.id DESC LIMIT $5"
        )
    };
}

statements! { CONSOLE;
    /// The list by time: an invoice's number begins with the second in which its payment was made.
    GLANCES(TEXT, TEXT, INT8) =
        "SELECT payment_id AS id, issued_at AS created_at, amount_minor, currency FROM invoices \
         WHERE invoice_number >= $1 AND invoice_number < $2 ORDER BY invoice_number DESC LIMIT $3";
    /// Each state's newest, then the newest of all of them. The state that has an index of its own is asked for by
    /// its word, which is how the planner knows.
    GLANCES_IN_STATES(TEXT_ARRAY, TIMESTAMPTZ, TIMESTAMPTZ, INT8, INT8) = concat!(
        "SELECT id, created_at, amount_minor, currency FROM (\
           SELECT n.* FROM unnest($1) AS s (status) CROSS JOIN LATERAL (",
        in_state!("p.status = s.status AND p.status <> 'pending'"),
        ") AS n UNION ALL (",
        in_state!("p.status = 'pending' AND 'pending' = ANY ($1)"),
        ")) AS found ORDER BY created_at DESC, id DESC LIMIT $5");
    RECEIPTS(INT8_ARRAY) = concat!(
        "SELECT ", receipt!(),
        " FROM unnest($1) WITH ORDINALITY AS a (id, place) JOIN payments p ON p.id = a.id \
         JOIN invoices v ON v.payment_id = p.id ORDER BY a.place");

    FIND_NUMBER(INT8, INT8) =
        "(SELECT 'payment' AS kind, id FROM payments WHERE id = $1) \
         UNION ALL (SELECT 'consultation', id FROM (\
           SELECT id FROM payments WHERE consultation_id = $1 ORDER BY id DESC) AS c LIMIT $2) \
         UNION ALL (SELECT 'patient', id FROM payments WHERE user_id = $1 ORDER BY user_id DESC, id DESC LIMIT $2)";
    FIND_NAME(UUID) =
        "SELECT 'reference' AS kind, id FROM payments WHERE reference = $1 \
         UNION ALL SELECT 'session_name', payment_id FROM checkout_sessions WHERE id = $1 \
         UNION ALL SELECT 'refund_name', payment_id FROM refunds WHERE id = $1";
    FIND_INVOICE(TEXT) =
        "SELECT 'invoice' AS kind, payment_id AS id FROM invoices WHERE invoice_number = $1";
    FIND_SESSION(TEXT) =
        "SELECT 'checkout_session' AS kind, payment_id AS id FROM checkout_sessions WHERE gateway_id = $1";
    FIND_INTENT(TEXT) =
        "SELECT 'payment_intent' AS kind, payment_id AS id FROM captures WHERE payment_intent = $1";
    FIND_REFUND(TEXT) = "SELECT 'refund' AS kind, payment_id AS id FROM refunds WHERE gateway_id = $1";
    FIND_DISPUTE(TEXT) = "SELECT 'dispute' AS kind, payment_id AS id FROM disputes WHERE gateway_id = $1";
    FIND_KEY(TEXT, INT8) =
        "SELECT 'idempotency_key' AS kind, payment_id AS id FROM idempotency_keys WHERE key = $1 LIMIT $2";

    KEYS_OF_PAYMENT(INT8) =
        "SELECT user_id, key, created_at FROM idempotency_keys WHERE payment_id = $1 ORDER BY created_at, key";
    KEPT_EVENTS(TEXT_ARRAY, TEXT_ARRAY, INT8) = concat!(
        "SELECT * FROM (", kept_events_where!("id = ANY ($1)"),
        " UNION ", kept_events_where!("object IS NOT NULL AND object = ANY ($2)"),
        ") AS e ORDER BY received_at, id LIMIT $3");
    CASES_OF_PAYMENT(INT8) =
        "SELECT kind, object, payment_id, detail, opened_at, closed_at FROM cases \
         WHERE payment_id IS NOT NULL AND payment_id = $1 ORDER BY id";

    COUNT_MADE(TEXT, TEXT) =
        "SELECT count(*) AS payments FROM invoices WHERE invoice_number >= $1 AND invoice_number < $2";
    MADE_BY_STATUS(TEXT, TEXT, INT8) =
        "SELECT p.status, count(*) AS payments FROM (\
           SELECT payment_id FROM invoices WHERE invoice_number >= $1 AND invoice_number < $2 \
           ORDER BY invoice_number DESC LIMIT $3) AS made \
         JOIN payments p ON p.id = made.payment_id GROUP BY p.status";
    DUPLICATES_SINCE(TIMESTAMPTZ, INT8) = concat!(
        "SELECT ", event!(), " FROM payment_events e \
         WHERE e.kind = 'duplicate' AND e.at >= $1 ORDER BY e.at DESC LIMIT $2");
    COUNT_EVENTS() =
        "SELECT (SELECT count(*) FROM gateway_events WHERE due_at IS NOT NULL) AS waiting, \
         (SELECT received_at FROM gateway_events WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1) AS oldest, \
         (SELECT count(*) FROM gateway_events WHERE finished_at IS NULL AND due_at IS NULL) AS given_up";
    ABANDONED_EVENTS(INT8) =
        kept_events_where!("finished_at IS NULL AND due_at IS NULL ORDER BY received_at DESC LIMIT $1");

    NEWEST_ENTRY() = "SELECT coalesce(max(id), 0) AS newest FROM payment_events";
    ENTRIES_AFTER(INT8, INT8) =
        "SELECT id, payment_id FROM payment_events WHERE id > $1 ORDER BY id LIMIT $2";
    LEAVE_NOTE(TEXT, TIMESTAMPTZ, TEXT) =
        "INSERT INTO notes (name, at, text) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET at = excluded.at, text = excluded.text RETURNING 1";
    NOTE(TEXT) = "SELECT at, text FROM notes WHERE name = $1";
}
