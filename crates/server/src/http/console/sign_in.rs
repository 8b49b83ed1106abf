//! `/console/api/session`: signing in with a token, and out again.

use super::guard::{AtTheDoor, session};
use crate::http::App;
use crate::http::fields::{Check, Fields};
use crate::http::problem::{Kind, Problem};
use crate::session::Session;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use sekali_core::domain::Role;
use serde_json::json;
use std::sync::Arc;

/// Begins a session from a token of role `admin`.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    Extension(AtTheDoor(body)): Extension<AtTheDoor>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let fields = Fields::read(&headers, &body)?.only(&["token"])?;
    let mut check = Check::default();
    let token = check.text(&fields, "token");
    check.finish()?;
    let token = token.unwrap_or_default();
    let now = app.clock.now();
    let (user, ends) = app.verifier.verify_until(pasted(&token), now).map_err(|error| {
        tracing::debug!(%error, "Console: Token refused");
        Problem::new(Kind::Unauthorized)
    })?;
    if user.role != Role::Admin {
        return Err(Problem::new(Kind::Forbidden));
    }
    let session = Session::begin(user.id, now, ends);
    tracing::info!(user_id = user.id.0, "Console: Signed in");
    Ok(with_cookie(shown(&session), &app.sessions.cookie(&session)))
}

/// What people paste with it.
fn pasted(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    }
}

/// Whose session this is.
pub(super) async fn who(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    session(&app, &headers).map(|session| shown(&session)).ok_or_else(|| Problem::new(Kind::Unauthorized))
}

/// Ends it in this browser.
pub(super) async fn sign_out(State(app): State<Arc<App>>) -> Response {
    with_cookie(StatusCode::NO_CONTENT.into_response(), &app.sessions.ended_cookie())
}

fn shown(session: &Session) -> Response {
    Json(json!({
        "user_id": session.user.0,
        "role": Role::Admin.as_str(),
        "signed_in_at": session.signed_in_at.rfc3339(),
        "expires_at": session.expires_at.rfc3339(),
        "zone": super::view::ZONE,
    }))
    .into_response()
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
