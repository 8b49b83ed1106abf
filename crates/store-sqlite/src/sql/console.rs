//! What an operator asks.

/// The list by time: an invoice's number begins with the second in which its payment was made.
macro_rules! made_between {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM invoices i INDEXED BY sqlite_autoindex_invoices_2 ",
            $rest,
            " WHERE i.invoice_number >= ?1 AND i.invoice_number < ?2 \
             ORDER BY i.invoice_number DESC LIMIT ?3"
        )
    };
}

/// Payments in one state, in the columns that `console::glance` reads.
macro_rules! in_state {
    ($index:literal, $state:literal) => {
        concat!(
            "SELECT id, created_at, amount_minor, currency FROM payments INDEXED BY ",
            $index,
            " WHERE ",
            $state,
            " AND created_at >= ?1 AND (created_at, id) < (?2, ?3) ORDER BY created_at DESC, id DESC LIMIT ?4"
        )
    };
}

/// Webhooks, in the columns that `console::kept_event` reads.
macro_rules! kept_events {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, object, received_at, attempts, due_at IS NOT NULL, finished_at, error \
             FROM gateway_events ",
            $rest
        )
    };
}

statements! {
    GLANCES = made_between!("i.payment_id, i.issued_at, i.amount_minor, i.currency", "");
    GLANCES_IN_STATE = in_state!("payments_by_status", "status = ?5 AND status <> 'pending'");
    /// There are few, so they are put in order.
    GLANCES_PENDING = in_state!("payments_pending", "status = 'pending'");

    FIND_CONSULTATION = "SELECT id FROM payments INDEXED BY payments_by_consultation \
         WHERE consultation_id = ?1 ORDER BY id DESC LIMIT ?2";
    FIND_PATIENT = "SELECT id FROM payments INDEXED BY payments_by_user \
         WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2";
    FIND_INVOICE = "SELECT payment_id FROM invoices WHERE invoice_number = ?1";
    FIND_REFERENCE = "SELECT id FROM payments WHERE reference = ?1";
    FIND_SESSION_NAME = "SELECT payment_id FROM checkout_sessions WHERE id = ?1";
    FIND_REFUND_NAME = "SELECT payment_id FROM refunds WHERE id = ?1";
    FIND_SESSION = "SELECT payment_id FROM checkout_sessions WHERE gateway_id = ?1";
    FIND_REFUND = "SELECT payment_id FROM refunds WHERE gateway_id = ?1";
    FIND_DISPUTE = "SELECT payment_id FROM disputes WHERE gateway_id = ?1";
    FIND_KEY = "SELECT payment_id FROM idempotency_keys INDEXED BY idempotency_keys_by_key \
         WHERE key = ?1 LIMIT ?2";

    KEYS_OF_PAYMENT = "SELECT user_id, key, created_at FROM idempotency_keys \
         INDEXED BY idempotency_keys_by_payment WHERE payment_id = ?1";
    KEPT_EVENT = kept_events!("WHERE id = ?1");
    /// Of one object there are few, so they are put in order.
    KEPT_EVENTS_ABOUT = kept_events!(
        "INDEXED BY gateway_events_by_object WHERE object = ?1 ORDER BY received_at, id LIMIT ?2"
    );
    CASES_OF_PAYMENT = "SELECT kind, object, payment_id, detail, opened_at, closed_at FROM cases \
         INDEXED BY cases_by_payment WHERE payment_id = ?1 ORDER BY id";

    COUNT_MADE = "SELECT count(*) FROM invoices WHERE invoice_number >= ?1 AND invoice_number < ?2";
    MADE_BY_STATUS = made_between!("p.id, p.status", "CROSS JOIN payments p ON p.id = i.payment_id");
    DUPLICATES_SINCE = events!(
        "",
        "INDEXED BY payment_events_duplicates WHERE e.kind = 'duplicate' AND e.at_micros >= ?1 \
         ORDER BY e.at_micros DESC LIMIT ?2"
    );
    COUNT_WAITING_EVENTS = "SELECT count(*) FROM gateway_events INDEXED BY gateway_events_due \
         WHERE due_at IS NOT NULL";
    FIRST_WAITING_EVENT = kept_events!(
        "INDEXED BY gateway_events_due WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"
    );
    COUNT_ABANDONED_EVENTS = "SELECT count(*) FROM gateway_events INDEXED BY gateway_events_given_up \
         WHERE finished_at IS NULL AND due_at IS NULL";
    ABANDONED_EVENTS = kept_events!(
        "INDEXED BY gateway_events_given_up WHERE finished_at IS NULL AND due_at IS NULL \
         ORDER BY received_at DESC LIMIT ?1"
    );

    NEWEST_ENTRY = "SELECT coalesce(max(id), 0) FROM payment_events";
    ENTRIES_AFTER = "SELECT id, payment_id FROM payment_events WHERE id > ?1 ORDER BY id LIMIT ?2";
    LEAVE_NOTE = "INSERT INTO notes (name, at_micros, text) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET at_micros = excluded.at_micros, text = excluded.text";
    NOTE = "SELECT at_micros, text FROM notes WHERE name = ?1";
}
