//! The inbox of webhooks.

use super::Sql;

statements! { INBOX;
    /// One that was given up is due again, but not new.
    RECEIVE_EVENT(TEXT, TEXT, TEXT, TEXT, TIMESTAMPTZ) =
        "WITH again AS (\
           UPDATE gateway_events SET due_at = $5, attempts = 0 \
           WHERE id = $1 AND due_at IS NULL AND finished_at IS NULL) \
         INSERT INTO gateway_events (id, kind, object, payload, received_at, due_at) \
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
}
