//! What tests and demonstrations steer the simulator by. It is no part of Stripe's API, needs no key, and
//! lives under `/simulator/`. It belongs where nobody but tests can reach it.

mod clock;
mod faults;
mod money;
mod paying;
mod state;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::error::ApiError;
use crate::failure::Failure;
use crate::simulator::Simulator;
use crate::work::{Cause, Work};

const MAX_BODY: usize = 16 * 1024;

pub(crate) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/simulator/sessions/{id}/pay", post(paying::pay))
        .route("/simulator/sessions/{id}/bank", post(paying::settle))
        .route("/simulator/charges/{id}/refund", post(money::refund))
        .route("/simulator/charges/{id}/dispute", post(money::dispute))
        .route("/simulator/refunds/{id}/settle", post(money::settle_refund))
        .route("/simulator/disputes/{id}/close", post(money::close_dispute))
        .route("/simulator/disputes/{id}/review", post(money::review_dispute))
        .route("/simulator/clock", get(clock::show).post(clock::advance))
        .route("/simulator/faults", get(faults::list).post(faults::set).delete(faults::clear))
        .route("/simulator/faults/{id}", delete(faults::remove))
        .route("/simulator/state", get(state::show))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

/// Reads a JSON body; an empty one is an empty object. `example` tells what a good one looks like.
fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8], example: &str) -> Result<T, ApiError> {
    // A page of another origin cannot send this type without being asked first.
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(ApiError::invalid("The body has to be application/json."));
    }
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        // serde_json tells names of fields, never their values, unless a value is of the wrong type.
        let reason = if error.is_data() {
            "it has a field that is missing, unknown or of the wrong type"
        } else {
            "it is no JSON"
        };
        ApiError::invalid(format!("The body does not fit: {reason}. It is like {example}"))
    })
}

/// Runs what an order asks for in one write transaction, and answers with the outcome.
async fn carry_out<T, F>(simulator: &Simulator, order: Result<T, ApiError>, job: F) -> Response
where
    T: Send + 'static,
    F: FnOnce(&mut Work<'_>, T) -> Result<Value, Failure> + Send + 'static,
{
    let outcome = match order {
        Ok(order) => simulator.write(Cause::default(), move |work| job(work, order)).await,
        Err(error) => Err(error.into()),
    };
    answer(outcome)
}

fn answer(outcome: Result<Value, Failure>) -> Response {
    match outcome {
        Ok(value) => respond(200, &value),
        Err(Failure::Api(error)) => respond(error.status, &error.render()),
        Err(Failure::Storage(error)) => {
            tracing::error!(%error, "Stripe simulator: steering failed");
            respond(500, &ApiError::internal().render())
        }
    }
}

fn respond(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
