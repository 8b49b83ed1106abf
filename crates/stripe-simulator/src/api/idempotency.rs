//! Idempotency keys as Stripe keeps them: the first answer of a key, error or not, is its answer for 24
//! hours, once the request has begun to execute. What was turned down before that occupies no key.

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::form::{Tree, canonical};
use super::{Answer, Command};
use crate::failure::Failure;
use crate::simulator::Simulator;
use crate::storage::Access;
use crate::storage::keys::{self, Claim, KeyedRequest};
use crate::work::{Cause, Work, hex};

const MAX_KEY: usize = 255;

/// The request's key, if it has one.
pub(super) fn read(
    headers: &HeaderMap,
    path: &str,
    tree: &Tree,
    request_id: &str,
) -> Result<Option<KeyedRequest>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > MAX_KEY {
        return Err(ApiError::invalid(format!("An idempotency key has 1 to {MAX_KEY} characters of ASCII.")));
    }
    // Only POSTs have keys, so that the method needs no place in the hash.
    let digest = Sha256::digest(format!("{path}\n{}", canonical(tree)));
    let fingerprint = hex(&digest);
    Ok(Some(KeyedRequest { key: key.to_owned(), fingerprint, owner: request_id.to_owned() }))
}

/// Runs a command, at most once for its key. `prepare` reads the parameters: its error is answered and not
/// kept.
pub(super) async fn execute(
    simulator: &Simulator,
    keyed: Option<KeyedRequest>,
    request_id: &str,
    prepare: impl FnOnce() -> Result<Command, ApiError>,
) -> Result<Answer, Failure> {
    let cause = Cause {
        request_id: Some(request_id.to_owned()),
        idempotency_key: keyed.as_ref().map(|request| request.key.clone()),
    };
    let Some(request) = keyed else {
        return Ok(Answer::of(Ok(simulator.write(cause, prepare()?).await?)));
    };
    if let Some(earlier) = claim(simulator, &request).await? {
        return Ok(earlier);
    }
    let command = match prepare() {
        Ok(command) => command,
        Err(error) => {
            release(simulator, request).await?;
            return Err(error.into());
        }
    };
    let ours = request.clone();
    let run = move |work: &mut Work<'_>| {
        let answer = match command(work) {
            Ok(object) => Answer::of(Ok(object)),
            Err(Failure::Api(error)) => Answer::of(Err(*error)),
            Err(storage) => return Err(storage),
        };
        // In the transaction of what it answers: there is never one without the other.
        keys::answer(work.tx, &ours, answer.status, &answer.body)?;
        Ok(answer)
    };
    let outcome = simulator.write(cause, run).await;
    if outcome.is_err() {
        // Nothing was executed, so the client may try again at once.
        release(simulator, request).await?;
    }
    outcome
}

/// Claims the key, or returns the answer that stands in the way.
async fn claim(simulator: &Simulator, request: &KeyedRequest) -> Result<Option<Answer>, Failure> {
    let ours = request.clone();
    let claim = move |work: &mut Work<'_>| Ok(keys::claim(work.tx, &ours, work.now_ms)?);
    match simulator.transact(Access::Write, Cause::default(), claim).await? {
        Claim::Won => Ok(None),
        Claim::InFlight => Err(ApiError::key_in_use(&request.key).into()),
        Claim::Mismatch => Err(ApiError::key_reused(&request.key).into()),
        Claim::Answered { status, body, owner } => {
            let status = u16::try_from(status).unwrap_or(500);
            // Whoever repeats a failed request gets the same answer until the key expires.
            let should_retry = (status >= 400).then_some(false);
            Ok(Some(Answer { status, body, should_retry, replayed_from: Some(owner) }))
        }
    }
}

async fn release(simulator: &Simulator, request: KeyedRequest) -> Result<(), Failure> {
    let release = move |work: &mut Work<'_>| Ok(keys::release(work.tx, &request)?);
    simulator.transact(Access::Write, Cause::default(), release).await
}
