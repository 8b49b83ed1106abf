//! What surrounds every request: its id, bounds on time and number, and one shape for errors.

use super::App;
use super::language::Language;
use super::page::trouble;
use super::problem::{Kind, Problem};
use crate::telemetry;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, REFERRER_POLICY};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));

/// Runs a request within its frame.
pub(super) async fn frame(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request_id(&app, request.headers());
    let language = Language::of(request.headers());
    let for_patient = is_for_patient(&request);
    let begun = app.clock.monotonic();
    telemetry::in_request(id.clone(), async move {
        let response = bounded(&app, request, next).await;
        let mut response = finish(&app, response, language, for_patient);
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        measure(response.status(), app.clock.monotonic().saturating_sub(begun));
        response
    })
    .await
}

/// For pages: one of the places for requests that are worked on.
pub(super) async fn placed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.limits.place() {
        Some(_place) => next.run(request).await,
        None => Problem::new(Kind::Overloaded).into_response(),
    }
}

/// The client's own id if it is a plain word, else a random one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let plain = |text: &&str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| app.random.uuid().to_string(), str::to_owned)
}

async fn bounded(app: &App, request: Request, next: Next) -> Response {
    if !has_one_host(&request) {
        let problem = Problem::new(Kind::MalformedRequest);
        return problem
            .detail("Header Host harus ada satu.", "Exactly one Host header is required.")
            .into_response();
    }
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(app.limits.request_timeout, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            tracing::error!("A request panicked");
            Problem::new(Kind::Internal).into_response()
        }
        Err(_) => {
            tracing::warn!("A request took too long");
            Problem::new(Kind::Overloaded).into_response()
        }
    }
}

/// hyper lets a missing and a doubled Host pass; proxies disagree about both, so neither is served
/// (RFC 9112, part 3.2).
fn has_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// Whether a browser goes to a page of the way to pay.
fn is_for_patient(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    request.method() == Method::GET
        && request.uri().path().starts_with("/payment/")
        && accept.contains("text/html")
}

/// Gives every error its one shape, also those that the framework answers. Only a patient who meets with an outage on
/// the way to pay is told so in words, on a page that tries again.
fn finish(app: &App, mut response: Response, language: Language, for_patient: bool) -> Response {
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| shapeless(&response));
    if let Some(problem) = problem {
        let mut shaped = if for_patient && response.status().is_server_error() {
            trouble(response.status(), language, app.simulator.is_some())
        } else {
            problem.respond(language, &app.public_url)
        };
        for (name, value) in response.headers() {
            if name.as_str().starts_with("x-ratelimit-") {
                shaped.headers_mut().insert(name, value.clone());
            }
        }
        response = shaped;
    }
    let headers = response.headers_mut();
    headers.insert(NOSNIFF.0, NOSNIFF.1);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    response
}

fn shapeless(response: &Response) -> Option<Problem> {
    let status = response.status();
    let content =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ours = ["application/json", "application/problem+json", "text/html"]
        .iter()
        .any(|kind| content.starts_with(kind));
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    Some(Problem::new(match status {
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Kind::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Kind::BodyTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
        _ if status.is_client_error() => Kind::MalformedRequest,
        _ => Kind::Internal,
    }))
}

fn measure(status: StatusCode, took: Duration) {
    metrics::counter!("sekali_http_requests_total", "status" => status.as_u16().to_string()).increment(1);
    metrics::histogram!("sekali_http_request_duration_seconds").record(took);
}

/// Pages of these origins may call the API; no cookies cross, the signed address does instead.
pub(super) fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let word = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT])
        .allow_headers([
            http::header::AUTHORIZATION,
            CONTENT_TYPE,
            http::header::ACCEPT_LANGUAGE,
            word("x-idempotency-key"),
            word("idempotency-key"),
            REQUEST_ID,
        ])
        .expose_headers([
            word("x-ratelimit-limit"),
            word("x-ratelimit-remaining"),
            word("idempotent-replayed"),
            http::header::RETRY_AFTER,
            REQUEST_ID,
        ])
        .max_age(Duration::from_secs(600))
}
