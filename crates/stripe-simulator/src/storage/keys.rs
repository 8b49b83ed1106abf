//! Idempotency keys: claimed before a request executes, answered in the transaction that executes it.

use super::{StorageError, Tx, Value, exactly_one};

/// Stripe forgets keys once they are 24 hours old.
const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// A claim without an answer for this long belongs to a server that died: whoever comes next takes it over.
const CLAIM_MS: i64 = 15 * 1000;

/// A request that carries an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct KeyedRequest {
    pub(crate) key: String,
    /// What the key's requests must have in common: a hash of method, path and parameters.
    pub(crate) fingerprint: String,
    /// The id of this request.
    pub(crate) owner: String,
}

/// What a claim found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    /// The caller may execute.
    Won,
    /// Another request executes under the key at this moment.
    InFlight,
    /// The key was used for another request.
    Mismatch,
    /// The key's request was executed before, with this answer.
    Answered { status: i64, body: String, owner: String },
}

/// Claims the key for the request, at `now_ms` (Unix milliseconds).
pub(crate) fn claim(tx: &mut dyn Tx, request: &KeyedRequest, now_ms: i64) -> Result<Claim, StorageError> {
    let sql = "DELETE FROM idempotency_keys WHERE claimed_at <= $1";
    tx.execute(sql, &[Value::from(now_ms - LIFETIME_MS)])?;
    let sql = "DELETE FROM idempotency_keys WHERE key = $1 AND status IS NULL AND claimed_at <= $2";
    tx.execute(sql, &[Value::from(request.key.as_str()), Value::from(now_ms - CLAIM_MS)])?;

    let sql = "SELECT fingerprint, owner, status, body FROM idempotency_keys WHERE key = $1";
    let rows = tx.query(sql, &[Value::from(request.key.as_str())])?;
    let Some(row) = rows.first() else {
        insert(tx, request, now_ms)?;
        return Ok(Claim::Won);
    };
    if row.text(0)? != request.fingerprint {
        return Ok(Claim::Mismatch);
    }
    if row.is_null(2) {
        return Ok(Claim::InFlight);
    }
    Ok(Claim::Answered { status: row.int(2)?, body: row.text(3)?.to_owned(), owner: row.text(1)?.to_owned() })
}

fn insert(tx: &mut dyn Tx, request: &KeyedRequest, now_ms: i64) -> Result<(), StorageError> {
    let rows = tx.execute(
        "INSERT INTO idempotency_keys (key, fingerprint, owner, claimed_at) VALUES ($1, $2, $3, $4)",
        &[
            Value::from(request.key.as_str()),
            Value::from(request.fingerprint.as_str()),
            Value::from(request.owner.as_str()),
            Value::from(now_ms),
        ],
    )?;
    exactly_one("claim of an idempotency key", rows)
}

/// Keeps the answer. Fails, and with it the transaction that executed, if the claim was taken over meanwhile:
/// then another request executes.
pub(crate) fn answer(
    tx: &mut dyn Tx,
    request: &KeyedRequest,
    status: u16,
    body: &str,
) -> Result<(), StorageError> {
    let rows = tx.execute(
        "UPDATE idempotency_keys SET status = $3, body = $4 WHERE key = $1 AND owner = $2 AND status IS NULL",
        &[
            Value::from(request.key.as_str()),
            Value::from(request.owner.as_str()),
            Value::from(i64::from(status)),
            Value::from(body),
        ],
    )?;
    exactly_one("answer of an idempotency key", rows)
}

/// Gives the claim back, for a request that was turned down before it executed.
pub(crate) fn release(tx: &mut dyn Tx, request: &KeyedRequest) -> Result<(), StorageError> {
    let sql = "DELETE FROM idempotency_keys WHERE key = $1 AND owner = $2 AND status IS NULL";
    tx.execute(sql, &[Value::from(request.key.as_str()), Value::from(request.owner.as_str())])?;
    Ok(())
}
