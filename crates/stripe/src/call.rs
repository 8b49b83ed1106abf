//! One call to Stripe: sent, perhaps sent again, and read for what it proves.

use reqwest::{RequestBuilder, Response, StatusCode};
use sekali_core::ports::{Clock, GatewayError, Random};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// A whole call, its repetitions and their pauses included.
pub(crate) const TOTAL: Duration = Duration::from_secs(20);
/// Repetitions after the first attempt.
const REPEATS: u32 = 2;
/// Before the first repetition; twice that before the second; and up to as much again at random.
const PAUSE: Duration = Duration::from_millis(250);
/// Stripe's objects are some kilobytes.
const LARGEST_BODY: usize = 1 << 20;

/// What an attempt came to.
enum Attempt {
    /// Stripe's object.
    Object(Value),
    /// Stripe's own refusal.
    Refused { status: StatusCode, message: String, again: bool },
    /// Nobody knows. `sent` is false if the request certainly never reached anybody.
    Unknown { message: String, again: bool, sent: bool },
}

/// Sends what `request` builds until there is an answer, at most three times within 20 s. A repeat
/// is the same request to the byte, and has an idempotency key if it changes something; that is what
/// makes repeating safe.
pub(crate) async fn call(
    request: impl Fn() -> RequestBuilder,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Value, GatewayError> {
    timeout(TOTAL, attempts(request, clock, random))
        .await
        .unwrap_or_else(|_| Err(GatewayError::Unknown("no answer in 20 s".to_owned())))
}

async fn attempts(
    request: impl Fn() -> RequestBuilder,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Value, GatewayError> {
    let mut doubtful = false;
    for repeat in 0.. {
        let (again, failure) = match attempt(request()).await {
            Attempt::Object(object) => return Ok(object),
            Attempt::Refused { status, message, again } => {
                (again, refusal(status, message, again || doubtful))
            }
            Attempt::Unknown { message, again, sent } => {
                doubtful |= sent;
                (again, GatewayError::Unknown(message))
            }
        };
        if !again || repeat == REPEATS {
            return Err(failure);
        }
        tracing::debug!(repeat, "Stripe is asked again");
        let pause = PAUSE * 2_u32.pow(repeat);
        clock.sleep(pause + random.jitter(pause)).await;
    }
    unreachable!("the loop ends with its last repeat");
}

/// A refusal is definite only if nothing before it can have succeeded: a key revoked between two
/// attempts refuses the second one and says nothing of the first. That an object does not exist
/// is definite either way.
fn refusal(status: StatusCode, message: String, doubtful: bool) -> GatewayError {
    if status == StatusCode::NOT_FOUND {
        GatewayError::NotFound
    } else if doubtful {
        GatewayError::Unknown(format!("{status}: {message}"))
    } else {
        GatewayError::Refused { status: status.as_u16(), message }
    }
}

async fn attempt(request: RequestBuilder) -> Attempt {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            return Attempt::Unknown { sent: !error.is_connect(), again: true, message: describe(error) };
        }
    };
    let status = response.status();
    let advice = response.headers().get("stripe-should-retry").map(|value| value == "true");
    match body(response).await {
        Ok(body) => read(status, advice, serde_json::from_slice(&body).ok()),
        Err(message) => Attempt::Unknown { message, again: advice.unwrap_or(true), sent: true },
    }
}

/// Reads an answer by its status and by Stripe's advice, which goes first: it knows whether the
/// same failure is stored under the idempotency key.
fn read(status: StatusCode, advice: Option<bool>, body: Option<Value>) -> Attempt {
    if status.is_success() {
        let message = format!("{status} with something that is no JSON");
        let again = advice.unwrap_or(false);
        return body.map_or(Attempt::Unknown { message, again, sent: true }, Attempt::Object);
    }
    let error = body.as_ref().and_then(|body| body.get("error"));
    let text = |name: &str| error.and_then(|error| error.get(name)).and_then(Value::as_str);
    let message = text("message").unwrap_or("no words").to_owned();
    let busy = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
    let again = advice.unwrap_or(busy || status.is_server_error());
    // A used key with other bytes says that the first request with it may well have succeeded. And
    // an answer without Stripe's error object may be a proxy's, which knows nothing.
    let definite = status.is_client_error()
        && !busy
        && error.is_some_and(Value::is_object)
        && text("type") != Some("idempotency_error");
    if definite {
        Attempt::Refused { status, message, again }
    } else {
        Attempt::Unknown { message: format!("{status}: {message}"), again, sent: true }
    }
}

/// The body, if it is no larger than Stripe's ever are.
async fn body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(describe)? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err("the answer is larger than 1 MiB".to_owned());
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
