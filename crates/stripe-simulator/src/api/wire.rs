//! How answers go out: their headers, and the ways in which they do not arrive.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use super::error::ApiError;
use crate::model::API_VERSION;

/// Long enough for the first half of a broken answer to be on its way.
const BEFORE_THE_BREAK: Duration = Duration::from_millis(50);

/// What becomes of an answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Whole,
    /// The connection is closed, and nothing was sent.
    Lost,
    /// The connection is reset, and nothing was sent.
    Reset,
    /// The connection is closed in the middle of the body.
    Broken,
}

/// An answer, before it has its headers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) should_retry: Option<bool>,
    /// The request that executed under this one's idempotency key, if it was an earlier one.
    pub(super) replayed_from: Option<String>,
    pub(super) wire: Wire,
}

impl Answer {
    pub(super) fn of(outcome: Result<Value, ApiError>, request_id: &str) -> Self {
        let (status, body, should_retry) = match outcome {
            Ok(object) => (200, object, None),
            Err(error) => (error.status, error.render_for(request_id), error.should_retry),
        };
        Self { status, body: body.to_string(), should_retry, replayed_from: None, wire: Wire::Whole }
    }
}

/// The answer with Stripe's headers; `asked` are those of the request.
pub(super) fn respond(answer: Answer, request_id: &str, asked: &HeaderMap) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_headers(response.headers_mut(), &answer, request_id, asked);
    if answer.wire == Wire::Broken {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(answer.body.len()));
    }
    *response.body_mut() = body(answer);
    response
}

fn set_headers(headers: &mut HeaderMap, answer: &Answer, request_id: &str, asked: &HeaderMap) {
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("request-id", request_id);
    set("stripe-version", API_VERSION);
    for name in ["stripe-version", "idempotency-key"] {
        if let Some(value) = asked.get(name).and_then(|value| value.to_str().ok()) {
            set(name, value);
        }
    }
    if asked.contains_key("idempotency-key") {
        set("original-request", answer.replayed_from.as_deref().unwrap_or(request_id));
    }
    if answer.replayed_from.is_some() {
        set("idempotent-replayed", "true");
    }
    if let Some(should_retry) = answer.should_retry {
        set("stripe-should-retry", if should_retry { "true" } else { "false" });
    }
    if answer.status == 401 {
        set(WWW_AUTHENTICATE.as_str(), "Basic realm=\"Stripe\"");
    }
    set(CONTENT_TYPE.as_str(), "application/json");
    set(CACHE_CONTROL.as_str(), "no-cache, no-store");
}

/// A body that fails has the server close the connection: before anything was sent if it fails at once.
fn body(answer: Answer) -> Body {
    match answer.wire {
        Wire::Whole => Body::from(answer.body),
        Wire::Lost | Wire::Reset => Body::from_stream(stream::once(async move { failed() })),
        Wire::Broken => {
            let mut half = Bytes::from(answer.body);
            half.truncate(half.len() / 2);
            let rest = stream::once(async move {
                tokio::time::sleep(BEFORE_THE_BREAK).await;
                failed()
            });
            Body::from_stream(stream::once(async move { Ok(half) }).chain(rest))
        }
    }
}

fn failed() -> Result<Bytes, std::io::Error> {
    Err(std::io::Error::other("the simulator was asked to break the connection"))
}
