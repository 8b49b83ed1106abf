//! `GET /payment/<id>/process`: a plain navigation on to Stripe, for the payer alone.

use super::App;
use super::language::Language;
use super::page::{Mood, Page, facts};
use super::problem::Problem;
use crate::capability::cookie_name;
use crate::telemetry;
use crate::uncancelled::uncancelled;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, COOKIE, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::html;
use sekali_core::domain::{Actor, Origin, Payment, PaymentId, Receipt};
use sekali_core::flow::checkout::Way;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The patient is not kept before an empty page for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the address of a payment's page may carry.
#[derive(Deserialize)]
pub(super) struct Carried {
    /// The capability, as in `checkout_url`.
    pub token: Option<String>,
    /// Stripe's name of the session that the patient comes back from.
    pub session_id: Option<String>,
    /// Our name of the session that the patient has turned back from.
    pub cancelled: Option<String>,
}

/// What the record says of a page that a patient has opened.
pub(super) fn visit(by: Actor, receipt: &Receipt) -> Origin {
    Origin::request(by, receipt.payment.user, telemetry::request_id())
}

/// Opens the payment's Checkout Session, or the one already open, and goes there.
pub(super) async fn process(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(carried): Query<Carried>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = Language::of(&headers);
    let Some(receipt) = visited(&app, &id).await?.filter(|receipt| admits(&app, receipt, &carried, &headers))
    else {
        return Ok(stranger(&app, language));
    };
    let mut response = match way_of(&app, &receipt, language).await? {
        Way::ToStripe(url) => redirect(&url),
        Way::Stands(receipt) => redirect(&format!("/payment/{}/callback", receipt.payment.id)),
        Way::Later(receipt) => waiting_for_stripe(&app, &receipt, language),
        Way::NoPayment => return Ok(stranger(&app, language)),
    };
    // Who came by the signed address can come back without it, as long as there is something to pay.
    if receipt.payment.can_be_paid()
        && let Ok(cookie) = HeaderValue::from_str(&app.capabilities.cookie(&receipt.payment))
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Where the patient goes next. A Stripe that is slow is waited for beside the page, which asks again: the call that
/// is under way goes on, and holds its place among those that may wait.
async fn way_of(app: &App, receipt: &Receipt, language: Language) -> Result<Way, Problem> {
    let Ok(place) = app.limits.at_stripe.clone().try_acquire_owned() else {
        return Ok(Way::Later(receipt.clone()));
    };
    let (checkout, payment) = (app.cancel.checkout.clone(), receipt.payment.id);
    let origin = visit(Actor::Patient, receipt);
    let asked = uncancelled(async move {
        let _place = place;
        checkout.proceed(payment, language.code(), &origin).await
    });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(way) => Ok(way??),
        Err(_) => Ok(Way::Later(receipt.clone())),
    }
}

/// The payment that a page is about, from the database.
pub(super) async fn visited(app: &App, id: &str) -> Result<Option<Receipt>, Problem> {
    match id.parse() {
        Ok(id) => Ok(app.store.payment(PaymentId(id)).await?),
        Err(_) => Ok(None),
    }
}

/// Whether the visitor brings the payment's capability, in the address or in its cookie.
pub(super) fn admits(app: &App, receipt: &Receipt, carried: &Carried, headers: &HeaderMap) -> bool {
    let by_address =
        carried.token.as_deref().is_some_and(|token| app.capabilities.admits(&receipt.payment, token));
    by_address || admits_by_cookie(app, receipt, headers)
}

/// Whether it is the browser that pressed, or went on to pay: an address can be handed on, a cookie is not.
pub(super) fn admits_by_cookie(app: &App, receipt: &Receipt, headers: &HeaderMap) -> bool {
    cookies(headers, &receipt.payment).any(|token| app.capabilities.admits(&receipt.payment, token))
}

fn cookies<'a>(headers: &'a HeaderMap, payment: &Payment) -> impl Iterator<Item = &'a str> {
    let name = cookie_name(payment.id);
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// For everybody but the payer, whether the payment exists or not.
pub(super) fn stranger(app: &App, language: Language) -> Response {
    let title = language.pick("Tautan ini tidak berlaku di sini", "This link is not valid here");
    let news = language.pick(
        "Buka kembali pembayaran Anda dari aplikasi tempat Anda berkonsultasi.",
        "Please open your payment again from the app where you had your consultation.",
    );
    let page = Page {
        title: title.into(),
        mood: Mood::Neutral,
        news,
        body: html! {},
        refresh: None,
        status: StatusCode::FORBIDDEN,
    };
    page.respond(language, app.simulator.is_some())
}

fn waiting_for_stripe(app: &App, receipt: &Receipt, language: Language) -> Response {
    let title =
        language.pick("Sebentar, kami sedang menghubungi Stripe", "One moment, we are reaching Stripe");
    let news = language.pick(
        "Halaman pembayaran belum menjawab. Kami mencoba lagi secara otomatis; belum ada yang ditagih dan tidak ada yang hilang.",
        "The payment page has not answered yet. We try again by ourselves; nothing was charged and nothing is lost.",
    );
    let body = html! {
        (facts(receipt, language))
        a class="button" href=(app.capabilities.checkout_url(&receipt.payment)) { (language.pick("Coba sekarang", "Try now")) }
    };
    let page = Page {
        title: title.into(),
        mood: Mood::Waiting,
        news,
        body,
        refresh: Some(5),
        status: StatusCode::SERVICE_UNAVAILABLE,
    };
    page.respond(language, app.simulator.is_some())
}
