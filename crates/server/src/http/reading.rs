//! What endpoints read out of a request, without the endpoints: for tests that feed it anything at all.

use super::fields::Fields;
use super::guard::Admitted;
use super::problem::Problem;
use super::{create_payment, key, refund_payment};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use sekali_core::domain::{Currency, IdempotencyKey, Money, User};
use sekali_core::flow::pay::PayRequest;

/// A press of BAYAR, or the status that its mistakes are answered with.
pub fn payment(headers: &HeaderMap, body: &[u8], user: User) -> Result<PayRequest, StatusCode> {
    let admitted = Admitted { user, body: body.to_vec().into(), uncounted: None };
    create_payment::read(headers, &admitted).map(|(request, _)| request).map_err(status)
}

/// How much is to go back (`None`: all that remains) and why, or the same.
pub fn refund(
    headers: &HeaderMap,
    body: &[u8],
    currency: Currency,
) -> Result<(Option<Money>, Option<String>), StatusCode> {
    let fields = Fields::read(headers, body).and_then(|fields| fields.only(refund_payment::MEMBERS));
    fields.and_then(|fields| refund_payment::read(&fields, currency)).map_err(status)
}

/// The idempotency key of headers and body, or the same.
pub fn key(headers: &HeaderMap, body: &[u8]) -> Result<IdempotencyKey, StatusCode> {
    let fields = Fields::read(headers, body);
    fields.and_then(|fields| key::find(headers, &fields)).map(|(key, _)| key).map_err(status)
}

fn status(problem: Problem) -> StatusCode {
    problem.into_response().status()
}
