//! How far the host application was told of each payment's record.

use super::Sql;

macro_rules! outbox_where {
    ($condition:literal) => {
        concat!(
            "SELECT payment_id, delivered_seq, last_seq, attempts, due_at, failing_since, parked_at, error \
             FROM outbox WHERE payment_id > $1 AND ",
            $condition,
            " ORDER BY payment_id LIMIT $2"
        )
    };
}

/// What is delivered when a replay from entry $2 begins: nothing that is undelivered is left out.
macro_rules! replayed {
    () => {
        "least(delivered_seq, coalesce($2 - 1, delivered_seq))"
    };
}

statements! { OUTBOX;
    CLAIM_DELIVERIES(TIMESTAMPTZ, TIMESTAMPTZ, INT8) = concat!(
        "WITH due AS MATERIALIZED (\
           SELECT payment_id FROM outbox \
           WHERE due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1) \
           ORDER BY due_at, payment_id LIMIT $3 FOR UPDATE SKIP LOCKED), \
         claimed AS (\
           UPDATE outbox o SET attempts = o.attempts + 1, leased_until = $2 \
           FROM due WHERE o.payment_id = due.payment_id \
           RETURNING o.payment_id, o.delivered_seq, o.attempts, o.failing_since, o.due_at) \
         SELECT p.reference, o.attempts, o.failing_since, ", event!(),
        " FROM claimed o JOIN payments p ON p.id = o.payment_id \
         JOIN LATERAL (SELECT * FROM payment_events next WHERE next.payment_id = o.payment_id \
           AND next.seq > o.delivered_seq AND next.announces IS NOT NULL \
           ORDER BY next.seq LIMIT 1) e ON true \
         ORDER BY o.due_at, o.payment_id");

    DELIVERED(INT8, INT8, TIMESTAMPTZ) =
        "UPDATE outbox SET delivered_seq = $2, attempts = 0, leased_until = NULL, failing_since = NULL, \
         parked_at = NULL, error = NULL, due_at = CASE WHEN last_seq > $2 THEN $3 END \
         WHERE payment_id = $1 AND $2 = (SELECT min(e.seq) FROM payment_events e \
         WHERE e.payment_id = $1 AND e.seq > delivered_seq AND e.announces IS NOT NULL) RETURNING 1";

    NOT_DELIVERED(INT8, INT8, TEXT, TIMESTAMPTZ, TIMESTAMPTZ) =
        "UPDATE outbox SET error = $3, failing_since = coalesce(failing_since, $4), leased_until = NULL, \
         due_at = $5, parked_at = CASE WHEN $5 IS NULL THEN $4 END \
         WHERE payment_id = $1 AND $2 = (SELECT min(e.seq) FROM payment_events e \
         WHERE e.payment_id = $1 AND e.seq > delivered_seq AND e.announces IS NOT NULL) RETURNING 1";

    /// A lease goes on, as its holder may be telling the host just now.
    REPLAY(INT8, INT8, TIMESTAMPTZ) = concat!(
        "UPDATE outbox SET delivered_seq = ", replayed!(), ", attempts = 0, failing_since = NULL, \
         parked_at = NULL, error = NULL, due_at = CASE WHEN ", replayed!(), " < last_seq THEN $3 END \
         WHERE payment_id = $1 RETURNING 1");

    OUTBOX_PARKED(INT8, INT8) = outbox_where!("parked_at IS NOT NULL");
    OUTBOX_UNFINISHED(INT8, INT8) = outbox_where!("delivered_seq < last_seq");
    OUTBOX_ALL(INT8, INT8) = outbox_where!("true");
    OUTBOX_DEPTH() =
        "SELECT (SELECT count(*) FROM outbox WHERE delivered_seq < last_seq) AS unfinished, \
         (SELECT count(*) FROM outbox WHERE parked_at IS NOT NULL) AS parked";
}
