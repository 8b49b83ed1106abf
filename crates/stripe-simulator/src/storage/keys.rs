//! Idempotency keys: claimed before a request executes, answered in the transaction that executes it.

use super::deliveries::Times;
use super::{StorageError, Tx, Value, exactly_one};

/// Stripe forgets keys once they are 24 hours old.
const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// A claim without an answer for this long belongs to a server that died: whoever comes next takes it over.
pub(crate) const CLAIM_MS: i64 = 15 * 1000;

/// A request that carries an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct KeyedRequest {
    pub(crate) key: String,
    /// Whose key it is: a hash of the secret key. One caller's idempotency keys are not another's.
    pub(crate) scope: String,
    /// What the key's requests must have in common: a hash of method, path and parameters.
    pub(crate) fingerprint: String,
    /// The id of this request.
    pub(crate) owner: String,
}

impl KeyedRequest {
    fn scoped(&self) -> Value {
        Value::Text(format!("{}:{}", self.scope, self.key))
    }
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

/// Claims the key for the request.
pub(crate) fn claim(tx: &mut dyn Tx, request: &KeyedRequest, times: Times) -> Result<Claim, StorageError> {
    // A claim that is still held belongs to a request in flight, however far the clock was moved meanwhile.
    let sql =
        "DELETE FROM idempotency_keys WHERE claimed_at <= $1 AND (status IS NOT NULL OR lease_until <= $2)";
    tx.execute(sql, &[Value::from(times.now - LIFETIME_MS), Value::from(times.real)])?;
    let sql = "DELETE FROM idempotency_keys WHERE key = $1 AND status IS NULL AND lease_until <= $2";
    tx.execute(sql, &[request.scoped(), Value::from(times.real)])?;

    let sql = "SELECT fingerprint, owner, status, body FROM idempotency_keys WHERE key = $1";
    let rows = tx.query(sql, &[request.scoped()])?;
    let Some(row) = rows.first() else {
        insert(tx, request, times)?;
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

fn insert(tx: &mut dyn Tx, request: &KeyedRequest, times: Times) -> Result<(), StorageError> {
    let rows = tx.execute(
        "INSERT INTO idempotency_keys (key, fingerprint, owner, claimed_at, lease_until) \
         VALUES ($1, $2, $3, $4, $5)",
        &[
            request.scoped(),
            Value::from(request.fingerprint.as_str()),
            Value::from(request.owner.as_str()),
            Value::from(times.now),
            Value::from(times.real + CLAIM_MS),
        ],
    )?;
    exactly_one("claim of an idempotency key", rows)
}

/// Says that the request still executes.
pub(crate) fn renew(tx: &mut dyn Tx, request: &KeyedRequest, times: Times) -> Result<(), StorageError> {
    let sql = "UPDATE idempotency_keys SET lease_until = $3 WHERE key = $1 AND owner = $2 AND status IS NULL";
    let until = Value::from(times.real + CLAIM_MS);
    tx.execute(sql, &[request.scoped(), Value::from(request.owner.as_str()), until])?;
    Ok(())
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
            request.scoped(),
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
    tx.execute(sql, &[request.scoped(), Value::from(request.owner.as_str())])?;
    Ok(())
}
