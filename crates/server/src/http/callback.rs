//! `GET /payment/<id>/callback`: where Stripe sends the patient back to.
//!
//! The address proves nothing: Stripe is asked, and what it says is shown.

use super::App;
use super::language::Language;
use super::page::{Mood, Page};
use super::problem::Problem;
use super::process::{Carried, admits, stranger, visited};
use crate::telemetry::uncancelled;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use sekali_core::domain::{Receipt, Status};
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
    let (receipt, certain) = if receipt.payment.status == Status::Processing {
        settle(&app, receipt).await
    } else {
        (receipt, true)
    };
    Ok(show(&app, &receipt, certain, capable, language))
}

/// Only the payer's browser and Stripe know the session's name: it shows the payer on a browser
/// that keeps no cookies.
async fn brings_session(app: &App, receipt: &Receipt, carried: &Carried) -> Result<bool, Problem> {
    let Some(session_id) = &carried.session_id else { return Ok(false) };
    let session = app.store.session_by_gateway_id(session_id).await?;
    Ok(session.is_some_and(|session| session.payment == receipt.payment.id))
}

/// Brings the payment up to date; `false`: Stripe could not be asked in time.
async fn settle(app: &App, receipt: Receipt) -> (Receipt, bool) {
    let (settle, id) = (app.checkout.settle.clone(), receipt.payment.id);
    let asked = uncancelled(async move { settle.settle_payment(id).await });
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(Some(settled)))) => (settled, true),
        Ok(Ok(Err(error))) => {
            tracing::warn!(payment_id = id.0, %error, "Callback: the outcome is not known yet");
            (receipt, false)
        }
        _ => (receipt, false),
    }
}

fn show(app: &App, receipt: &Receipt, certain: bool, capable: bool, language: Language) -> Response {
    let (title, mood, body, refresh) = match receipt.payment.status {
        Status::Completed => paid(receipt, language),
        Status::Refunded => refunded(receipt, language),
        Status::Pending | Status::Processing if certain && receipt.payment.can_be_paid() => {
            not_paid(capable.then_some(app), receipt, language)
        }
        Status::Pending | Status::Processing => confirming(receipt, language),
        Status::Failed | Status::Cancelled | Status::Expired => ended(receipt, language),
    };
    let body = html! {
        (body)
        @if app.demo.is_some() { p { a href="/" { (language.pick("Kembali ke demo", "Back to the demo")) } } }
    };
    Page { title: title.into(), mood, body, refresh, status: StatusCode::OK }
        .respond(language, app.simulator.is_some())
}

type Parts = (&'static str, Mood, Markup, Option<u32>);

fn paid(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran berhasil", "Payment received");
    let text = language.pick(
        "Anda sudah membayar. Kami tidak akan menagih lagi.",
        "You have paid. We will not charge you again.",
    );
    let body = html! { p role="status" { (text) } (facts(receipt, language)) };
    (title, Mood::Good, body, None)
}

fn refunded(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Dana dikembalikan", "Payment refunded");
    let text =
        language.pick("Pembayaran ini sudah dikembalikan sepenuhnya.", "This payment was refunded in full.");
    (title, Mood::Neutral, html! { p { (text) } (facts(receipt, language)) }, None)
}

/// `app` makes the way on, for who has shown the right to it: a session's name alone is not enough.
fn not_paid(app: Option<&App>, receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Belum dibayar", "Not paid yet");
    let text = language.pick(
        "Belum ada yang ditagih. Anda dapat melanjutkan pembayaran yang sama kapan saja.",
        "Nothing was charged. You can go on with the same payment at any time.",
    );
    let body = html! {
        p role="status" { (text) }
        (facts(receipt, language))
        @if let Some(app) = app {
            a class="button" href=(app.capabilities.checkout_url(&receipt.payment)) {
                (language.pick("Lanjutkan pembayaran", "Continue to payment"))
            }
        }
    };
    (title, Mood::Neutral, body, None)
}

fn confirming(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran sedang dikonfirmasi", "Your payment is being confirmed");
    let text = language.pick(
        "Anda tidak perlu membayar lagi. Halaman ini akan berubah sendiri begitu ada kabar.",
        "You do not need to pay again. This page changes by itself as soon as there is news.",
    );
    (title, Mood::Waiting, html! { p role="status" { (text) } (facts(receipt, language)) }, Some(3))
}

fn ended(receipt: &Receipt, language: Language) -> Parts {
    let title = language.pick("Pembayaran ini tidak dilanjutkan", "This payment has ended");
    let text = language.pick(
        "Tidak ada yang ditagih. Tekan BAYAR lagi di aplikasi untuk membuat pembayaran baru.",
        "Nothing was charged. Press BAYAR (pay) in the app again to make a new payment.",
    );
    (title, Mood::Neutral, html! { p { (text) } (facts(receipt, language)) }, None)
}

fn facts(receipt: &Receipt, language: Language) -> Markup {
    let amount = receipt.payment.amount;
    html! {
        dl {
            dt { (language.pick("Jumlah", "Amount")) }
            dd { (amount.currency.code()) " " (amount) }
            dt { (language.pick("Nomor faktur", "Invoice")) }
            dd { (receipt.invoice.number) }
            dt { (language.pick("Nomor pembayaran", "Payment")) }
            dd { (receipt.payment.id) }
        }
    }
}
