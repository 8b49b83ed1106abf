//! Idempotency keys as Stripe keeps them: the first answer of a key, error or not, is its answer for 24
//! hours, once the request has begun to execute. What was turned down before that occupies no key.

use std::time::Duration;

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};

use super::error::ApiError;
use super::form::{Tree, canonical};
use super::{Answer, Command, Wire};
use crate::failure::Failure;
use crate::faults::Kind;
use crate::faults::requests::RequestFault;
use crate::simulator::Simulator;
use crate::storage::Access;
use crate::storage::keys::{self, CLAIM_MS, Claim, KeyedRequest};
use crate::work::{Cause, Work, hex};

const MAX_KEY: usize = 255;

/// The request's key, if it has one.
pub(super) fn read(
    headers: &HeaderMap,
    scope: &str,
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
    Ok(Some(KeyedRequest {
        key: key.to_owned(),
        scope: scope.to_owned(),
        fingerprint,
        owner: request_id.to_owned(),
    }))
}

/// Runs a command, at most once for its key. `prepare` reads the parameters: its error is answered and not
/// kept. `fault` is what goes wrong meanwhile.
pub(super) async fn execute(
    simulator: &Simulator,
    keyed: Option<KeyedRequest>,
    request_id: &str,
    fault: Option<RequestFault>,
    prepare: impl FnOnce() -> Result<Command, ApiError>,
) -> Result<Answer, Failure> {
    if let Some(request) = &keyed
        && let Some(earlier) = claim(simulator, request).await?
    {
        return Ok(earlier);
    }
    let command = match prepare() {
        Ok(command) => command,
        Err(error) => {
            release(simulator, keyed).await?;
            return Err(error.into());
        }
    };
    hold(simulator, keyed.as_ref(), fault).await?;
    let outcome = run(simulator, keyed.clone(), request_id, fault, command).await;
    if outcome.is_err() {
        // Nothing was executed, so the client may try again at once.
        release(simulator, keyed).await?;
    }
    outcome
}

/// Executes the command and keeps its answer.
async fn run(
    simulator: &Simulator,
    keyed: Option<KeyedRequest>,
    request_id: &str,
    fault: Option<RequestFault>,
    command: Command,
) -> Result<Answer, Failure> {
    let cause = Cause {
        request_id: Some(request_id.to_owned()),
        idempotency_key: keyed.as_ref().map(|request| request.key.clone()),
    };
    let request_id = request_id.to_owned();
    let kind = fault.map(|fault| fault.kind);
    let job = move |work: &mut Work<'_>| {
        work.tx.batch("SAVEPOINT command")?;
        let executed = match kind {
            Some(Kind::ServerErrorSaved) => Err(ApiError::injected().into()),
            _ => command(work),
        };
        let mut answer = match executed {
            Ok(object) => Answer::of(Ok(object), &request_id),
            Err(Failure::Api(error)) => {
                // The answer is kept, and nothing else of what failed on the way.
                work.tx.batch("ROLLBACK TO SAVEPOINT command")?;
                Answer::of(Err(*error), &request_id)
            }
            Err(storage) => return Err(storage),
        };
        if kind == Some(Kind::ServerErrorAfterWork) {
            answer = Answer::of(Err(ApiError::injected()), &request_id);
        }
        if let Some(request) = &keyed {
            // In the transaction of what it answers: there is never one without the other.
            keys::answer(work.tx, request, answer.status, &answer.body)?;
        }
        Ok(answer)
    };
    simulator.write(cause, job).await
}

/// Keeps a slow request waiting, and its key in use.
async fn hold(
    simulator: &Simulator,
    keyed: Option<&KeyedRequest>,
    fault: Option<RequestFault>,
) -> Result<(), Failure> {
    let mut left = fault.filter(|fault| fault.kind == Kind::Slow).map_or(0, |fault| fault.delay_ms);
    while left > 0 {
        let step = left.min(CLAIM_MS / 3);
        tokio::time::sleep(Duration::from_millis(step.unsigned_abs())).await;
        left -= step;
        if let Some(request) = keyed.cloned() {
            let renew = move |work: &mut Work<'_>| Ok(keys::renew(work.tx, &request, work.times)?);
            simulator.transact(Access::Write, Cause::default(), renew).await?;
        }
    }
    Ok(())
}

/// Claims the key, or returns the answer that stands in the way.
async fn claim(simulator: &Simulator, request: &KeyedRequest) -> Result<Option<Answer>, Failure> {
    let ours = request.clone();
    let claim = move |work: &mut Work<'_>| Ok(keys::claim(work.tx, &ours, work.times)?);
    match simulator.transact(Access::Write, Cause::default(), claim).await? {
        Claim::Won => Ok(None),
        Claim::InFlight => Err(ApiError::key_in_use(&request.key).into()),
        Claim::Mismatch => Err(ApiError::key_reused(&request.key).into()),
        Claim::Answered { status, body, owner } => {
            let status = u16::try_from(status).unwrap_or(500);
            // Whoever repeats a failed request gets the same answer until the key expires.
            let should_retry = (status >= 400).then_some(false);
            Ok(Some(Answer { status, body, should_retry, replayed_from: Some(owner), wire: Wire::Whole }))
        }
    }
}

async fn release(simulator: &Simulator, keyed: Option<KeyedRequest>) -> Result<(), Failure> {
    let Some(request) = keyed else { return Ok(()) };
    let release = move |work: &mut Work<'_>| Ok(keys::release(work.tx, &request)?);
    simulator.transact(Access::Write, Cause::default(), release).await
}
