//! What the reconciler looks for. Each list is read by an index that holds nothing else, or that
//! begins with the time since when.

use super::Sql;

macro_rules! sessions_where {
    ($condition:literal) => {
        concat!(
            "SELECT s.ordinal, p.cancel_requested_at IS NOT NULL AS cancel_requested, ",
            session!(),
            " FROM checkout_sessions s JOIN payments p ON p.id = s.payment_id WHERE ",
            $condition
        )
    };
}

/// Rows that were made since $1, in the order of a name, after $2. The names of all of them come first, from
/// the index of times alone: left to itself, the planner may look through the table in the order that is
/// wanted, from the oldest row there is.
macro_rules! since {
    ($table:literal, $name:literal, $alias:literal, $columns:expr) => {
        concat!(
            "WITH recent AS MATERIALIZED (SELECT ",
            $name,
            " FROM ",
            $table,
            " WHERE created_at >= $1) SELECT ",
            $columns,
            " FROM (SELECT ",
            $name,
            " FROM recent WHERE ",
            $name,
            " > $2 ORDER BY ",
            $name,
            " LIMIT $3) \
             AS page JOIN ",
            $table,
            " ",
            $alias,
            " USING (",
            $name,
            ") ORDER BY ",
            $alias,
            ".",
            $name
        )
    };
}

statements! { RECONCILE;
    BRING_FORWARD(TIMESTAMPTZ, TIMESTAMPTZ) =
        "WITH events AS (\
           UPDATE gateway_events SET due_at = $1, leased_until = NULL \
           WHERE due_at IS NOT NULL AND (due_at > $2 OR leased_until > $2) RETURNING 1), \
         deliveries AS (\
           UPDATE outbox SET due_at = $1, leased_until = NULL \
           WHERE due_at IS NOT NULL AND (due_at > $2 OR leased_until > $2) RETURNING 1) \
         SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM deliveries) AS late";

    OVERDUE_PAYMENTS(TIMESTAMPTZ, INT8, INT8) =
        "SELECT id FROM payments WHERE status = 'pending' AND created_at < $1 AND id > $2 \
         ORDER BY id LIMIT $3";

    AWAITED_SESSIONS(INT8, INT8) = sessions_where!(
        "s.state IN ('creating', 'open', 'submitted') AND s.ordinal > $1 ORDER BY s.ordinal LIMIT $2");
    AWAITED_REFUNDS(UUID, INT8) = concat!(
        "SELECT ", refund!(), " FROM refunds r \
         WHERE r.state IN ('requested', 'pending') AND r.id > $1 ORDER BY r.id LIMIT $2");
    STRAY_CAPTURES(TEXT, INT8) = concat!(
        "SELECT ", capture!(), " FROM captures c \
         WHERE c.disposition <> 'settled' AND c.refunding_minor < c.amount_minor \
         AND c.payment_intent > $1 ORDER BY c.payment_intent LIMIT $2");

    AUTOMATIC_REFUNDS_SINCE(TIMESTAMPTZ) =
        "SELECT count(*) AS refunds FROM refunds WHERE origin = 'automatic' AND created_at >= $1";

    SESSIONS_SINCE(TIMESTAMPTZ, INT8, INT8) = sessions_where!(
        "s.created_at >= $1 AND s.ordinal > $2 AND s.gateway_id IS NOT NULL ORDER BY s.ordinal LIMIT $3");
    CAPTURES_SINCE(TIMESTAMPTZ, TEXT, INT8) = since!("captures", "payment_intent", "c", capture!());
    REFUNDS_SINCE(TIMESTAMPTZ, UUID, INT8) = since!("refunds", "id", "r", refund!());
}
