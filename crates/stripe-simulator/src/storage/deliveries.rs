//! Webhook deliveries: one row for each event, worked off under leases, so that of several servers one
//! delivers.

use super::{StorageError, Tx, Value, exactly_one};

/// An event that is to be delivered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    /// How many attempts were made before this one.
    pub(crate) attempts: i64,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Delivered,
    /// To be made again at this time (Unix milliseconds).
    Failed {
        next_at_ms: i64,
    },
    GivenUp,
}

pub(crate) fn enqueue(
    tx: &mut dyn Tx,
    event_id: &str,
    thread: &str,
    now_ms: i64,
) -> Result<(), StorageError> {
    let rows = tx.execute(
        "INSERT INTO deliveries (event_id, thread, attempts, next_at, lease_until, state) \
         VALUES ($1, $2, 0, $3, 0, 'pending')",
        &[Value::from(event_id), Value::from(thread), Value::from(now_ms)],
    )?;
    exactly_one("insert of a delivery", rows)
}

/// The oldest delivery that is due and free. An earlier event of the same thread that is being attempted
/// holds the later ones back; one that waits for its next attempt does not, as one bad event must not stop
/// the rest.
const NEXT: &str = "SELECT d.seq, d.event_id, d.attempts FROM deliveries d \
     WHERE d.state = 'pending' AND d.next_at <= $1 AND d.lease_until <= $1 \
     AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.thread = d.thread AND e.seq < d.seq \
                     AND e.state = 'pending' AND e.lease_until > $1) \
     ORDER BY d.seq LIMIT 1";

/// Whether there is something to claim: asked without the writers' lock, as it is asked all the time.
pub(crate) fn waiting(tx: &mut dyn Tx, now_ms: i64) -> Result<bool, StorageError> {
    Ok(!tx.query(NEXT, &[Value::from(now_ms)])?.is_empty())
}

/// Takes the next delivery for `lease_ms` milliseconds.
pub(crate) fn claim(tx: &mut dyn Tx, now_ms: i64, lease_ms: i64) -> Result<Option<Delivery>, StorageError> {
    let rows = tx.query(NEXT, &[Value::from(now_ms)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let delivery = Delivery { seq: row.int(0)?, event_id: row.text(1)?.to_owned(), attempts: row.int(2)? };
    let rows = tx.execute(
        "UPDATE deliveries SET lease_until = $2 WHERE seq = $1",
        &[Value::from(delivery.seq), Value::from(now_ms + lease_ms)],
    )?;
    exactly_one("lease of a delivery", rows)?;
    Ok(Some(delivery))
}

/// Notes the outcome of an attempt. Returns false, and changes nothing, if the event was settled by another
/// server, or attempted again after this lease had run out.
pub(crate) fn record(tx: &mut dyn Tx, delivery: &Delivery, attempt: Attempt) -> Result<bool, StorageError> {
    let (state, next_at_ms) = match attempt {
        Attempt::Delivered => ("delivered", 0),
        Attempt::Failed { next_at_ms } => ("pending", next_at_ms),
        Attempt::GivenUp => ("given_up", 0),
    };
    let rows = tx.execute(
        "UPDATE deliveries SET state = $3, next_at = $4, attempts = attempts + 1, lease_until = 0 \
         WHERE seq = $1 AND state = 'pending' AND attempts = $2",
        &[
            Value::from(delivery.seq),
            Value::from(delivery.attempts),
            Value::from(state),
            Value::from(next_at_ms),
        ],
    )?;
    Ok(rows == 1)
}

/// Gives a lease back without an attempt, so that another server need not wait for its end.
pub(crate) fn release(tx: &mut dyn Tx, delivery: &Delivery) -> Result<(), StorageError> {
    let sql = "UPDATE deliveries SET lease_until = 0 WHERE seq = $1 AND state = 'pending' AND attempts = $2";
    tx.execute(sql, &[Value::from(delivery.seq), Value::from(delivery.attempts)])?;
    Ok(())
}
