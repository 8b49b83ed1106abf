//! The payment page: what the payer sees between the shop's "pay" and the way back.
//!
//! Addresses within the pages, and those of redirects between them, are relative, so that they hold wherever
//! the simulator is mounted and under whatever name the browser reaches it.

pub(crate) mod form;
mod language;
mod page;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;

use self::form::{Kept, Mistakes, Typed, TypedAccount};
use crate::checkout::{self, Entry, Outcome};
use crate::failure::Failure;
use crate::model::payment_intent::{IntentStatus, PaymentIntent};
use crate::model::session::{Session, SessionStatus};
use crate::simulator::Simulator;
use crate::storage::{StorageError, objects};
use crate::work::{Cause, Work};

const MAX_BODY: usize = 16 * 1024;

pub(crate) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/c/style.css", get(style))
        .route("/c/pay/{id}", get(show).post(pay))
        .route("/c/pay/{id}/challenge/{challenge}", get(show_challenge).post(answer_challenge))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn style() -> Response {
    let mut response = Response::new(Body::from(page::STYLE));
    set(&mut response, CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, CACHE_CONTROL, "public, max-age=300");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

async fn show(State(simulator): State<Simulator>, Path(id): Path<String>) -> Response {
    let load = move |work: &mut Work<'_>| {
        let Some(session) = objects::find::<Session>(work.tx, &id)? else { return Ok(None) };
        let notice = last_error(work, &session)?;
        Ok(Some((session, notice)))
    };
    match simulator.read(load).await {
        Ok(Some((session, notice))) if session.is_open() => {
            let kept = kept_from(&session);
            html(
                StatusCode::OK,
                &session,
                page::form(&session, &kept, &Mistakes::default(), notice.as_deref()),
            )
        }
        Ok(Some((session, _))) => html(StatusCode::OK, &session, page::closed(&session)),
        Ok(None) => missing(),
        Err(failure) => broken(failure),
    }
}

/// Why the last attempt failed, for a payer who comes back to the form.
fn last_error(work: &mut Work<'_>, session: &Session) -> Result<Option<String>, StorageError> {
    let Some(id) = &session.payment_intent else { return Ok(None) };
    let intent: PaymentIntent = objects::get(work.tx, id)?;
    let error = intent.last_error.filter(|_| intent.status == IntentStatus::RequiresPaymentMethod);
    Ok(error.map(|error| error.decline.message))
}

fn kept_from(session: &Session) -> Kept {
    let payer = session.payer.as_ref();
    Kept {
        email: payer.map(|payer| payer.email.clone()).unwrap_or_default(),
        expiry: String::new(),
        name: payer.map(|payer| payer.name.clone()).unwrap_or_default(),
    }
}

async fn pay(State(simulator): State<Simulator>, Path(id): Path<String>, body: Bytes) -> Response {
    let (kept, entry) = read_form(&body, simulator.real_ms());
    let entry = match entry {
        Ok(entry) => entry,
        Err(mistakes) => return show_mistakes(&simulator, id, &kept, &mistakes).await,
    };
    let attempt = move |work: &mut Work<'_>, session: &mut Session| confirm(work, session, entry);
    match attempt_on(&simulator, id, attempt).await {
        Ok(Some((session, outcome))) => after_attempt(&session, outcome, Some(&kept)),
        Ok(None) => missing(),
        Err(failure) => broken(failure),
    }
}

/// Which of the page's two forms was sent shows in its fields.
fn read_form(body: &[u8], now_ms: i64) -> (Kept, Result<Entry, Mistakes>) {
    if form_urlencoded::parse(body).any(|(name, _)| name == "accountNumber") {
        let typed = TypedAccount::read(body);
        return (typed.kept(), typed.check());
    }
    let typed = Typed::read(body);
    (typed.kept(), typed.check(now_ms))
}

fn confirm(work: &mut Work<'_>, session: &mut Session, mut entry: Entry) -> Result<Outcome, Failure> {
    if entry.details.is_bank_account() && !session.takes_bank_accounts() {
        return Ok(Outcome::Refused);
    }
    // The page shows the address as fixed: what comes back in its place does not count.
    if let Some(email) = &session.customer_email {
        entry.payer.email.clone_from(email);
    }
    checkout::pay(work, session, entry)
}

async fn show_mistakes(simulator: &Simulator, id: String, kept: &Kept, mistakes: &Mistakes) -> Response {
    match simulator.read(move |work| Ok(objects::find::<Session>(work.tx, &id)?)).await {
        Ok(Some(session)) if session.is_open() => {
            html(StatusCode::UNPROCESSABLE_ENTITY, &session, page::form(&session, kept, mistakes, None))
        }
        Ok(Some(session)) => html(StatusCode::OK, &session, page::closed(&session)),
        Ok(None) => missing(),
        Err(failure) => broken(failure),
    }
}

async fn show_challenge(
    State(simulator): State<Simulator>,
    Path((id, challenge)): Path<(String, String)>,
) -> Response {
    match simulator.read(move |work| Ok(objects::find::<Session>(work.tx, &id)?)).await {
        Ok(Some(session)) => {
            let current = session.challenge.as_ref().is_some_and(|current| current.id == challenge);
            if session.is_open() && current {
                return html(StatusCode::OK, &session, page::challenge(&session));
            }
            see_other(&session, &format!("../../{}", session.id))
        }
        Ok(None) => missing(),
        Err(failure) => broken(failure),
    }
}

async fn answer_challenge(
    State(simulator): State<Simulator>,
    Path((id, challenge)): Path<(String, String)>,
    body: Bytes,
) -> Response {
    let passed = form_urlencoded::parse(&body).any(|(name, value)| name == "result" && value == "complete");
    let attempt = move |work: &mut Work<'_>, session: &mut Session| {
        checkout::answer_challenge(work, session, &challenge, passed)
    };
    match attempt_on(&simulator, id, attempt).await {
        Ok(Some((session, outcome))) => after_attempt(&session, outcome, None),
        Ok(None) => missing(),
        Err(failure) => broken(failure),
    }
}

/// Runs an attempt to pay in one transaction, which a browser that goes away does not cancel.
async fn attempt_on<F>(
    simulator: &Simulator,
    id: String,
    attempt: F,
) -> Result<Option<(Session, Outcome)>, Failure>
where
    F: FnOnce(&mut Work<'_>, &mut Session) -> Result<Outcome, Failure> + Send + 'static,
{
    let job = move |work: &mut Work<'_>| {
        let Some(mut session) = objects::find::<Session>(work.tx, &id)? else { return Ok(None) };
        let outcome = attempt(work, &mut session)?;
        Ok(Some((session, outcome)))
    };
    simulator.write(Cause::default(), job).await
}

/// Where the payer goes. `kept` is there when the answer stands at the form's own address.
fn after_attempt(session: &Session, outcome: Outcome, kept: Option<&Kept>) -> Response {
    let complete = session.status == SessionStatus::Complete;
    match (outcome, kept) {
        (Outcome::Paid | Outcome::Submitted, _) => see_other(session, &session.success_address()),
        // The second submit of a double click: the payer did pay.
        (Outcome::Refused, _) if complete => see_other(session, &session.success_address()),
        (Outcome::Challenged { challenge_id }, _) => {
            see_other(session, &format!("{}/challenge/{challenge_id}", session.id))
        }
        (Outcome::Declined { decline, .. }, Some(kept)) => {
            let page = page::form(session, kept, &Mistakes::default(), Some(&decline.message));
            html(StatusCode::PAYMENT_REQUIRED, session, page)
        }
        (Outcome::Refused, Some(_)) => html(StatusCode::OK, session, page::closed(session)),
        (Outcome::Declined { .. } | Outcome::Refused, None) => {
            see_other(session, &format!("../../{}", session.id))
        }
    }
}

fn missing() -> Response {
    with_policy(StatusCode::NOT_FOUND, "'self'", Body::from(page::missing()))
}

fn broken(failure: Failure) -> Response {
    let error = failure.into_storage();
    tracing::error!(%error, "Stripe simulator: payment page failed");
    with_policy(StatusCode::INTERNAL_SERVER_ERROR, "'self'", Body::from(page::broken()))
}

fn html(status: StatusCode, session: &Session, page: String) -> Response {
    with_policy(status, &form_targets(session), Body::from(page))
}

fn see_other(session: &Session, address: &str) -> Response {
    let mut response = with_policy(StatusCode::SEE_OTHER, &form_targets(session), Body::empty());
    set(&mut response, LOCATION, address);
    response
}

/// Where the form may lead. Browsers hold a redirect after a submit to this as well, so the shop is part of
/// it.
fn form_targets(session: &Session) -> String {
    let shop = reqwest::Url::parse(&session.success_url).ok();
    shop.map_or("'self'".to_owned(), |url| format!("'self' {}", url.origin().ascii_serialization()))
}

fn with_policy(status: StatusCode, form_targets: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'"
    );
    set(&mut response, CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    set(&mut response, REFERRER_POLICY, "no-referrer");
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // Addresses may hold letters beyond ASCII, which a header carries as bytes.
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
}
