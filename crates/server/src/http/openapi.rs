//! `GET /openapi.json`: the API's description, generated from the code.

use super::{
    cancel_payment, cases, create_payment, invoice, put_consultation, read_payments, refund_payment,
    timeline, view,
};
use axum::Json;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

/// The body of `POST /api/v1/payments`. It is read field by field; this is its description.
#[derive(Serialize, ToSchema)]
pub(super) struct PaymentRequest {
    /// A number above zero, or a string of its digits.
    #[schema(example = 5, minimum = 1)]
    consultation_id: i64,
    /// A number or a string of decimal digits; read as an exact decimal. Must be the consultation's fee.
    #[schema(value_type = DecimalAmount)]
    amount: String,
    #[schema(example = "stripe")]
    payment_method: String,
    /// May stand in the header instead, or in both.
    #[schema(max_length = 255)]
    idempotency_key: Option<String>,
}

/// The body of `POST /api/v1/payments/{id}/refunds`.
#[derive(Serialize, ToSchema)]
pub(super) struct RefundRequest {
    /// A number or a string of decimal digits; all that remains, if it is not given.
    #[schema(value_type = Option<DecimalAmount>)]
    amount: Option<String>,
    /// For the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// May stand in the header instead, or in both.
    #[schema(max_length = 255)]
    idempotency_key: Option<String>,
}

/// The body of `PUT /api/v1/consultations/{id}`.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsultationRequest {
    /// The only user who may pay it.
    #[schema(example = 1, minimum = 1)]
    patient_id: i64,
    /// A number or a string of decimal digits, above zero.
    #[schema(value_type = DecimalAmount)]
    fee: String,
    /// ISO 4217; PHP if not given.
    #[schema(example = "PHP")]
    currency: Option<String>,
    /// No taxes are recorded. Not given: stays as it is.
    tax_exempt: Option<bool>,
}

/// An exact decimal, as a string or a number.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "described, never made")]
pub(super) enum DecimalAmount {
    /// `"5000.00"`
    Text(String),
    /// `5000.00`
    Number(f64),
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
        PaymentRequest, RefundRequest, ConsultationRequest, DecimalAmount, ProblemBody, view::CreatedView, view::DuplicateView, view::ReceiptView,
    )),
    modifiers(&Bearer, &Guarded),
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

/// What any operation may answer, wherever else it leads: the guard's and the frame's problems.
const ANYWHERE: &[(&str, &str)] = &[
    ("401", "The token is missing or is not believed"),
    ("408", "The request's body took too long to arrive"),
    ("413", "The request's body is over 16 KiB"),
    ("429", "Over the limit of requests a minute; Retry-After says how many seconds to wait"),
    ("500", "Something went wrong on our side"),
    ("503", "The database is out of reach or the service is busy; nothing is half-done, try again"),
];

struct Guarded;

impl Modify for Guarded {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.put].into_iter().flatten() {
                let responses = &mut operation.responses.responses;
                responses
                    .extend(ANYWHERE.iter().map(|(status, what)| ((*status).into(), problem(what).into())));
            }
        }
    }
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("ProblemBody")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

/// The document.
pub fn document() -> Document {
    Api::openapi()
}

/// Answers with it.
pub(super) async fn openapi_json() -> Json<Document> {
    Json(document())
}
