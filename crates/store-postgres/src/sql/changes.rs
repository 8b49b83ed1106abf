//! What a decision writes. Each change names the state it leaves, and returns the rows that it found.

use super::Sql;

statements! { CHANGES;
    CHANGE_STATUS(INT8, TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE payments SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2 RETURNING 1";
    /// One that leaves the active states makes sure that no session is left through which it could
    /// still be paid.
    END_PAYMENT(INT8, TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE payments p SET status = $3, updated_at = $4 WHERE p.id = $1 AND p.status = $2 \
         AND NOT EXISTS (SELECT FROM checkout_sessions s WHERE s.payment_id = p.id \
                         AND s.state IN ('creating', 'open', 'submitted')) RETURNING 1";
    CHANGE_INVOICE(INT8, TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE invoices SET status = $3, updated_at = $4 \
         WHERE payment_id = $1 AND status = $2 RETURNING 1";
    REQUEST_CANCEL(INT8, TIMESTAMPTZ) =
        "UPDATE payments SET cancel_requested_at = $2, updated_at = $2 \
         WHERE id = $1 AND cancel_requested_at IS NULL RETURNING 1";
    CHANGE_REFUNDED(INT8, INT8, TIMESTAMPTZ) =
        "UPDATE payments SET refunded_minor = $2, updated_at = $3 WHERE id = $1 RETURNING 1";
    /// In the order in which the taxes are read.
    CHANGE_TAXES_REFUNDED(INT8, INT8_ARRAY) =
        "UPDATE tax_records t SET tax_refunded_minor = back.minor \
         FROM unnest($2) WITH ORDINALITY AS back (minor, position) \
         JOIN (SELECT id, row_number() OVER (ORDER BY id) AS position FROM tax_records \
               WHERE payment_id = $1) AS mine USING (position) \
         WHERE t.id = mine.id RETURNING 1";
    CHANGE_DISPUTE_STATE(INT8, TEXT, TIMESTAMPTZ) =
        "UPDATE payments SET dispute = $2, updated_at = $3 WHERE id = $1 RETURNING 1";

    INSERT_SESSION(UUID, INT8, TEXT, TEXT, TEXT, UUID, TIMESTAMPTZ, TIMESTAMPTZ) =
        "INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, gateway_id, \
         ending, created_at, updated_at) \
         SELECT $1, p.id, p.consultation_id, $3, $4, $5, $6, $7, $8 FROM payments p WHERE p.id = $2 \
         RETURNING 1";
    CHANGE_SESSION(UUID, INT8, TEXT, TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE checkout_sessions SET state = $4, gateway_id = coalesce(gateway_id, $5), updated_at = $6 \
         WHERE id = $1 AND payment_id = $2 AND state = $3 RETURNING 1";
    END_SESSION_BY(UUID, INT8, UUID, TIMESTAMPTZ) =
        "UPDATE checkout_sessions SET ending = $3, updated_at = $4 \
         WHERE id = $1 AND payment_id = $2 \
         AND state IN ('creating', 'open', 'submitted', 'expired') RETURNING 1";

    INSERT_CAPTURE(TEXT, INT8, UUID, INT8, TEXT, TEXT, TIMESTAMPTZ) =
        "INSERT INTO captures \
         (payment_intent, payment_id, session_id, amount_minor, currency, disposition, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING 1";

    INSERT_REFUND(UUID, INT8, TEXT, INT8, TEXT, INT2, TEXT, TEXT, INT8, TEXT, BYTEA, TEXT, TEXT, TEXT,
                  UUID, TEXT, TIMESTAMPTZ, TIMESTAMPTZ) =
        "INSERT INTO refunds (id, payment_id, payment_intent, amount_minor, currency, currency_decimals, \
         state, origin, requested_by, idempotency_key, fingerprint, reason, request, gateway_id, \
         replaces, failure, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         RETURNING 1";
    CHANGE_REFUND(UUID, INT8, TEXT, TEXT, TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE refunds SET state = $4, gateway_id = coalesce(gateway_id, $5), failure = $6, \
         updated_at = $7 WHERE id = $1 AND payment_id = $2 AND state = $3 RETURNING 1";

    /// Whether it was there or not; but never another payment's.
    PUT_DISPUTE(TEXT, INT8, TEXT, INT8, TEXT, TEXT, TEXT, TIMESTAMPTZ, TIMESTAMPTZ) =
        "INSERT INTO disputes AS d (gateway_id, payment_id, payment_intent, amount_minor, currency, \
         state, reason, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (gateway_id) DO UPDATE SET amount_minor = excluded.amount_minor, \
         currency = excluded.currency, state = excluded.state, reason = excluded.reason, \
         updated_at = excluded.updated_at \
         WHERE d.payment_id = excluded.payment_id AND d.payment_intent = excluded.payment_intent \
         RETURNING 1";

    APPEND_EVENTS(INT8, INT8_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY,
                  BYTEA_ARRAY) =
        "INSERT INTO payment_events (payment_id, seq, at, kind, data, announces, prev_hash, hash) \
         SELECT $1, e.* FROM unnest($2, $3, $4, $5, $6, $7, $8) \
         AS e (seq, at, kind, data, announces, prev_hash, hash) ORDER BY e.seq RETURNING 1";
    /// The transaction of a server that is not heard of any more ends after 2 s.
    LET_GO_SOON() = "SELECT set_config('idle_in_transaction_session_timeout', '2s', true)";
    /// Those on which nothing is being decided. In the order of their numbers, as everybody takes several locks.
    LOCK_IDLE_PAYMENTS(INT8_ARRAY) =
        "SELECT id FROM payments WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED";
    HEADS(INT8_ARRAY) =
        "SELECT p.id, p.reference, h.seq, h.hash FROM payments p LEFT JOIN LATERAL \
         (SELECT seq, hash FROM payment_events WHERE payment_id = p.id ORDER BY seq DESC LIMIT 1) h ON true \
         WHERE p.id = ANY($1)";
    APPEND_REMARKS(INT8_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY) =
        "INSERT INTO payment_events (payment_id, seq, at, kind, data, prev_hash, hash) \
         SELECT e.* FROM unnest($1, $2, $3, $4, $5, $6, $7) \
         AS e (payment_id, seq, at, kind, data, prev_hash, hash) RETURNING 1";
    /// There is something new to tell of the payment: due at once if nothing was due before, which is
    /// so when everything is delivered, or when the delivery was given up.
    ANNOUNCE(INT8, INT8, TIMESTAMPTZ) =
        "INSERT INTO outbox AS o (payment_id, last_seq, due_at) VALUES ($1, $2, $3) \
         ON CONFLICT (payment_id) DO UPDATE SET last_seq = excluded.last_seq, \
         due_at = coalesce(o.due_at, excluded.due_at), \
         attempts = CASE WHEN o.due_at IS NULL THEN 0 ELSE o.attempts END, \
         failing_since = CASE WHEN o.due_at IS NULL THEN NULL ELSE o.failing_since END, \
         error = CASE WHEN o.due_at IS NULL THEN NULL ELSE o.error END, \
         parked_at = NULL RETURNING 1";
}
