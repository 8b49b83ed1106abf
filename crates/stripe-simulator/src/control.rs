//! What tests and demonstrations steer the simulator by. It is no part of Stripe's API, needs no key, and
//! lives under `/simulator/`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::post;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::error::ApiError;
use crate::api::sessions;
use crate::checkout::{self, Entry, Outcome};
use crate::failure::Failure;
use crate::hosted::form::Typed;
use crate::simulator::Simulator;
use crate::work::{Cause, Work};

pub(crate) fn routes() -> Router<Simulator> {
    Router::new().route("/simulator/sessions/{id}/pay", post(pay)).layer(DefaultBodyLimit::max(16 * 1024))
}

/// How a session is to be paid. It has no `Debug`: it holds a card number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    card: String,
    /// Whether the payer passes a 3-D Secure challenge, if the card asks for one.
    #[serde(default = "yes")]
    authenticate: bool,
    email: Option<String>,
    name: Option<String>,
}

fn yes() -> bool {
    true
}

async fn pay(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = match read(&headers, &body, simulator.now_ms()) {
        Ok((entry, authenticate)) => {
            let job = move |work: &mut Work<'_>| attempt(work, &id, entry, authenticate);
            simulator.write(Cause::default(), job).await
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(Ok(session)) => respond(200, &json!({"outcome": "succeeded", "session": session})),
        Ok(Err(error)) => respond(error.status, &error.render()),
        Err(Failure::Api(error)) => respond(error.status, &error.render()),
        Err(Failure::Storage(error)) => {
            tracing::error!(%error, "Stripe simulator: payment failed");
            respond(500, &ApiError::internal().render())
        }
    }
}

fn read(headers: &HeaderMap, body: &[u8], now_ms: i64) -> Result<(Entry, bool), ApiError> {
    // A page of another origin cannot send this type without being asked first.
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(ApiError::invalid("The body has to be application/json."));
    }
    let order: Order = serde_json::from_slice(body).map_err(|_| {
        ApiError::invalid(
            "The body is {\"card\": \"4242424242424242\"}, with authenticate, email, name as you like.",
        )
    })?;
    let email = order.email.as_deref().unwrap_or("payer@example.com");
    let name = order.name.as_deref().unwrap_or("Test Payer");
    let next_year =
        jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(TimeZone::UTC).year() + 1;
    let typed = Typed::new(email, &order.card, &format!("12/{next_year:04}"), "123", name);
    let entry = typed.check(now_ms).map_err(|mistakes| {
        let named = [("card", mistakes.number), ("email", mistakes.email), ("name", mistakes.name)];
        let first = named.into_iter().find_map(|(field, mistake)| Some((field, mistake?)));
        let (field, mistake) = first.unwrap_or(("card", "The card is not valid."));
        ApiError::bad_value(field, mistake)
    })?;
    Ok((entry, order.authenticate))
}

/// The outer error leaves no trace; a decline, the inner one, is kept like any other.
fn attempt(
    work: &mut Work<'_>,
    id: &str,
    entry: Entry,
    authenticate: bool,
) -> Result<Result<Value, ApiError>, Failure> {
    let mut session = sessions::find(work, id)?;
    let outcome = match checkout::pay(work, &mut session, entry)? {
        Outcome::Challenged { challenge_id } => {
            checkout::answer_challenge(work, &mut session, &challenge_id, authenticate)?
        }
        outcome => outcome,
    };
    Ok(match outcome {
        Outcome::Paid => Ok(session.render(work.public_base)),
        Outcome::Declined { decline, charge } => Err(ApiError::card(decline, charge)),
        Outcome::Refused | Outcome::Challenged { .. } => {
            Err(ApiError::invalid("Only an open Checkout Session can be paid."))
        }
    })
}

fn respond(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
