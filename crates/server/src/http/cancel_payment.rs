//! `POST /api/v1/payments/<id>/cancel`: the patient, or an operator, gives a payment up.

use super::App;
use super::guard::Admitted;
use super::own_payment::{origin, own_payment};
use super::problem::{Kind, Problem};
use super::view::ReceiptView;
use crate::uncancelled::uncancelled;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use sekali_core::domain::{Receipt, Role, Status};
use sekali_core::flow::cancel::Cancelled;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A payment after the wish to cancel it.
#[derive(Serialize, ToSchema)]
pub(super) struct CancelledView {
    data: ReceiptView,
    /// For people.
    #[schema(example = "Pembayaran dibatalkan")]
    message: &'static str,
}

/// Cancels a payment: at once if it was not taken to Stripe yet, else when Stripe says that its session is
/// dead. Asked again, it answers the same. A payment that turns out to be paid stays paid.
#[utoipa::path(
    post, path = "/api/v1/payments/{id}/cancel", tag = "payments", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The payment's number", minimum = 1)),
    responses(
        (status = 200, description = "It is cancelled, now or before", body = CancelledView),
        (status = 202, description = "It will be cancelled as soon as Stripe confirms that it can no longer be paid", body = CancelledView),
        (status = 403, description = "This role cancels no payments", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such payment, or not the caller's", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is paid, being paid, or over in another way", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel_payment(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let receipt = own_payment(&app, &admitted, &id).await?;
    if !matches!(admitted.user.role, Role::Patient | Role::Admin) {
        return Err(Problem::new(Kind::Forbidden));
    }
    let Ok(_place) = app.limits.at_stripe.try_acquire() else { return Err(Problem::new(Kind::Overloaded)) };
    let (cancel, id, origin) = (app.cancel.clone(), receipt.payment.id, origin(admitted.user));
    let cancelled = uncancelled(async move { cancel.cancel(id, &origin).await }).await??;
    let (status, receipt) = outcome(cancelled)?;
    let message = match status {
        StatusCode::ACCEPTED => "Pembatalan sedang diproses",
        _ => "Pembayaran dibatalkan",
    };
    Ok(answer(&app, status, &receipt, message))
}

/// What came of the wish: 200 or 202 with the payment, or why not.
pub(super) fn outcome(cancelled: Cancelled) -> Result<(StatusCode, Receipt), Problem> {
    match cancelled {
        Cancelled::Done(receipt) => Ok((StatusCode::OK, receipt)),
        Cancelled::Requested(receipt) => Ok((StatusCode::ACCEPTED, receipt)),
        Cancelled::Confirmed(receipt) => Err(confirmed(&receipt)),
        Cancelled::Over(receipt) => Err(over(&receipt)),
        Cancelled::NoPayment => Err(Problem::new(Kind::PaymentNotFound)),
    }
}

fn answer(app: &App, status: StatusCode, receipt: &Receipt, message: &'static str) -> Response {
    let view = CancelledView { data: ReceiptView::of(receipt, &app.capabilities), message };
    (status, Json(view)).into_response()
}

fn confirmed(receipt: &Receipt) -> Problem {
    let problem = Problem::new(Kind::NotCancellable);
    if receipt.payment.status == Status::Completed {
        problem.detail("Pembayaran ini sudah dibayar.", "This payment has been paid.")
    } else {
        problem.detail(
            "Pembayaran ini sudah dikonfirmasi dan sedang diproses oleh bank.",
            "This payment was confirmed, and the bank is working on it.",
        )
    }
}

fn over(receipt: &Receipt) -> Problem {
    let status = receipt.payment.status;
    Problem::new(Kind::NotCancellable).detail(
        format!("Pembayaran ini sudah berakhir ({status})."),
        format!("This payment is over already ({status})."),
    )
}
