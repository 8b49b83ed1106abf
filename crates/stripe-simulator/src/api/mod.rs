//! Stripe's API. Every request goes one way: [`answer`] reads it, checks its key, finds the operation, and
//! runs it in one transaction, for a POST under its idempotency key.

mod auth;
pub(crate) mod error;
mod expand;
mod form;
mod idempotency;
mod lists;
mod params;
mod reading;
pub(crate) mod sessions;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use serde_json::Value;

use self::error::ApiError;
use self::form::Tree;
use self::params::Params;
use crate::failure::Failure;
use crate::model::API_VERSION;
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
        ("GET", ["payment_intents"]) => (Read(reading::list_payment_intents), ""),
        ("GET", ["payment_intents", id]) => (Read(reading::retrieve_payment_intent), id),
        ("GET", ["charges"]) => (Read(reading::list_charges), ""),
        ("GET", ["charges", id]) => (Read(reading::retrieve_charge), id),
        ("GET", ["events"]) => (Read(reading::list_events), ""),
        ("GET", ["events", id]) => (Read(reading::retrieve_event), id),
        _ => return None,
    })
}

/// An answer, before it has its headers.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
    should_retry: Option<bool>,
    /// The request that executed under this one's idempotency key, if it was an earlier one.
    replayed_from: Option<String>,
}

impl Answer {
    fn of(outcome: Result<Value, ApiError>) -> Self {
        match outcome {
            Ok(object) => {
                Self { status: 200, body: object.to_string(), should_retry: None, replayed_from: None }
            }
            Err(error) => Self {
                status: error.status,
                body: error.render().to_string(),
                should_retry: error.should_retry,
                replayed_from: None,
            },
        }
    }
}

async fn handle(State(simulator): State<Simulator>, request: Request) -> Response {
    let request_id = simulator.new_request_id();
    let headers = request.headers().clone();
    let id = request_id.clone();
    // A task of its own: a client that goes away must not leave an idempotency key claimed and never
    // answered.
    let task = tokio::spawn(async move { answer(&simulator, request, &id).await });
    let outcome = task.await.unwrap_or_else(|error| Err(StorageError::from(error).into()));
    respond(settle(outcome, &request_id), &request_id, &headers)
}

fn settle(outcome: Result<Answer, Failure>, request_id: &str) -> Answer {
    match outcome {
        Ok(answer) => answer,
        Err(Failure::Api(error)) => Answer::of(Err(*error)),
        Err(Failure::Storage(error)) => {
            tracing::error!(%error, request_id, "Stripe simulator: request failed");
            Answer::of(Err(ApiError::internal()))
        }
    }
}

async fn answer(simulator: &Simulator, request: Request, request_id: &str) -> Result<Answer, Failure> {
    let (parts, body) = request.into_parts();
    auth::check(&parts.headers)?;
    check_version(&parts.headers)?;
    let path = parts.uri.path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(2).collect();
    let Some((operation, id)) = operation(&parts.method, &segments) else {
        return Err(ApiError::no_such_address(parts.method.as_str(), &path).into());
    };
    let tree = read_params(&parts.headers, parts.uri.query(), body).await?;
    let id = id.to_owned();
    match operation {
        Operation::Read(read) => {
            let call = Call { id, params: Params::new(tree) };
            let object = simulator.read(move |work| read(work, call)).await?;
            Ok(Answer::of(Ok(object)))
        }
        Operation::Write(prepare) => {
            let keyed = idempotency::read(&parts.headers, &path, &tree, request_id)?;
            let call = Call { id, params: Params::new(tree) };
            idempotency::execute(simulator, keyed, request_id, move || prepare(call)).await
        }
    }
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
/// [`API_VERSION`].
fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(version) = headers.get("stripe-version") else { return Ok(()) };
    let version = version.to_str().unwrap_or_default();
    let date = version.split('.').next().unwrap_or_default();
    if date.parse::<jiff::civil::Date>().is_ok() {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Invalid Stripe API version: {version}")))
}

fn respond(answer: Answer, request_id: &str, asked: &HeaderMap) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
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
    response
}
