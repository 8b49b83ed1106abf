//! Webhook deliveries: one row for each event and receiver, worked off under leases, so that of several
//! servers one delivers.

use super::{StorageError, Tx, Value, exactly_one};

/// An event that is to be delivered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) seq: i64,
    pub(crate) event_id: String,
    /// The place of the receiver's address in the configuration.
    pub(crate) endpoint: usize,
    pub(crate) thread: String,
    /// How many attempts were made before this one.
    pub(crate) attempts: i64,
}

/// The two clocks that deliveries go by, in Unix milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The simulated clock's: when attempts are due.
    pub(crate) now: i64,
    /// The process's own: how long leases last, whatever becomes of the other clock.
    pub(crate) real: i64,
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

/// A delivery that is to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct New<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) endpoint: usize,
    pub(crate) thread: &'a str,
    /// Unix milliseconds before which it is not made.
    pub(crate) next_at_ms: i64,
    /// Whether it is made before that, once a later event of its thread was delivered.
    pub(crate) overtaken: bool,
}

pub(crate) fn enqueue(tx: &mut dyn Tx, new: New<'_>) -> Result<(), StorageError> {
    let rows = tx.execute(
        "INSERT INTO deliveries (event_id, endpoint, thread, attempts, next_at, lease_until, state, overtaken) \
         VALUES ($1, $2, $3, 0, $4, 0, 'pending', $5)",
        &[
            Value::from(new.event_id),
            Value::from(i64::try_from(new.endpoint).unwrap_or(i64::MAX)),
            Value::from(new.thread),
            Value::from(new.next_at_ms),
            Value::from(i64::from(new.overtaken)),
        ],
    )?;
    exactly_one("insert of a delivery", rows)
}

/// The oldest delivery that is due and free. An earlier event of the same thread that is being attempted
/// holds the later ones back; one that waits for its next attempt does not, as one bad event must not stop
/// the rest.
const NEXT: &str = "SELECT d.seq, d.event_id, d.endpoint, d.thread, d.attempts FROM deliveries d \
     WHERE d.state = 'pending' AND d.next_at <= $1 AND d.lease_until <= $2 \
     AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.thread = d.thread AND e.endpoint = d.endpoint \
                     AND e.seq < d.seq AND e.state = 'pending' AND e.lease_until > $2) \
     ORDER BY d.seq LIMIT 1";

/// Whether there is something to claim: asked without the writers' lock, as it is asked all the time.
pub(crate) fn waiting(tx: &mut dyn Tx, times: Times) -> Result<bool, StorageError> {
    Ok(!tx.query(NEXT, &[Value::from(times.now), Value::from(times.real)])?.is_empty())
}

/// Takes the next delivery for `lease_ms` milliseconds.
pub(crate) fn claim(tx: &mut dyn Tx, times: Times, lease_ms: i64) -> Result<Option<Delivery>, StorageError> {
    let rows = tx.query(NEXT, &[Value::from(times.now), Value::from(times.real)])?;
    let Some(row) = rows.first() else { return Ok(None) };
    let delivery = Delivery {
        seq: row.int(0)?,
        event_id: row.text(1)?.to_owned(),
        endpoint: usize::try_from(row.int(2)?).unwrap_or(usize::MAX),
        thread: row.text(3)?.to_owned(),
        attempts: row.int(4)?,
    };
    let rows = tx.execute(
        "UPDATE deliveries SET lease_until = $2 WHERE seq = $1",
        &[Value::from(delivery.seq), Value::from(times.real + lease_ms)],
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
    if rows == 1 && attempt == Attempt::Delivered {
        let sql = "UPDATE deliveries SET next_at = 0, overtaken = 0 WHERE thread = $1 AND seq < $2 AND overtaken = 1";
        tx.execute(sql, &[Value::from(delivery.thread.as_str()), Value::from(delivery.seq)])?;
    }
    Ok(rows == 1)
}

/// How many receivers still have to answer for the event.
pub(crate) fn outstanding(tx: &mut dyn Tx, event_id: &str) -> Result<i64, StorageError> {
    let sql = "SELECT COUNT(DISTINCT endpoint) FROM deliveries WHERE event_id = $1 AND state = 'pending'";
    tx.query(sql, &[Value::from(event_id)])?.first().map_or(Ok(0), |row| row.int(0))
}

/// How many deliveries there are in each state.
pub(crate) fn counts(tx: &mut dyn Tx) -> Result<Vec<(String, i64)>, StorageError> {
    let rows = tx.query("SELECT state, COUNT(*) FROM deliveries GROUP BY state", &[])?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect()
}

/// Gives a lease back without an attempt, so that another server need not wait for its end.
pub(crate) fn release(tx: &mut dyn Tx, delivery: &Delivery) -> Result<(), StorageError> {
    let sql = "UPDATE deliveries SET lease_until = 0 WHERE seq = $1 AND state = 'pending' AND attempts = $2";
    tx.execute(sql, &[Value::from(delivery.seq), Value::from(delivery.attempts)])?;
    Ok(())
}
