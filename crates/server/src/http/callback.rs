//! `GET /payment/<id>/callback`: where Stripe sends the patient back to.
//!
//! The address proves nothing: Stripe is asked, and what it says is shown. Who turned back at Stripe's page
//! has given the payment up: its session is ended there, and the payment is cancelled when Stripe says that
//! it can no longer be paid.

use super::App;
use super::invoice::Form;
use super::invoice_page::link;
use super::language::Language;
use super::page::{Mood, Page, facts};
use super::problem::Problem;
use super::process::{Carried, admits, admits_by_cookie, stranger, visit, visited};
use crate::uncancelled::uncancelled;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use sekali_core::domain::{Actor, Receipt, Status};
use sekali_core::flow::cancel::Cancelled;
use std::sync::Arc;
use std::time::Duration;

/// The patient is not kept waiting longer than this for Stripe's word; the page then asks again.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settles by asking Stripe, then shows how the payment stands.
pub(super) async fn callback(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(carried): Query<Carried>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let language = Language::of(&headers);
    let Some(receipt) = visited(&app, &id).await? else { return Ok(stranger(&app, language)) };
    let capable = admits(&app, &receipt, &carried, &headers);
    if !capable && !brings_session(&app, &receipt, &carried).await? {
        return Ok(stranger(&app, language));
    }
    let place = app.limits.at_stripe.try_acquire();
    let (receipt, certain) = if receipt.payment.status != Status::Processing {
        (receipt, true)
    } else if place.is_err() {
        (receipt, false)
    } else if capable && turned_back(&app, &receipt, &carried, &headers).await? {
        cancel(&app, receipt).await
    } else {
        settle(&app, receipt).await
    };
    drop(place);
    let money_came =
        !matches!(receipt.payment.status, Status::Pending | Status::Completed | Status::Refunded)
            && app.store.file(receipt.payment.id).await?.is_some_and(|file| !file.captures.is_empty());
    let same_browser = admits_by_cookie(&app, &receipt, &headers);
    Ok(show(&app, &receipt, &Standing { certain, capable, same_browser, money_came }, language))
}

/// Only the payer's browser and Stripe know the session's name: it shows the payer on a browser
/// that keeps no cookies.
async fn brings_session(app: &App, receipt: &Receipt, carried: &Carried) -> Result<bool, Problem> {
    let Some(session_id) = &carried.session_id else { return Ok(false) };
    let session = app.store.session_by_gateway_id(session_id).await?;
    Ok(session.is_some_and(|session| session.payment == receipt.payment.id))
}

/// Whether the payer comes by the "back" of Stripe's page: its address names the session that is open, by a
/// random name that only Stripe was told. A browser that looks ahead has not been pressed.
async fn turned_back(
    app: &App,
    receipt: &Receipt,
    carried: &Carried,
    headers: &HeaderMap,
) -> Result<bool, Problem> {
    let looks_ahead = ["sec-purpose", "purpose"].iter().any(|name| {
        headers.get(*name).is_some_and(|value| value.to_str().unwrap_or_default().contains("prefetch"))
    });
    let Some(name) = carried.cancelled.as_deref().filter(|_| !looks_ahead) else { return Ok(false) };
    let latest = app.store.latest_session(receipt.payment.id).await?;
    Ok(latest.is_some_and(|session| session.id.to_string() == name))
}

/// Gives the payment up; `false`: Stripe could not be asked in time.
async fn cancel(app: &App, receipt: Receipt) -> (Receipt, bool) {
    let (cancel, id, origin) = (app.cancel.clone(), receipt.payment.id, visit(Actor::Patient, &receipt));
    let asked = uncancelled(async move { cancel.cancel(id, &origin).await });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(Cancelled::Done(receipt) | Cancelled::Confirmed(receipt) | Cancelled::Over(receipt)))) => {
            (receipt, true)
        }
        Ok(Ok(Ok(Cancelled::Requested(receipt)))) => (receipt, false),
        Ok(Ok(Err(error))) => {
            tracing::warn!(payment_id = id.0, %error, "Callback: the payment is not cancelled yet");
            (receipt, false)
        }
        _ => (receipt, false),
    }
}

/// Brings the payment up to date; `false`: Stripe could not be asked in time.
async fn settle(app: &App, receipt: Receipt) -> (Receipt, bool) {
    let (settle, id) = (app.cancel.checkout.settle.clone(), receipt.payment.id);
    let origin = visit(Actor::Callback, &receipt);
    let asked = uncancelled(async move { settle.settle_payment(id, &origin).await });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(Some(settled)))) => (settled, true),
        Ok(Ok(Err(error))) => {
            tracing::warn!(payment_id = id.0, %error, "Callback: the outcome is not known yet");
            (receipt, false)
        }
        _ => (receipt, false),
    }
}

/// What the page says beside the payment's status.
struct Standing {
    /// Stripe was asked.
    certain: bool,
    /// The visitor has shown the right to go on.
    capable: bool,
    /// It is the browser that went on to pay: the invoice is nobody else's.
    same_browser: bool,
    /// Money came that does not pay it, and is given back.
    money_came: bool,
}

fn show(app: &App, receipt: &Receipt, standing: &Standing, language: Language) -> Response {
    let Standing { certain, capable, same_browser, money_came } = *standing;
    let Parts { title, mood, news, body, refresh } = match receipt.payment.status {
        Status::Completed => paid(same_browser.then_some(app), receipt, language),
        Status::Refunded => refunded(same_browser.then_some(app), receipt, language),
        Status::Pending | Status::Processing if certain && receipt.payment.can_be_paid() => {
            not_paid(capable.then_some(app), receipt, language)
        }
        Status::Processing | Status::Failed | Status::Cancelled | Status::Expired if money_came => {
            wrong_money(receipt, language)
        }
        Status::Processing if receipt.payment.cancel_requested => cancelling(receipt, language),
        Status::Pending | Status::Processing => confirming(receipt, language),
        Status::Failed | Status::Cancelled | Status::Expired => ended(receipt, language),
    };
    let body = html! {
        (body)
        @if let Some(url) = &app.app_url {
            p { a href=(url) { (language.pick("Kembali ke aplikasi", "Back to the app")) } }
        } @else if app.demo.is_some() {
            p { a href="/" { (language.pick("Kembali ke demo", "Back to the demo")) } }
        }
    };
    Page { title: title.into(), mood, news, body, refresh, status: StatusCode::OK }
        .respond(language, app.simulator.is_some())
}

/// What a page says of a payment.
struct Parts {
    title: &'static str,
    mood: Mood,
    news: &'static str,
    body: Markup,
    refresh: Option<u32>,
}

/// The ways to the invoice, for who has shown the right to it.
fn invoice_links(app: Option<&App>, receipt: &Receipt, language: Language) -> Markup {
    html! {
        @if let Some(app) = app {
            p {
                a href=(link(app, &receipt.payment, Form::Html)) { (language.pick("Lihat faktur", "View the invoice")) }
                " · "
                a href=(link(app, &receipt.payment, Form::Pdf)) download={ (receipt.invoice.number) ".pdf" } { (language.pick("Unduh faktur (PDF)", "Download the invoice (PDF)")) }
            }
        }
    }
}

fn paid(app: Option<&App>, receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran berhasil", "Payment received");
    let news = language.pick(
        "Anda sudah membayar. Kami tidak akan menagih lagi.",
        "You have paid. We will not charge you again.",
    );
    let body = html! {
        (facts(receipt, language))
        (invoice_links(app, receipt, language))
    };
    Parts { title, mood: Mood::Good, news, body, refresh: None }
}

fn refunded(app: Option<&App>, receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Dana dikembalikan", "Payment refunded");
    let news =
        language.pick("Pembayaran ini sudah dikembalikan sepenuhnya.", "This payment was refunded in full.");
    let body = html! {
        (facts(receipt, language))
        (invoice_links(app, receipt, language))
    };
    Parts { title, mood: Mood::Neutral, news, body, refresh: None }
}

/// `app` makes the way on, for who has shown the right to it: a session's name alone is not enough.
fn not_paid(app: Option<&App>, receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Belum dibayar", "Not paid yet");
    let news = language.pick(
        "Belum ada yang ditagih. Anda dapat melanjutkan pembayaran yang sama kapan saja.",
        "Nothing was charged. You can go on with the same payment at any time.",
    );
    let body = html! {
        (facts(receipt, language))
        @if let Some(app) = app {
            a class="button" href=(app.capabilities.checkout_url(&receipt.payment)) {
                (language.pick("Lanjutkan pembayaran", "Continue to payment"))
            }
        }
    };
    Parts { title, mood: Mood::Neutral, news, body, refresh: None }
}

fn confirming(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran sedang dikonfirmasi", "Your payment is being confirmed");
    let news = language.pick(
        "Anda tidak perlu membayar lagi. Halaman ini akan berubah sendiri begitu ada kabar.",
        "You do not need to pay again. This page changes by itself as soon as there is news.",
    );
    Parts { title, mood: Mood::Waiting, news, body: facts(receipt, language), refresh: Some(3) }
}

/// It is being given up, and Stripe has not yet said that it can no longer be paid.
fn cancelling(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran sedang dibatalkan", "Your payment is being cancelled");
    let news = language.pick(
        "Kami menutup halaman pembayarannya. Halaman ini akan berubah sendiri begitu selesai.",
        "We are closing its payment page. This page changes by itself as soon as that is done.",
    );
    Parts { title, mood: Mood::Waiting, news, body: facts(receipt, language), refresh: Some(5) }
}

/// Money came that does not pay it: too much, too little, or too late.
fn wrong_money(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Dana Anda dikembalikan", "Your money is given back");
    let news = language.pick(
        "Kami menerima dana yang tidak dapat membayar konsultasi ini. Dana itu dikembalikan kepada Anda; Anda tidak perlu berbuat apa-apa.",
        "We received money that cannot pay for this consultation. It is given back to you; there is nothing you need to do.",
    );
    Parts { title, mood: Mood::Neutral, news, body: facts(receipt, language), refresh: None }
}

fn ended(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran ini tidak dilanjutkan", "This payment has ended");
    let news = language.pick(
        "Tidak ada yang ditagih. Tekan BAYAR lagi di aplikasi untuk membuat pembayaran baru.",
        "Nothing was charged. Press BAYAR (pay) in the app again to make a new payment.",
    );
    Parts { title, mood: Mood::Neutral, news, body: facts(receipt, language), refresh: None }
}
