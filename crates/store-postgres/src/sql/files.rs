//! What belongs to a payment, as it is read; and its locks.

use super::Sql;

macro_rules! session_where {
    ($condition:literal) => {
        concat!("SELECT ", session!(), " FROM checkout_sessions s WHERE ", $condition)
    };
}

macro_rules! refund_where {
    ($condition:literal) => {
        concat!("SELECT ", refund!(), " FROM refunds r WHERE ", $condition)
    };
}

statements! { FILES;
    /// The first lock of every decision; the payment's is the second.
    LOCK_CONSULTATION_OF_PAYMENT(INT8) =
        "SELECT 1 FROM konsultasis WHERE id = (SELECT consultation_id FROM payments WHERE id = $1) \
         FOR NO KEY UPDATE";
    LOCK_PAYMENT(INT8) = "SELECT 1 FROM payments WHERE id = $1 FOR NO KEY UPDATE";

    TAXES(INT8) =
        "SELECT t.tax_type, t.tax_rate_ppm, t.tax_amount_minor, t.tax_refunded_minor, p.currency \
         FROM tax_records t JOIN payments p ON p.id = t.payment_id WHERE t.payment_id = $1 ORDER BY t.id";
    SESSIONS(INT8) = session_where!("s.payment_id = $1 ORDER BY s.ordinal");
    CAPTURES(INT8) = concat!(
        "SELECT ", capture!(), " FROM captures c WHERE c.payment_id = $1 ORDER BY c.ordinal");
    REFUNDS(INT8) = refund_where!("r.payment_id = $1 ORDER BY r.ordinal");
    DISPUTES(INT8) =
        "SELECT gateway_id, payment_intent, amount_minor, currency, state, reason, created_at \
         FROM disputes WHERE payment_id = $1 ORDER BY ordinal";
    HEAD(INT8) =
        "SELECT seq, hash FROM payment_events WHERE payment_id = $1 ORDER BY seq DESC LIMIT 1";

    SESSION(UUID) = session_where!("s.id = $1");
    SESSION_BY_GATEWAY_ID(TEXT) = session_where!("s.gateway_id = $1");
    LATEST_SESSION(INT8) = session_where!("s.payment_id = $1 ORDER BY s.ordinal DESC LIMIT 1");

    PAYMENT_OF_INTENT(TEXT) = "SELECT payment_id FROM captures WHERE payment_intent = $1";

    REFUND(UUID) = refund_where!("r.id = $1");
    REFUND_BY_KEY(INT8, TEXT) = refund_where!("r.requested_by = $1 AND r.idempotency_key = $2");

    RECORD(INT8, INT8, INT8) = concat!(
        "SELECT ", event!(), " FROM payment_events e \
         WHERE e.payment_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3");
}
