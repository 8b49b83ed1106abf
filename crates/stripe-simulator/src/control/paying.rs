//! Paying a session without its page, and the bank's answer to a payment that is under way.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer, carry_out, read_json, respond};
use crate::api::error::ApiError;
use crate::api::{auth, sessions};
use crate::bank;
use crate::checkout::{self, Entry, Outcome};
use crate::failure::Failure;
use crate::hosted::form::{Mistakes, Typed, TypedAccount};
use crate::model::bank::no_account;
use crate::simulator::Simulator;
use crate::work::{Cause, Work};

const PAY: &str = "{\"card\": \"4242424242424242\"} or {\"bank_account\": \"000123456789\"}, with authenticate, \
                   email, name and force as you like.";

/// How a session is to be paid. It has no `Debug`: it holds a card number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    card: Option<String>,
    bank_account: Option<String>,
    /// Whether the payer passes a 3-D Secure challenge, if the card asks for one.
    #[serde(default = "yes")]
    authenticate: bool,
    email: Option<String>,
    name: Option<String>,
    /// Pays a session that has expired, too.
    #[serde(default)]
    force: bool,
}

fn yes() -> bool {
    true
}

struct Attempt {
    entry: Entry,
    authenticate: bool,
    force: bool,
}

/// `POST /simulator/sessions/{id}/pay`: answers once the outcome stands.
pub(super) async fn pay(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = match read(&headers, &body, simulator.real_ms()) {
        Ok(attempt) => {
            let job = move |work: &mut Work<'_>| pay_session(work, &id, attempt);
            simulator.write(Cause::default(), job).await
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        // A decline is kept like any other, and so no failure of the transaction.
        Ok(Err(declined)) => respond(declined.status, &declined.render()),
        Ok(Ok(value)) => respond(200, &value),
        Err(failure) => answer(Err(failure)),
    }
}

fn read(headers: &HeaderMap, body: &[u8], now_ms: i64) -> Result<Attempt, ApiError> {
    let order = read_order(headers, body)?;
    let email = order.email.as_deref().unwrap_or("payer@example.com");
    let name = order.name.as_deref().unwrap_or("Test Payer");
    let entry = match (&order.card, &order.bank_account) {
        (Some(card), None) => Typed::new(email, card, &next_year(now_ms), "123", name).check(now_ms),
        (None, Some(account)) => TypedAccount::new(email, account, name).check(),
        _ => return Err(ApiError::invalid(format!("Pay with one of card and bank_account: {PAY}"))),
    };
    let field = if order.card.is_some() { "card" } else { "bank_account" };
    let entry = entry.map_err(|mistakes| refuse(field, &mistakes))?;
    Ok(Attempt { entry, authenticate: order.authenticate, force: order.force })
}

/// Reads JSON, or the form that Stripe's own libraries send. The latter needs a secret key: a page of another
/// origin could send it, too, and has none.
fn read_order(headers: &HeaderMap, body: &[u8]) -> Result<Order, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") || auth::check(headers).is_err() {
        return read_json(headers, body, PAY);
    }
    let fields: serde_json::Map<String, Value> = form_urlencoded::parse(body)
        .map(|(name, value)| {
            let value = value.parse::<bool>().map_or_else(|_| json!(value), Value::Bool);
            (name.into_owned(), value)
        })
        .collect();
    serde_json::from_value(Value::Object(fields)).map_err(|_| ApiError::invalid(format!("Pay with {PAY}")))
}

/// An expiry date that is good.
fn next_year(now_ms: i64) -> String {
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(TimeZone::UTC);
    format!("12/{:04}", now.year() + 1)
}

fn refuse(field: &str, mistakes: &Mistakes) -> ApiError {
    let named = [(field, mistakes.number), ("email", mistakes.email), ("name", mistakes.name)];
    let first = named.into_iter().find_map(|(field, mistake)| Some((field, mistake?)));
    let (field, mistake) = first.unwrap_or((field, "It is not valid."));
    ApiError::bad_value(field, mistake)
}

/// The outer error leaves no trace; a decline, the inner one, is kept like any other.
fn pay_session(work: &mut Work<'_>, id: &str, attempt: Attempt) -> Result<Result<Value, ApiError>, Failure> {
    let mut session = sessions::find(work, id)?;
    if attempt.force {
        checkout::reopen(&mut session);
    }
    if attempt.entry.details.is_bank_account() && !session.takes_bank_accounts() {
        let message = "The session's payment_method_types do not name us_bank_account.";
        return Err(ApiError::bad_value("bank_account", message).into());
    }
    let outcome = match checkout::pay(work, &mut session, attempt.entry)? {
        Outcome::Challenged { challenge_id } => {
            checkout::answer_challenge(work, &mut session, &challenge_id, attempt.authenticate)?
        }
        outcome => outcome,
    };
    let told = match outcome {
        Outcome::Paid => "succeeded",
        Outcome::Submitted => "processing",
        Outcome::Declined { decline, charge } => return Ok(Err(ApiError::card(decline, charge))),
        Outcome::Refused | Outcome::Challenged { .. } => {
            return Ok(Err(ApiError::invalid("Only an open Checkout Session can be paid.")));
        }
    };
    Ok(Ok(json!({"outcome": told, "session": session.render(work.public_base)})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BankOrder {
    outcome: BankOutcome,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum BankOutcome {
    Succeeded,
    Failed,
}

/// `POST /simulator/sessions/{id}/bank`: the bank's answer, at once.
pub(super) async fn settle(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = read_json::<BankOrder>(&headers, &body, "{\"outcome\": \"succeeded\"}, or failed.");
    carry_out(&simulator, order, move |work, order| {
        let mut session = sessions::find(work, &id)?;
        let failure = (order.outcome == BankOutcome::Failed).then(no_account);
        bank::settle_now(work, &mut session, failure)?;
        Ok(json!({"session": session.render(work.public_base)}))
    })
    .await
}
