//! What an operator does about a payment. Each goes through the same flow as everybody's wish, under the payment's
//! lock, and names the operator in the payment's record.
//!
//! **Two operators, one refund.** The page sends what it showed as still refundable; the decision compares that with what
//! remains, under the lock. Of two who saw the same, whoever commits first refunds; the other finds that something else
//! remains, refunds nothing, and is told who was quicker and when. The page makes the key when its dialog opens, so that
//! one operator's repeats, after a lost answer too, are one refund.

use super::guard::Signed;
use super::page::{PageView, number, view};
use super::search::payments_of_object;
use super::view::{LatestView, MoneyView, RefundView};
use crate::http::App;
use crate::http::cancel_payment;
use crate::http::fields::{Check, Fields};
use crate::http::language::Language;
use crate::http::own_payment::origin;
use crate::http::problem::{Kind, Problem};
use crate::http::refund_payment;
use crate::uncancelled::uncancelled;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use sekali_core::decision::refund::Wish;
use sekali_core::domain::{
    Currency, Decimal, Fingerprint, IdempotencyKey, Money, PaymentId, Refund, RefundState,
};
use sekali_core::flow::reconcile::Asked;
use sekali_core::flow::refund::Refunded;
use sekali_core::flow::settle::SettleError;
use sekali_core::ports::console::KeptEvent;
use sekali_invoice::format_money;
use serde::Serialize;
use std::sync::Arc;

/// What came of it, and the payment after it.
#[derive(Serialize)]
struct Done {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<RefundView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<i64>,
    payment_page: Option<PageView>,
}

impl Done {
    fn of(outcome: &'static str, page: PageView) -> Self {
        Self { outcome, why: None, refund: None, payment_id: None, payment_page: Some(page) }
    }
}

/// Gives back all that remains, or part of it, once for each key, and only if what remains is what was shown.
pub(super) async fn refund(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let fields = Fields::read(&headers, &signed.body)?.only(&["key", "amount", "reason", "remaining"])?;
    let payment = number(&id)?;
    let receipt = app.store.payment(payment).await?.ok_or_else(|| Problem::new(Kind::PaymentNotFound))?;
    let currency = receipt.payment.amount.currency;
    let (amount, reason) = refund_payment::read(&fields, currency)?;
    let (key, seen) = key_and_seen(&fields, currency)?;
    let wish = Wish {
        id: app.random.uuid(),
        by: signed.session.user,
        key,
        fingerprint: Fingerprint::of_refund(payment, amount, reason.as_deref()),
        amount,
        reason,
        seen: Some(seen),
        at: app.clock.now(),
    };
    let Ok(_place) = app.limits.at_stripe.try_acquire() else { return Err(Problem::new(Kind::Overloaded)) };
    let (refunds, origin) = (app.refunds.clone(), origin(signed.user()));
    let refunded = uncancelled(async move { refunds.refund(payment, &wish, &origin).await }).await??;
    let language = Language::of(&headers);
    if let Refunded::Moved { remaining, latest } = &refunded {
        return Err(moved(*remaining, latest.as_ref()));
    }
    let made = refund_payment::outcome(refunded)?;
    let outcome = match (made.known, made.refund.state) {
        (true, _) => "known",
        (false, RefundState::Requested) => "requested",
        (false, _) => "made",
    };
    let refund = Some(RefundView::from(&made.refund));
    let done = Done { refund, ..Done::of(outcome, view(&app, payment, language).await?) };
    Ok((made.status, Json(done)).into_response())
}

fn key_and_seen(fields: &Fields, currency: Currency) -> Result<(IdempotencyKey, Money), Problem> {
    let mut check = Check::default();
    let key = check.text(fields, "key").and_then(|key| {
        let key = IdempotencyKey::new(key).ok();
        if key.is_none() {
            check.fail("key", "Bukan kunci yang sah.", "Not a valid key.");
        }
        key
    });
    let seen = check.text(fields, "remaining").and_then(|text| {
        let decimal = Decimal::parse_digits(&text).ok();
        let seen = decimal.and_then(|decimal| Money::from_decimal(decimal, currency).ok());
        if seen.is_none() {
            let (id, en) =
                (format!("Bukan jumlah dalam {currency}."), format!("Not an amount in {currency}."));
            check.fail("remaining", &id, &en);
        }
        seen
    });
    check.finish()?;
    key.zip(seen).ok_or_else(|| Problem::new(Kind::InvalidFields))
}

/// Somebody was quicker: who, when, and what remains now.
fn moved(remaining: Money, latest: Option<&Refund>) -> Problem {
    let shown = format_money(remaining);
    let problem = Problem::new(Kind::ChangedMeanwhile)
        .with("remaining", &MoneyView::from(remaining))
        .with("latest", &latest.map(LatestView::from));
    let Some(latest) = latest else {
        return problem.detail(
            format!("Sisa yang dapat dikembalikan kini {shown}; tidak ada yang dikembalikan."),
            format!("What remains to be refunded is {shown} now; nothing was refunded."),
        );
    };
    let (amount, at) = (format_money(latest.amount), latest.created_at.sql());
    let who = LatestView::from(latest);
    let (by_id, by_en) = match who.operator() {
        Some(user) => (format!("petugas {user}"), format!("operator {user}")),
        None => (
            format!("bukan petugas ({})", latest.origin.as_str()),
            format!("no operator ({})", latest.origin.as_str()),
        ),
    };
    problem.detail(
        format!("Pengembalian {amount} sudah diminta oleh {by_id} pada {at} UTC; sisanya kini {shown}. Tidak ada yang dikembalikan lagi."),
        format!("A refund of {amount} was asked for by {by_en} at {at} UTC; {shown} remains now. Nothing more was refunded."),
    )
}

/// Gives a payment up.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Fields::read(&headers, &signed.body)?.only(&[])?;
    let payment = number(&id)?;
    let Ok(_place) = app.limits.at_stripe.try_acquire() else { return Err(Problem::new(Kind::Overloaded)) };
    let (cancel, origin) = (app.cancel.clone(), origin(signed.user()));
    let cancelled = uncancelled(async move { cancel.cancel(payment, &origin).await }).await??;
    let (status, _) = cancel_payment::outcome(cancelled)?;
    let outcome = if status == StatusCode::ACCEPTED { "requested" } else { "cancelled" };
    let page = view(&app, payment, Language::of(&headers)).await?;
    Ok((status, Json(Done::of(outcome, page))).into_response())
}

/// Asks Stripe now how a payment stands.
pub(super) async fn reconcile(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Fields::read(&headers, &signed.body)?.only(&[])?;
    let payment = number(&id)?;
    let Ok(_place) = app.limits.at_stripe.try_acquire() else { return Err(Problem::new(Kind::Overloaded)) };
    let (reconcile, origin) = (app.reconcile.clone(), origin(signed.user()));
    let asked = uncancelled(async move { reconcile.ask(payment, &origin).await }).await??;
    let (outcome, why) = match asked {
        Asked::Answered { changed: true } => ("changed", None),
        Asked::Answered { changed: false } => ("unchanged", None),
        Asked::Unanswered(why) => ("unanswered", Some(why)),
        Asked::NoPayment => return Err(Problem::new(Kind::PaymentNotFound)),
    };
    let page = view(&app, payment, Language::of(&headers)).await?;
    Ok(Json(Done { why, ..Done::of(outcome, page) }).into_response())
}

/// Works a kept webhook off once more.
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Fields::read(&headers, &signed.body)?.only(&[])?;
    let is_id = id.bytes().all(|byte| byte.is_ascii_graphic());
    let event = if is_id { app.console.kept_events(&[id], &[], 1).await?.pop() } else { None };
    let event = event.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let Ok(_place) = app.limits.at_stripe.try_acquire() else { return Err(Problem::new(Kind::Overloaded)) };
    let shared = app.clone();
    let (payment, replayed) =
        uncancelled(async move { note_and_replay(&shared, &signed, &event).await }).await??;
    let (outcome, why) = match replayed {
        Ok(()) => ("done", None),
        Err(SettleError::Store(error)) => return Err(error.into()),
        Err(error) => ("failed", Some(error.to_string())),
    };
    let payment_page = match payment {
        Some(payment) => Some(view(&app, payment, Language::of(&headers)).await?),
        None => None,
    };
    let payment_id = payment.map(|payment| payment.0);
    Ok(Json(Done { outcome, why, refund: None, payment_id, payment_page }).into_response())
}

/// The operator's wish is in the record before anything is done about it, where the event's payment is known; an event
/// that leads to its payment only now has the operator in the entry that it leads to.
async fn note_and_replay(
    app: &App,
    signed: &Signed,
    event: &KeptEvent,
) -> Result<(Option<PaymentId>, Result<(), SettleError>), Problem> {
    let origin = origin(signed.user());
    let payment = payment_of(app, event).await?;
    if let Some(payment) = payment {
        app.inbox.note_replay(payment, event, &origin).await?;
    }
    tracing::info!(event = event.id, user_id = signed.session.user.0, "Console: Webhook worked off again");
    let replayed = app.inbox.replay(event, &origin).await;
    let payment = match payment {
        Some(payment) => Some(payment),
        None => payment_of(app, event).await?,
    };
    Ok((payment, replayed))
}

async fn payment_of(app: &App, event: &KeptEvent) -> Result<Option<PaymentId>, Problem> {
    match &event.object {
        Some(object) => Ok(payments_of_object(app, object).await?.into_iter().next()),
        None => Ok(None),
    }
}
