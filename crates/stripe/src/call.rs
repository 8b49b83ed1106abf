//! One call to Stripe: sent, perhaps sent again, and read for what it proves.

use crate::failure::{Failure, Refusal};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response, StatusCode};
use sekali_core::ports::{Clock, Random};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// A whole call, its repetitions and their pauses included.
pub(crate) const TOTAL: Duration = Duration::from_secs(20);
/// Repetitions after the first attempt.
const REPEATS: u32 = 2;
/// Before the first repetition; twice that before the second; and up to as much again at random.
const PAUSE: Duration = Duration::from_millis(250);

/// An attempt that brought no object.
struct Failed {
    failure: Failure,
    /// Whether another attempt may help.
    again: bool,
    /// Whether this one may have happened all the same.
    doubt: bool,
}

/// Sends what `request` builds until there is an answer, at most three times within 20 s. A repeat
/// is the same request to the byte, and has an idempotency key if it changes something; that is what
/// makes repeating safe. An answer larger than `largest`, in bytes, is not read.
pub(crate) async fn call(
    request: impl Fn() -> RequestBuilder,
    largest: usize,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Value, Failure> {
    timeout(TOTAL, attempts(request, largest, clock, random))
        .await
        .unwrap_or_else(|_| Err(Failure::Unknown("no answer in 20 s".to_owned())))
}

async fn attempts(
    request: impl Fn() -> RequestBuilder,
    largest: usize,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Value, Failure> {
    let mut doubtful = false;
    for repeat in 0.. {
        let failed = match attempt(request(), largest).await {
            Ok(object) => return Ok(object),
            Err(failed) => failed,
        };
        let failure = match failed.failure {
            Failure::Refused(refusal) => Failure::Refused(refusal.doubted(failed.again || doubtful)),
            other => other,
        };
        if !failed.again || repeat == REPEATS {
            return Err(failure);
        }
        doubtful |= failed.doubt;
        tracing::debug!(repeat, "Stripe is asked again");
        let pause = PAUSE * 2_u32.pow(repeat);
        clock.sleep(pause + random.jitter(pause)).await;
    }
    unreachable!("the loop ends with its last repeat");
}

async fn attempt(request: RequestBuilder, largest: usize) -> Result<Value, Failed> {
    let response = match request.send().await {
        Ok(response) => response,
        // A connection that was never made has carried nothing.
        Err(error) => return Err(unknown(true, !error.is_connect(), describe(error))),
    };
    let status = response.status();
    let said = |name: &str| header(response.headers(), name);
    let (advice, replayed) = (said("stripe-should-retry"), said("idempotent-replayed"));
    match body(response, largest).await {
        Ok(body) => read(status, advice, replayed == Some(true), serde_json::from_slice(&body).ok()),
        Err(message) => Err(unknown(advice.unwrap_or(true), true, message)),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<bool> {
    headers.get(name).map(|value| value == "true")
}

fn unknown(again: bool, doubt: bool, message: String) -> Failed {
    Failed { failure: Failure::Unknown(message), again, doubt }
}

/// Reads an answer by its status and by Stripe's advice, which goes first: it knows whether another
/// attempt can end otherwise.
fn read(
    status: StatusCode,
    advice: Option<bool>,
    replayed: bool,
    body: Option<Value>,
) -> Result<Value, Failed> {
    if status.is_success() {
        let message = format!("{status} with something that is no JSON");
        return body.ok_or_else(|| unknown(advice.unwrap_or(false), true, message));
    }
    let error = body.as_ref().and_then(|body| body.get("error"));
    let refusal = Refusal::read(status, error);
    if replayed && status.is_server_error() {
        // Whatever the advice: the same answer is what every repeat gets, for as long as the key lives.
        return Err(Failed { failure: Failure::Spent(refusal.describe()), again: false, doubt: true });
    }
    let busy = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
    let again = advice.unwrap_or(busy || status.is_server_error());
    // A used key with other bytes says that the first request with it may well have succeeded. And
    // an answer without Stripe's error object may be a proxy's, which knows nothing.
    let definite = status.is_client_error()
        && !busy
        && error.is_some_and(|error| error.is_object() && error["type"] != "idempotency_error");
    if definite {
        Err(Failed { failure: Failure::Refused(refusal), again, doubt: false })
    } else {
        Err(unknown(again, true, refusal.describe()))
    }
}

/// The body, if it is no larger than it can honestly be.
async fn body(mut response: Response, largest: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > largest {
            return Err(format!("the answer is larger than {} MiB", largest >> 20));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The error with its causes, without the address.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
