//! What each API request passes before its endpoint, in the contract's order (part 3): the body's
//! size, the token, the rate limit. The endpoints look at the rest.

use super::App;
use super::problem::{Kind, Problem};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt;
use sekali_core::domain::{Role, User};
use sekali_core::ports::Rate;
use std::sync::Arc;

/// The largest body (contract, part 3).
pub(super) const LARGEST_BODY: usize = 16 * 1024;
/// How much of a body that is too large is still read, so that its sender gets the answer.
const DISCARDED: usize = 1024 * 1024;

/// The caller and the whole body, for the endpoint behind the guard.
#[derive(Clone)]
pub(super) struct Admitted {
    /// Who calls.
    pub user: User,
    /// The body, at most [`LARGEST_BODY`].
    pub body: Bytes,
    /// What the endpoint has to count the request in, if that is left to it; it says in the answer's extensions
    /// what came of it, as a [`Rate`].
    pub uncounted: Option<String>,
}

/// Where a press of BAYAR goes. It counts itself: in the trip to Redis that it makes anyhow.
pub(super) const PRESSES: &str = "/api/v1/payments";

/// Lets a request through to its endpoint, or answers for it.
pub(super) async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read_body(&app, &parts.headers, body).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    // Only now: a body that arrives slowly must not take a place from those that are here.
    let Some(_place) = app.limits.place() else { return Problem::new(Kind::Overloaded).into_response() };
    let user = match authenticate(&app, &parts.headers) {
        Ok(user) => user,
        Err(problem) => return problem.into_response(),
    };
    let bucket = bucket(&app, user);
    let counts_itself =
        user.role == Role::Patient && parts.method == Method::POST && parts.uri.path() == PRESSES;
    let (rate, uncounted) = match bucket {
        Some(bucket) if counts_itself => (None, Some(bucket)),
        Some(bucket) => (take(&app, &bucket, app.limits.rate).await, None),
        None => (None, None),
    };
    let mut response = if let Some(problem) = rate.and_then(over_limit) {
        problem.into_response()
    } else {
        let mut request = Request::from_parts(parts, Body::empty());
        request.extensions_mut().insert(Admitted { user, body, uncounted });
        next.run(request).await
    };
    if let Some(rate) = rate.or_else(|| response.extensions_mut().remove()) {
        tell(rate, &mut response);
    }
    response
}

/// Tells a caller where he stands.
pub(super) fn tell(rate: Rate, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(rate.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(rate.remaining));
}

/// Reads the body, but no more of it than is allowed, and no slower.
pub(super) async fn read_body(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    read_bounded(app, headers, body, LARGEST_BODY).await
}

/// The same for another bound.
pub(super) async fn read_bounded(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<Bytes, Problem> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // A client that asks first, or is about to send more than is worth waiting for, is told at once.
    let patience = if headers.contains_key(EXPECT) { most } else { most + DISCARDED };
    if announced.is_some_and(|length| length > patience) {
        return Err(Problem::new(Kind::BodyTooLarge));
    }
    match tokio::time::timeout(app.limits.body_timeout, collect(body, most)).await {
        Err(_) => Err(Problem::new(Kind::RequestTimeout)),
        Ok(Ok(Some(whole))) => Ok(whole),
        Ok(Ok(None)) => Err(Problem::new(Kind::BodyTooLarge)),
        Ok(Err(_)) => Err(Problem::new(Kind::MalformedRequest)),
    }
}

/// The whole body, or `None` if it has more than `most` bytes. A little more than that is read and
/// thrown away: most clients look for an answer only after they have sent everything, and a
/// connection closed before that is all they would see.
async fn collect(mut body: Body, most: usize) -> Result<Option<Bytes>, axum::Error> {
    let (mut whole, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        length += data.len();
        if length > most + DISCARDED {
            break;
        }
        if length <= most {
            whole.extend_from_slice(&data);
        }
    }
    Ok((length <= most).then(|| whole.into()))
}

fn authenticate(app: &App, headers: &HeaderMap) -> Result<User, Problem> {
    let unauthorized = || Problem::new(Kind::Unauthorized);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(unauthorized()) };
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(unauthorized());
    }
    app.verifier.verify(token.trim_start_matches(' '), app.clock.now()).map_err(|error| {
        tracing::debug!(%error, "Token refused");
        unauthorized()
    })
}

/// Where a caller's requests are counted; `None`: they are not. A host application's calls with a patient's number are
/// not that patient's: each role has a counter of its own.
fn bucket(app: &App, user: User) -> Option<String> {
    (app.limits.rate > 0).then(|| match user.role {
        Role::Patient => user.id.to_string(),
        role => format!("{}:{}", role.as_str(), user.id),
    })
}

/// The answer to a request that is one too many.
pub(super) fn over_limit(rate: Rate) -> Option<Problem> {
    let seconds = rate.retry_after?.as_millis().div_ceil(1000).max(1);
    Some(Problem::new(Kind::RateLimited).retry_after(u64::try_from(seconds).unwrap_or(60)))
}

/// Counts a request in a bucket. With Redis out of reach this server counts for itself.
pub(super) async fn take(app: &App, bucket: &str, limit: u32) -> Option<Rate> {
    match app.rate.take(bucket, limit).await {
        Ok(rate) => Some(rate),
        Err(_) => app.rate_fallback.take(bucket, limit).await.ok(),
    }
}
