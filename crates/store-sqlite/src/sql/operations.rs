//! What those send who work by themselves: the reconciler, and the delivery to the host.

/// Sessions with their number and whether their payment is to be cancelled. Row numbers go up, also
/// within one second.
macro_rules! awaited_sessions {
    ($index:literal, $rest:literal) => {
        concat!(
            "SELECT s.id, s.payment_id, s.state, s.request, s.gateway_id, s.ending, s.created_at, s.rowid, \
             p.cancel_requested_at IS NOT NULL FROM checkout_sessions s ",
            $index,
            " CROSS JOIN payments p ON p.id = s.payment_id ",
            $rest
        )
    };
}

/// Deliveries, in the columns that `rows::outbox_entry` reads.
macro_rules! outbox {
    ($rest:literal) => {
        concat!(
            "SELECT payment_id, delivered_seq, last_seq, attempts, due_at, failing_since, parked_at, error \
             FROM outbox ",
            $rest
        )
    };
}

/// Cases, in the columns that `rows::case` reads.
macro_rules! cases {
    ($rest:literal) => {
        concat!("SELECT kind, object, payment_id, detail, opened_at, closed_at FROM cases ", $rest)
    };
}

statements! {
    /// Whatever is under way goes on as it was; a delivery that had come to rest begins anew.
    ANNOUNCE = "INSERT INTO outbox (payment_id, last_seq, due_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (payment_id) DO UPDATE SET last_seq = excluded.last_seq, \
         due_at = coalesce(due_at, excluded.due_at), \
         attempts = iif(due_at IS NULL, 0, attempts), \
         failing_since = iif(due_at IS NULL, NULL, failing_since), \
         error = iif(due_at IS NULL, NULL, error), \
         parked_at = NULL";
    CLAIM_DELIVERIES = "UPDATE outbox SET leased_until = ?2, attempts = attempts + 1 WHERE payment_id IN \
         (SELECT payment_id FROM outbox WHERE due_at <= ?1 AND (leased_until IS NULL OR leased_until <= ?1) \
         ORDER BY due_at LIMIT ?3) RETURNING payment_id, delivered_seq, attempts, failing_since";
    BRING_DELIVERIES_FORWARD = "UPDATE outbox SET due_at = ?1, leased_until = NULL \
         WHERE due_at IS NOT NULL AND (due_at > ?2 OR leased_until > ?2)";
    BRING_EVENTS_FORWARD = "UPDATE gateway_events SET due_at = ?1, leased_until = NULL \
         WHERE due_at IS NOT NULL AND (due_at > ?2 OR leased_until > ?2)";
    /// The entry's columns, then the payment's reference.
    NEXT_ANNOUNCED = events!(
        ", p.reference",
        "CROSS JOIN payments p ON p.id = e.payment_id \
         WHERE e.payment_id = ?1 AND e.seq > ?2 AND e.announces IS NOT NULL ORDER BY e.seq LIMIT 1"
    );
    DELIVERED = "UPDATE outbox SET delivered_seq = ?2, attempts = 0, failing_since = NULL, error = NULL, \
         leased_until = NULL, parked_at = NULL, due_at = iif(last_seq > ?2, ?3, NULL) \
         WHERE payment_id = ?1 AND ?2 = (SELECT min(e.seq) FROM payment_events e \
         WHERE e.payment_id = ?1 AND e.seq > delivered_seq AND e.announces IS NOT NULL)";
    NOT_DELIVERED = "UPDATE outbox SET error = ?3, failing_since = coalesce(failing_since, ?4), \
         leased_until = NULL, due_at = ?5, parked_at = iif(?5 IS NULL, ?4, NULL) \
         WHERE payment_id = ?1 AND ?2 = (SELECT min(e.seq) FROM payment_events e \
         WHERE e.payment_id = ?1 AND e.seq > delivered_seq AND e.announces IS NOT NULL)";
    /// Back to entry ?2, if it was past that: nothing that is undelivered is left out.
    REPLAY = "UPDATE outbox SET delivered_seq = min(delivered_seq, coalesce(?2, delivered_seq)), \
         attempts = 0, failing_since = NULL, parked_at = NULL, error = NULL, \
         due_at = iif(last_seq > min(delivered_seq, coalesce(?2, delivered_seq)), ?3, NULL) \
         WHERE payment_id = ?1";
    OUTBOX = outbox!("WHERE payment_id > ?1 ORDER BY payment_id LIMIT ?2");
    OUTBOX_UNFINISHED = outbox!(
        "INDEXED BY outbox_unfinished WHERE last_seq > delivered_seq AND payment_id > ?1 \
         ORDER BY payment_id LIMIT ?2"
    );
    OUTBOX_PARKED = outbox!(
        "INDEXED BY outbox_parked WHERE parked_at IS NOT NULL AND payment_id > ?1 \
         ORDER BY payment_id LIMIT ?2"
    );
    OUTBOX_DEPTH = "SELECT \
         (SELECT count(*) FROM outbox INDEXED BY outbox_unfinished WHERE last_seq > delivered_seq), \
         (SELECT count(*) FROM outbox INDEXED BY outbox_parked WHERE parked_at IS NOT NULL)";

    ACQUIRE_LEASE = "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?4) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
         WHERE holder = excluded.holder OR until <= ?3 OR until > ?5";
    RELEASE_LEASE = "DELETE FROM leases WHERE name = ?1 AND holder = ?2";

    /// One that was closed and comes again is opened again.
    OPEN_CASE = "INSERT INTO cases (kind, object, payment_id, detail, opened_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (kind, object) DO UPDATE SET payment_id = excluded.payment_id, \
         detail = excluded.detail, opened_at = excluded.opened_at, closed_at = NULL \
         WHERE closed_at IS NOT NULL";
    /// One that was closed stays closed.
    NOTE_CASE = "INSERT INTO cases (kind, object, payment_id, detail, opened_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (kind, object) DO NOTHING";
    CLOSE_CASE = "UPDATE cases SET closed_at = ?3 WHERE kind = ?1 AND object = ?2 AND closed_at IS NULL";
    CASES = cases!("ORDER BY opened_at, id LIMIT ?1");
    OPEN_CASES = cases!("WHERE closed_at IS NULL ORDER BY opened_at, id LIMIT ?1");

    OVERDUE_PAYMENTS = "SELECT id FROM payments INDEXED BY payments_pending \
         WHERE status = 'pending' AND created_at < ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    AWAITED_SESSIONS = awaited_sessions!(
        "INDEXED BY checkout_sessions_awaited",
        "WHERE (s.state IN ('creating', 'open', 'submitted')) = TRUE \
         AND s.state IN ('creating', 'open', 'submitted') AND s.rowid > ?1 ORDER BY s.rowid LIMIT ?2"
    );
    /// By row number, as a whole list is walked page by page: sorting what an index of times finds would
    /// cost as much for each page.
    SESSIONS_SINCE = awaited_sessions!(
        "NOT INDEXED",
        "WHERE s.gateway_id IS NOT NULL AND s.created_at >= ?1 AND s.rowid > ?2 ORDER BY s.rowid LIMIT ?3"
    );
    AWAITED_REFUNDS = refunds!(
        "INDEXED BY refunds_awaited WHERE state IN ('requested', 'pending') AND id > ?1 ORDER BY id LIMIT ?2"
    );
    REFUNDS_SINCE = refunds!("WHERE created_at >= ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    AUTOMATIC_REFUNDS_SINCE = "SELECT count(*) FROM refunds INDEXED BY refunds_automatic \
         WHERE origin = 'automatic' AND created_at >= ?1";
    STRAY_CAPTURES = captures!(
        "INDEXED BY captures_stray WHERE disposition <> 'settled' AND refunding_minor < amount_minor \
         AND payment_intent > ?1 ORDER BY payment_intent LIMIT ?2"
    );
    CAPTURES_SINCE = captures!(
        "WHERE created_at >= ?1 AND payment_intent > ?2 ORDER BY payment_intent LIMIT ?3"
    );
}
