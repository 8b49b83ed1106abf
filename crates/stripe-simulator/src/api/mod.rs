//! Stripe's API. Every request goes one way: [`answer`] reads it, checks its key, finds the operation, and
//! runs it in one transaction, for a POST under its idempotency key.

pub(crate) mod auth;
pub(crate) mod error;
mod expand;
pub(crate) mod form;
mod idempotency;
mod lists;
mod params;
mod payment_intents;
pub(crate) mod reading;
pub(crate) mod refunds;
pub(crate) mod sessions;
mod wire;

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::any;
use serde_json::Value;

use self::error::ApiError;
use self::form::Tree;
use self::params::Params;
use self::wire::{Answer, Wire, respond};
use crate::failure::Failure;
use crate::faults::Kind;
use crate::faults::requests::{self, RequestFault, Target};
use crate::model::charge::Charge;
use crate::model::dispute::Dispute;
use crate::model::event::Event;
use crate::model::payment_intent::PaymentIntent;
use crate::model::refund::Refund;
use crate::serving::Switch;
use crate::simulator::Simulator;
use crate::storage::StorageError;
use crate::work::Work;

/// Far more than any request that Stripe's libraries send for what is simulated here.
const MAX_BODY: usize = 256 * 1024;

pub(crate) fn routes() -> Router<Simulator> {
    Router::new().route("/v1", any(handle)).route("/v1/{*path}", any(handle))
}

/// One request to one operation.
#[derive(Debug)]
pub(crate) struct Call {
    /// The id in the path; empty where there is none.
    pub(crate) id: String,
    pub(crate) params: Params,
}

/// A request that changes something, read and found valid.
pub(crate) type Command = Box<dyn FnOnce(&mut Work<'_>) -> Result<Value, Failure> + Send>;

/// What a method and a path lead to.
enum Operation {
    Read(fn(&mut Work<'_>, Call) -> Result<Value, Failure>),
    /// Reading the parameters comes first: what fails there has not begun to execute.
    Write(fn(Call) -> Result<Command, ApiError>),
}

/// The endpoints, and the id in the path.
fn operation<'a>(method: &Method, path: &[&'a str]) -> Option<(Operation, &'a str)> {
    use Operation::{Read, Write};
    Some(match (method.as_str(), path) {
        ("POST", ["checkout", "sessions"]) => (Write(sessions::create), ""),
        ("GET", ["checkout", "sessions"]) => (Read(sessions::list), ""),
        ("GET", ["checkout", "sessions", id]) => (Read(sessions::retrieve), id),
        ("POST", ["checkout", "sessions", id, "expire"]) => (Write(sessions::expire), id),
        ("GET", ["checkout", "sessions", id, "line_items"]) => (Read(sessions::line_items), id),
        ("GET", ["payment_intents"]) => (Read(reading::list::<PaymentIntent>), ""),
        ("GET", ["payment_intents", id]) => (Read(reading::retrieve::<PaymentIntent>), id),
        ("POST", ["payment_intents", id]) => (Write(payment_intents::update), id),
        ("POST", ["payment_intents", id, "cancel"]) => (Write(payment_intents::cancel), id),
        ("GET", ["charges"]) => (Read(reading::list::<Charge>), ""),
        ("GET", ["charges", id]) => (Read(reading::retrieve::<Charge>), id),
        ("POST", ["refunds"]) => (Write(refunds::create), ""),
        ("GET", ["refunds"]) => (Read(reading::list::<Refund>), ""),
        ("GET", ["refunds", id]) => (Read(reading::retrieve::<Refund>), id),
        ("POST", ["refunds", id]) => (Write(refunds::update), id),
        ("POST", ["refunds", id, "cancel"]) => (Write(refunds::cancel), id),
        ("GET", ["disputes"]) => (Read(reading::list::<Dispute>), ""),
        ("GET", ["disputes", id]) => (Read(reading::retrieve::<Dispute>), id),
        ("GET", ["events"]) => (Read(reading::list::<Event>), ""),
        ("GET", ["events", id]) => (Read(reading::retrieve::<Event>), id),
        _ => return None,
    })
}

async fn handle(State(simulator): State<Simulator>, request: Request) -> Response {
    let request_id = simulator.new_request_id();
    let headers = request.headers().clone();
    let switch = request.extensions().get::<ConnectInfo<Switch>>().cloned();
    let id = request_id.clone();
    // A task of its own: a client that goes away must not leave an idempotency key claimed and never
    // answered.
    let task = tokio::spawn(async move { answer(&simulator, request, &id).await });
    let outcome = task.await.unwrap_or_else(|error| Err(StorageError::from(error).into()));
    let answer = settle(outcome, &request_id);
    if let (Wire::Reset, Some(ConnectInfo(switch))) = (answer.wire, switch) {
        switch.reset();
    }
    respond(answer, &request_id, &headers)
}

fn settle(outcome: Result<Answer, Failure>, request_id: &str) -> Answer {
    match outcome {
        Ok(answer) => answer,
        Err(Failure::Api(error)) => Answer::of(Err(*error), request_id),
        Err(Failure::Storage(error)) => {
            tracing::error!(%error, request_id, "Stripe simulator: request failed");
            Answer::of(Err(ApiError::internal()), request_id)
        }
    }
}

async fn answer(simulator: &Simulator, request: Request, request_id: &str) -> Result<Answer, Failure> {
    let (parts, body) = request.into_parts();
    let scope = auth::check(&parts.headers)?;
    check_version(&parts.headers)?;
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    let Some((operation, id)) = operation(&parts.method, &segments) else {
        return Err(ApiError::no_such_address(parts.method.as_str(), &path).into());
    };
    let tree = read_params(&parts.headers, parts.uri.query(), body).await?;
    let keyed = match operation {
        Operation::Read(_) => None,
        Operation::Write(_) => idempotency::read(&parts.headers, &scope, &path, &tree, request_id)?,
    };
    let target = Target::read(parts.method.as_str(), &path, &tree, keyed.as_ref())?;
    let fault = requests::strike(simulator, target).await?;
    if let Some(instead) = instead_of_work(fault, request_id) {
        return Ok(instead);
    }
    let call = Call { id: id.to_owned(), params: Params::new(tree) };
    let mut answer = match operation {
        Operation::Read(read) => run_read(simulator, read, call, request_id, fault).await?,
        Operation::Write(prepare) => {
            idempotency::execute(simulator, keyed, request_id, fault, move || prepare(call)).await?
        }
    };
    answer.wire = match fault.map(|fault| fault.kind) {
        Some(Kind::AnswerLost) => Wire::Lost,
        Some(Kind::AnswerCut) => Wire::Broken,
        Some(Kind::ConnectionReset) => Wire::Reset,
        _ => Wire::Whole,
    };
    Ok(answer)
}

/// What is answered where a fault keeps the request from being worked on.
fn instead_of_work(fault: Option<RequestFault>, request_id: &str) -> Option<Answer> {
    let error = match fault?.kind {
        Kind::RequestLost => {
            let nothing = Answer::of(Ok(Value::Null), request_id);
            return Some(Answer { wire: Wire::Lost, ..nothing });
        }
        Kind::RateLimited => ApiError::rate_limited(),
        Kind::Conflict => ApiError::lock_timeout(),
        Kind::ServerError => ApiError { should_retry: Some(true), ..ApiError::injected() },
        _ => return None,
    };
    Some(Answer::of(Err(error), request_id))
}

async fn run_read(
    simulator: &Simulator,
    read: fn(&mut Work<'_>, Call) -> Result<Value, Failure>,
    call: Call,
    request_id: &str,
    fault: Option<RequestFault>,
) -> Result<Answer, Failure> {
    match fault {
        Some(RequestFault { kind: Kind::Slow, delay_ms }) => {
            tokio::time::sleep(Duration::from_millis(delay_ms.unsigned_abs())).await;
        }
        Some(RequestFault { kind: Kind::ServerErrorSaved | Kind::ServerErrorAfterWork, .. }) => {
            return Err(ApiError::injected().into());
        }
        _ => {}
    }
    let object = simulator.read(move |work| read(work, call)).await?;
    Ok(Answer::of(Ok(object), request_id))
}

async fn read_params(headers: &HeaderMap, query: Option<&str>, body: Body) -> Result<Tree, ApiError> {
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| ApiError::too_large())?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !body.is_empty() && !content_type.starts_with("application/x-www-form-urlencoded") {
        return Err(ApiError::invalid("The body has to be application/x-www-form-urlencoded."));
    }
    let mut tree = Tree::new();
    form::read(&mut tree, query.unwrap_or_default().as_bytes())?;
    form::read(&mut tree, &body)?;
    Ok(tree)
}

/// A version is a date, and may carry a release's name behind it; the objects shown are those of
/// [`crate::model::API_VERSION`].
fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(version) = headers.get("stripe-version") else { return Ok(()) };
    let version = version.to_str().unwrap_or_default();
    let date = version.split('.').next().unwrap_or_default();
    if date.parse::<jiff::civil::Date>().is_ok() {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid Stripe API version: {version}")))
}
