//! What each request to the console's API passes before its endpoint.
//!
//! A browser sends a cookie along with whatever any page makes it send. So what changes something is taken only from
//! our own page: the cookie is `SameSite=Strict`; the request has to name our origin (`Origin`, `Sec-Fetch-Site`), which no
//! page can forge; and it has to carry a header of ours, which another origin's page cannot add without being asked for
//! leave first (CORS), and that is never given.

use crate::http::App;
use crate::http::guard::{LARGEST_BODY, over_limit, read_bounded, take, tell};
use crate::http::problem::{Kind, Problem};
use crate::session::{COOKIE, Session};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Method};
use sekali_core::domain::{Role, User};
use std::sync::Arc;

/// Requests a minute for each operator: a page that shows what happens asks more often than a patient's app.
const RATE: u32 = 600;
/// What only our own page adds.
const OURS: &str = "x-sekali-console";

/// The operator and the whole body, for the endpoint behind the guard.
#[derive(Clone)]
pub(super) struct Signed {
    /// Whose session.
    pub session: Session,
    /// The body, at most [`LARGEST_BODY`].
    pub body: Bytes,
}

impl Signed {
    /// As whom the operator acts.
    pub(super) fn user(&self) -> User {
        User { id: self.session.user, role: Role::Admin }
    }
}

/// The body of a request to sign in or out, for which there is no session yet.
#[derive(Clone)]
pub(super) struct AtTheDoor(pub Bytes);

/// Lets a request through that comes from our own page, whoever sends it.
pub(super) async fn at_the_door(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut request, body) = match own(&app, request).await {
        Ok(own) => own,
        Err(problem) => return problem.into_response(),
    };
    let Some(_place) = app.limits.place() else { return Problem::new(Kind::Overloaded).into_response() };
    request.extensions_mut().insert(AtTheDoor(body));
    next.run(request).await
}

/// Lets a request of an operator's through.
pub(super) async fn inside(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut request, body) = match own(&app, request).await {
        Ok(own) => own,
        Err(problem) => return problem.into_response(),
    };
    let Some(_place) = app.limits.place() else { return Problem::new(Kind::Overloaded).into_response() };
    let Some(session) = session(&app, request.headers()) else {
        return Problem::new(Kind::Unauthorized).into_response();
    };
    let rate = match app.limits.rate {
        0 => None,
        _ => take(&app, &format!("console:{}", session.user), RATE).await,
    };
    let mut response = if let Some(problem) = rate.and_then(over_limit) {
        problem.into_response()
    } else {
        request.extensions_mut().insert(Signed { session, body });
        next.run(request).await
    };
    if let Some(rate) = rate {
        tell(rate, &mut response);
    }
    response
}

/// The request with its body read, if it comes from our own page.
async fn own(app: &App, request: Request) -> Result<(Request, Bytes), Problem> {
    let (parts, body) = request.into_parts();
    let body = read_bounded(app, &parts.headers, body, LARGEST_BODY).await?;
    let changes = !matches!(parts.method, Method::GET | Method::HEAD);
    if !is_from_here(app, &parts.headers, changes) {
        tracing::warn!(path = parts.uri.path(), "Console: A request from elsewhere was refused");
        return Err(Problem::new(Kind::Forbidden).detail(
            "Permintaan ini tidak berasal dari halaman konsol.",
            "This request does not come from the console's own page.",
        ));
    }
    Ok((Request::from_parts(parts, Body::empty()), body))
}

/// Whether our own page has sent it. A browser says so of what it sends; what only reads may also come from none (an
/// address that was typed, a file that is downloaded).
fn is_from_here(app: &App, headers: &HeaderMap, changes: bool) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let (site, origin) = (text("sec-fetch-site"), text(ORIGIN.as_str()));
    let site_is_ours = match site {
        Some("same-origin") => true,
        Some("none") => !changes,
        Some(_) => false,
        None => !changes || origin.is_some(),
    };
    // Under our own policy, which tells no referrer, a browser may call our origin `null`.
    let origin_is_ours = match origin {
        Some("null") => site == Some("same-origin"),
        Some(origin) => is_our_origin(app, headers, origin),
        None => true,
    };
    site_is_ours && origin_is_ours && (!changes || text(OURS) == Some("1"))
}

/// The public address's, or the one that the request was sent to.
fn is_our_origin(app: &App, headers: &HeaderMap, origin: &str) -> bool {
    let public = url::Url::parse(&app.public_url).map(|url| url.origin().ascii_serialization());
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let sent_to = origin.split_once("://").map(|(_, host)| host);
    public.is_ok_and(|public| public == origin) || (host.is_some() && host == sent_to)
}

/// The session that the request's cookie stands for. A cookie of the name that is not ours hides none that is.
pub(super) fn session(app: &App, headers: &HeaderMap) -> Option<Session> {
    let all = headers.get_all(http::header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let now = app.clock.now();
    pairs.filter(|(name, _)| *name == COOKIE).find_map(|(_, value)| app.sessions.read(value, now))
}
