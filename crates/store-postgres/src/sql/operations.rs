//! Cases and leases.

use super::Sql;

macro_rules! cases_where {
    ($condition:literal) => {
        concat!(
            "SELECT kind, object, payment_id, detail, opened_at, closed_at FROM cases WHERE ",
            $condition,
            " ORDER BY opened_at, id LIMIT $1"
        )
    };
}

statements! { OPERATIONS;
    /// One that was closed and comes again is opened again.
    OPEN_CASE(TEXT, TEXT, INT8, TEXT, TIMESTAMPTZ) =
        "INSERT INTO cases AS c (kind, object, payment_id, detail, opened_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, object) DO UPDATE SET detail = excluded.detail, \
         opened_at = excluded.opened_at, closed_at = NULL, \
         payment_id = coalesce(excluded.payment_id, c.payment_id) \
         WHERE c.closed_at IS NOT NULL RETURNING 1";
    /// One that was closed stays closed.
    NOTE_CASE(TEXT, TEXT, INT8, TEXT, TIMESTAMPTZ) =
        "INSERT INTO cases (kind, object, payment_id, detail, opened_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, object) DO NOTHING RETURNING 1";
    CLOSE_CASE(TEXT, TEXT, TIMESTAMPTZ) =
        "UPDATE cases SET closed_at = $3 WHERE kind = $1 AND object = $2 AND closed_at IS NULL RETURNING 1";
    CASES(INT8) = cases_where!("true");
    OPEN_CASES(INT8) = cases_where!("closed_at IS NULL");

    ACQUIRE_LEASE(TEXT, UUID, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ) =
        "INSERT INTO leases AS l (name, holder, until) VALUES ($1, $2, $4) \
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until \
         WHERE l.holder = excluded.holder OR l.until <= $3 OR l.until > $5 RETURNING 1";
    RELEASE_LEASE(TEXT, UUID) = "DELETE FROM leases WHERE name = $1 AND holder = $2 RETURNING 1";
}
