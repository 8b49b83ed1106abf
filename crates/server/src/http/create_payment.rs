//! `POST /api/v1/payments`: the press of BAYAR (the original's `PaymentController@create`).

use super::App;
use super::fields::{Check, Fields};
use super::guard::{Admitted, over_limit, take};
use super::key::{self, Dialect};
use super::problem::Problem;
use super::view::{CreatedView, DuplicateView};
use crate::telemetry;
use crate::uncancelled::uncancelled;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sekali_core::domain::{ConsultationId, Payment, PaymentMethod};
use sekali_core::flow::pay::{Answer, Duplicate, PayRequest, Toll};
use sekali_core::ports::Rate;
use std::sync::Arc;

/// Makes one payment, or answers with the one that exists.
#[utoipa::path(
    post, path = "/api/v1/payments", tag = "payments",
    security(("bearer" = [])),
    params(
        ("X-Idempotency-Key" = Option<super::openapi::values::KeyHeader>, Header, description = "The client's key; a duplicate is answered 409 with what exists. May stand in the body instead, or in both."),
        ("Idempotency-Key" = Option<super::openapi::values::StandardKeyHeader>, Header, description = "The standard's header: a duplicate is answered with the first answer and `Idempotent-Replayed: true`. Not beside X-Idempotency-Key."),
    ),
    request_body(content = super::openapi::PaymentRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "One payment was made (or, replayed, had been made)", body = CreatedView),
        (status = 409, description = "There is a payment already; or, as problem+json, the same key is in flight, or somebody else is paying", content(
            (DuplicateView = "application/json"),
            (super::openapi::ProblemBody = "application/problem+json"),
        )),
        (status = 400, description = "Not JSON, or the idempotency key is missing or not valid", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The consultation is not the caller's to pay", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such consultation", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The content type is not application/json", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field failed, or the key was used for another request", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create_payment(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (rate, answer) = match read(&headers, &admitted) {
        Ok((request, dialect)) => pay(&app, request, dialect, admitted.uncounted).await?,
        Err(problem) => (count(&app, admitted.uncounted.as_deref()).await, Err(problem)),
    };
    // The limit stands before everything that was looked at here (contract, part 3).
    let answer = rate.and_then(over_limit).map_or(answer, Err);
    let mut response = answer.unwrap_or_else(Problem::into_response);
    if let Some(rate) = rate {
        response.extensions_mut().insert(rate);
    }
    Ok(response)
}

/// Counts a request that does not come as far as the flow.
async fn count(app: &App, bucket: Option<&str>) -> Option<Rate> {
    take(app, bucket?, app.limits.rate).await
}

/// Runs the flow to its end, whoever goes away. It counts the request in `bucket`, if it has to be.
async fn pay(
    app: &Arc<App>,
    request: PayRequest,
    dialect: Dialect,
    bucket: Option<String>,
) -> Result<(Option<Rate>, Result<Response, Problem>), Problem> {
    let service = Arc::clone(app);
    let (rate, answer) = uncancelled(async move {
        let limit = service.limits.rate;
        let toll = bucket.as_deref().map(|bucket| Toll { bucket, limit, otherwise: &*service.rate_fallback });
        let (rate, answer) = service.pay.pay_counted(&request, toll.as_ref()).await;
        if let Some(demo) = &service.demo {
            demo.trace.decided(&answer);
        }
        (rate, answer)
    })
    .await?;
    Ok((rate, answer.map(|answer| respond(app, &answer, dialect)).map_err(Problem::from)))
}

fn respond(app: &App, answer: &Answer, dialect: Dialect) -> Response {
    match answer {
        Answer::Created(receipt) => {
            let view = CreatedView::first(receipt, true, &app.capabilities);
            with_cookie(app, &receipt.payment, (StatusCode::CREATED, Json(view)).into_response())
        }
        Answer::Duplicate(duplicate) => answer_duplicate(app, duplicate, dialect),
    }
}

/// Content type, syntax, the key's form, the fields: in that order.
pub(super) fn read(headers: &HeaderMap, admitted: &Admitted) -> Result<(PayRequest, Dialect), Problem> {
    let fields = Fields::read(headers, &admitted.body)?;
    let (key, dialect) = key::find(headers, &fields)?;
    let mut check = Check::default();
    let consultation = check.id(&fields, "consultation_id");
    let amount = check.amount(&fields, "amount");
    let method = method(&mut check, &fields);
    check.finish()?;
    let (Some(consultation), Some(amount), Some(method)) = (consultation, amount, method) else {
        // Each missing one has failed the check.
        return Err(Problem::new(super::problem::Kind::Internal));
    };
    let consultation = ConsultationId(consultation);
    let request = PayRequest {
        user: admitted.user,
        key,
        consultation,
        amount,
        method,
        twin: dialect.twin(),
        request_id: telemetry::request_id(),
    };
    Ok((request, dialect))
}

fn method(check: &mut Check, fields: &Fields) -> Option<PaymentMethod> {
    let word = check.text(fields, "payment_method")?;
    let method = PaymentMethod::parse(&word);
    if method.is_none() {
        check.fail("payment_method", "Metode pembayaran tidak dikenal.", "Unknown payment method.");
    }
    method
}

fn answer_duplicate(app: &App, duplicate: &Duplicate, dialect: Dialect) -> Response {
    let Duplicate { same_key, receipt, status, can_be_paid, .. } = duplicate;
    let response = if dialect == Dialect::Standard && *same_key {
        let replayed = HeaderName::from_static("idempotent-replayed");
        let view = CreatedView::first(receipt, *can_be_paid, &app.capabilities);
        (StatusCode::CREATED, [(replayed, "true")], Json(view)).into_response()
    } else {
        let view = DuplicateView::of(&receipt.payment, *status, *can_be_paid, &app.capabilities);
        (StatusCode::CONFLICT, Json(view)).into_response()
    };
    if *can_be_paid { with_cookie(app, &receipt.payment, response) } else { response }
}

/// Lets this browser go on to the payment's pages.
fn with_cookie(app: &App, payment: &Payment, mut response: Response) -> Response {
    if let Ok(cookie) = HeaderValue::from_str(&app.capabilities.cookie(payment)) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
