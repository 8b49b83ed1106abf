//! `GET /openapi.json`: the API's description, generated from the code.

mod answers;
mod samples;
pub(super) mod values;

use super::fixed::Fixed;
use super::{
    cancel_payment, cases, create_payment, invoice, put_consultation, read_payments, refund_payment,
    timeline, view,
};
use answers::Guarded;
use axum::response::Response;
use http::HeaderMap;
use samples::Sampled;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use values::{CurrencyCode, DecimalAmount, Key, Method, Number};

/// The body of `POST /api/v1/payments`. It is read field by field; this is its description.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentRequest {
    /// A number above zero, or a string of its digits.
    #[schema(value_type = Number)]
    consultation_id: i64,
    /// A number or a string of decimal digits; read as an exact decimal. Must be the consultation's fee.
    #[schema(value_type = DecimalAmount)]
    amount: String,
    #[schema(value_type = Method)]
    payment_method: String,
    /// May stand in the header instead, or in both.
    #[schema(value_type = Option<Key>)]
    idempotency_key: Option<String>,
}

/// The body of `POST /api/v1/payments/{id}/refunds`.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefundRequest {
    /// A number or a string of decimal digits; all that remains, if it is not given. Never null.
    #[schema(value_type = DecimalAmount, required = false)]
    amount: Option<String>,
    /// For the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// May stand in the header instead, or in both.
    #[schema(value_type = Option<Key>)]
    idempotency_key: Option<String>,
}

/// The body of `PUT /api/v1/consultations/{id}`.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsultationRequest {
    /// The only user who may pay it.
    #[schema(value_type = Number)]
    patient_id: i64,
    /// A number or a string of decimal digits, above zero.
    #[schema(value_type = DecimalAmount)]
    fee: String,
    /// ISO 4217; PHP if not given.
    #[schema(value_type = Option<CurrencyCode>)]
    currency: Option<String>,
    /// No taxes are recorded. Not given: stays as it is.
    tax_exempt: Option<bool>,
}

/// Every error (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// The address of a page about this kind of error.
    r#type: String,
    title: String,
    #[schema(example = 422)]
    status: u16,
    detail: String,
    request_id: Option<String>,
    /// For people; Indonesian, or English with `Accept-Language: en`.
    message: String,
    /// For 422: what is wrong with each field.
    errors: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sekali",
        description = "Charges a patient once. Money is exact decimals; errors are problem+json.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        create_payment::create_payment,
        read_payments::list_payments,
        read_payments::read_payment,
        cancel_payment::cancel_payment,
        refund_payment::refund_payment,
        refund_payment::list_refunds,
        timeline::timeline,
        invoice::invoice,
        invoice::invoice_pdf,
        cases::cases,
        put_consultation::put_consultation,
    ),
    components(schemas(
        PaymentRequest, RefundRequest, ConsultationRequest, values::KeyHeader, values::StandardKeyHeader, ProblemBody, view::CreatedView, view::DuplicateView, view::ReceiptView,
    )),
    modifiers(&Bearer, &Guarded, &Sampled),
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document.
pub fn document() -> Document {
    Api::openapi()
}

/// Answers with it. It never changes while the program runs.
pub(super) async fn openapi_json(asked: HeaderMap) -> Response {
    static TEXT: LazyLock<Fixed> =
        LazyLock::new(|| Fixed::of_text(&document().to_json().unwrap_or_default()));
    TEXT.answer(&asked, "application/json", "no-cache")
}
