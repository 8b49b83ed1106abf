//! `POST /api/v1/payments/<id>/refunds`: an operator gives money back, once for each key; and the list.

use super::App;
use super::fields::{Check, Fields};
use super::guard::Admitted;
use super::key;
use super::own_payment::{origin, own_payment};
use super::problem::{Kind, Problem};
use super::view::{ReceiptView, RefundView};
use crate::uncancelled::uncancelled;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, HeaderName, StatusCode};
use sekali_core::decision::refund::Wish;
use sekali_core::domain::{Currency, Fingerprint, Money, Receipt, Refund, RefundState, Role};
use sekali_core::flow::refund::Refunded;
use sekali_invoice::format_money;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a refund's body may hold.
pub(super) const MEMBERS: &[&str] = &["amount", "reason", "idempotency_key"];
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A refund, and its payment after it.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundedView {
    data: RefundedData,
}

#[derive(Serialize, ToSchema)]
struct RefundedData {
    refund: RefundView,
    #[serde(flatten)]
    receipt: ReceiptView,
}

/// The refunds of a payment, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundsView {
    data: Vec<RefundView>,
}

/// Gives back all or part of a payment. Role `admin`. The same key again answers with the refund that it
/// made, as it stands now.
#[utoipa::path(
    post, path = "/api/v1/payments/{id}/refunds", tag = "refunds", security(("bearer" = [])),
    params(
        ("id" = i64, Path, description = "The payment's number", minimum = 1),
        ("X-Idempotency-Key" = Option<super::openapi::values::KeyHeader>, Header, description = "The client's key. May stand in the body instead, or in both; `Idempotency-Key` is taken as well"),
    ),
    request_body(content = super::openapi::RefundRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "The refund was made", body = RefundedView),
        (status = 200, description = "The same key had made it (`Idempotent-Replayed: true`)", body = RefundedView),
        (status = 202, description = "It is asked for; Stripe has not answered yet, and is asked again until it has", body = RefundedView),
        (status = 400, description = "Not JSON, a member that is not known, or the idempotency key is missing or not valid", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This role refunds nothing", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such payment", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The payment was not captured, everything is back already, or Stripe refused", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The content type is not application/json", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "More than what remains, a field that failed, or a key that was used for another request", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn refund_payment(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let fields = Fields::read(&headers, &admitted.body)?.only(MEMBERS)?;
    let (key, _) = key::find(&headers, &fields)?;
    let receipt = own_payment(&app, &admitted, &id).await?;
    if admitted.user.role != Role::Admin {
        return Err(Problem::new(Kind::Forbidden));
    }
    let (amount, reason) = read(&fields, receipt.payment.amount.currency)?;
    let payment = receipt.payment.id;
    let wish = Wish {
        id: app.random.uuid(),
        by: admitted.user.id,
        key,
        fingerprint: Fingerprint::of_refund(payment, amount, reason.as_deref()),
        amount,
        reason,
        seen: None,
        at: app.clock.now(),
    };
    let Ok(_place) = app.limits.at_stripe.try_acquire() else { return Err(Problem::new(Kind::Overloaded)) };
    let (refunds, origin) = (app.refunds.clone(), origin(admitted.user));
    let refunded = uncancelled(async move { refunds.refund(payment, &wish, &origin).await }).await??;
    answer(&app, refunded)
}

/// How much (`None`: all that remains), and why.
pub(super) fn read(fields: &Fields, currency: Currency) -> Result<(Option<Money>, Option<String>), Problem> {
    let mut check = Check::default();
    // What became null on its way here (as NaN does in JSON) was an amount, and not a wish for all.
    if fields.is_null("amount") {
        check.fail(
            "amount",
            "Bukan jumlah; hilangkan untuk mengembalikan seluruh sisanya.",
            "Not an amount; leave it out to refund all that remains.",
        );
    }
    let decimal = fields.get("amount").and_then(|_| check.amount(fields, "amount"));
    let amount = decimal.and_then(|decimal| {
        let amount = Money::from_decimal(decimal, currency).ok();
        if amount.is_none() {
            check.fail(
                "amount",
                &format!("Bukan jumlah dalam {}.", currency.code()),
                &format!("Not an amount in {}.", currency.code()),
            );
        }
        amount
    });
    let reason = fields.get("reason").and_then(|_| check.text(fields, "reason"));
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        check.fail("reason", "Paling banyak 500 karakter.", "At most 500 characters.");
    }
    check.finish()?;
    Ok((amount, reason))
}

fn answer(app: &App, refunded: Refunded) -> Result<Response, Problem> {
    let Outcome { status, known, receipt, refund } = outcome(refunded)?;
    let data = RefundedData {
        refund: RefundView::of(receipt.payment.id, &refund, true),
        receipt: ReceiptView::of(&receipt, &app.capabilities),
    };
    let mut response = (status, Json(RefundedView { data })).into_response();
    if known {
        let replayed = HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(replayed, http::HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A refund that stands, however it is shown.
pub(super) struct Outcome {
    /// How the wish is answered.
    pub status: StatusCode,
    /// Whether the key had made it before.
    pub known: bool,
    /// Its payment.
    pub receipt: Receipt,
    /// The refund.
    pub refund: Refund,
}

/// What came of a wish: the refund, or why there is none.
pub(super) fn outcome(refunded: Refunded) -> Result<Outcome, Problem> {
    match refunded {
        Refunded::Made(receipt, refund) => made(receipt, refund, StatusCode::CREATED),
        Refunded::Known(receipt, refund) => {
            Ok(Outcome { known: true, ..made(receipt, refund, StatusCode::OK)? })
        }
        Refunded::KeyReused => Err(Problem::new(Kind::KeyReused)),
        Refunded::NotRefundable(receipt) => Err(not_refundable(&receipt)),
        Refunded::TooMuch { remaining } => {
            let shown = format_money(remaining);
            Err(Problem::field(
                Kind::InvalidFields,
                "amount",
                format!("Lebih dari sisa yang dapat dikembalikan: {shown}."),
                format!("More than what remains to be refunded: {shown}."),
            ))
        }
        Refunded::Moved { .. } => Err(Problem::new(Kind::ChangedMeanwhile)),
        Refunded::FoundOthers(receipt) => Err(found_others(&receipt)),
        Refunded::NoPayment => Err(Problem::new(Kind::PaymentNotFound)),
    }
}

/// A refund that Stripe has refused made nothing: an error, however often its key comes again.
fn made(receipt: Receipt, refund: Refund, status: StatusCode) -> Result<Outcome, Problem> {
    let status = match refund.state {
        RefundState::Failed if refund.gateway_id.is_none() => {
            let why = refund.failure.unwrap_or_default();
            return Err(Problem::new(Kind::NotRefundable).detail(
                format!("Stripe menolak pengembalian ini: {why}"),
                format!("Stripe refused it: {why}"),
            ));
        }
        RefundState::Requested => StatusCode::ACCEPTED,
        _ => status,
    };
    Ok(Outcome { status, known: false, receipt, refund })
}

/// The same key may be used again: nothing was made with it.
fn found_others(receipt: &Receipt) -> Problem {
    let back = format_money(receipt.payment.refunded);
    Problem::new(Kind::NotRefundable).detail(
        format!("Stripe sudah memiliki pengembalian yang belum tercatat di sini; kini {back} sudah kembali. Periksa dahulu, lalu minta lagi bila masih perlu."),
        format!("Stripe has refunds that were not known here; {back} is back now. Look at them, and ask again if it is still wanted."),
    )
}

fn not_refundable(receipt: &Receipt) -> Problem {
    let status = receipt.payment.status;
    Problem::new(Kind::NotRefundable).detail(
        format!("Tidak ada yang dapat dikembalikan: pembayaran ini {status}."),
        format!("There is nothing to refund: this payment is {status}."),
    )
}

/// Lists a payment's refunds, those made in Stripe's dashboard too.
#[utoipa::path(
    get, path = "/api/v1/payments/{id}/refunds", tag = "refunds", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The payment's number", minimum = 1)),
    responses(
        (status = 200, description = "The refunds, oldest first", body = RefundsView),
        (status = 404, description = "No such payment, or not the caller's", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list_refunds(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
) -> Result<Json<RefundsView>, Problem> {
    let receipt = own_payment(&app, &admitted, &id).await?;
    let file = app.store.file(receipt.payment.id).await?;
    let file = file.ok_or_else(|| Problem::new(Kind::PaymentNotFound))?;
    let whole = admitted.user.reads_all();
    let data = file.refunds.iter().map(|refund| RefundView::of(file.payment.id, refund, whole)).collect();
    Ok(Json(RefundsView { data }))
}
