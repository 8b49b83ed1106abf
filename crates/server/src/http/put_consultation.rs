//! `PUT /api/v1/consultations/<id>`: the host application keeps its consultations here.

use super::App;
use super::fields::{Check, Fields};
use super::guard::Admitted;
use super::problem::{Kind, Problem};
use crate::uncancelled::uncancelled;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use sekali_core::domain::{Consultation, ConsultationId, Currency, Money, Role, UserId};
use sekali_core::ports::PutOutcome;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// A consultation.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsultationView {
    data: ConsultationData,
}

#[derive(Serialize, ToSchema)]
struct ConsultationData {
    #[schema(example = 5)]
    id: i64,
    /// The only user who may pay it.
    #[schema(example = 1)]
    patient_id: i64,
    /// Exact decimal in whole units.
    #[schema(example = "5000.00")]
    fee: String,
    #[schema(example = "PHP")]
    currency: &'static str,
    /// No taxes are recorded.
    tax_exempt: bool,
}

impl From<&Consultation> for ConsultationView {
    fn from(consultation: &Consultation) -> Self {
        let fee = consultation.terms.fee;
        Self {
            data: ConsultationData {
                id: consultation.id.0,
                patient_id: consultation.patient.0,
                fee: fee.to_string(),
                currency: fee.currency.code(),
                tax_exempt: consultation.terms.tax_exempt,
            },
        }
    }
}

/// Makes or updates a consultation. Role `service`.
#[utoipa::path(
    put, path = "/api/v1/consultations/{id}", tag = "consultations", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The consultation's number in the host application", minimum = 1)),
    request_body(content = super::openapi::ConsultationRequest, content_type = "application/json"),
    responses(
        (status = 201, description = "It is new", body = ConsultationView),
        (status = 200, description = "It was there", body = ConsultationView),
        (status = 409, description = "It is being paid: patient, fee and currency cannot change", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 400, description = "Not JSON", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The role is not `service`", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The number is none", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The content type is not application/json", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field failed", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put_consultation(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<ConsultationView>), Problem> {
    let fields = Fields::read(&headers, &admitted.body)?;
    if admitted.user.role != Role::Service {
        return Err(Problem::new(Kind::Forbidden));
    }
    let id = id.parse().ok().filter(|id| *id > 0).map(ConsultationId);
    let id = id.ok_or_else(|| Problem::new(Kind::ConsultationNotFound))?;
    let wish = read(&fields, app.pay.pricing.default_currency)?;
    let (store, at) = (app.store.clone(), app.clock.now().whole_second());
    let put = async move { store.put_consultation(id, wish.patient, wish.fee, wish.tax_exempt, at).await };
    match uncancelled(put).await?? {
        PutOutcome::Created(consultation) => Ok((StatusCode::CREATED, Json((&consultation).into()))),
        PutOutcome::Updated(consultation) => Ok((StatusCode::OK, Json((&consultation).into()))),
        PutOutcome::BeingPaid => Err(Problem::new(Kind::BeingPaid)),
    }
}

struct Wish {
    patient: UserId,
    fee: Money,
    tax_exempt: Option<bool>,
}

fn read(fields: &Fields, default_currency: Currency) -> Result<Wish, Problem> {
    let mut check = Check::default();
    let patient = check.id(fields, "patient_id");
    let amount = check.amount(fields, "fee");
    let currency = currency(&mut check, fields, default_currency);
    let fee = amount.zip(currency).and_then(|(amount, currency)| {
        let fee = Money::from_decimal(amount, currency).ok();
        if fee.is_none() {
            check.fail(
                "fee",
                "Terlalu besar, atau punya lebih banyak desimal daripada mata uangnya.",
                "Is too large, or has more decimals than its currency.",
            );
        }
        fee
    });
    let tax_exempt = fields.get("tax_exempt").map(serde_json::from_str::<bool>);
    if matches!(tax_exempt, Some(Err(_))) {
        check.fail("tax_exempt", "Harus true atau false.", "Must be true or false.");
    }
    check.finish()?;
    let (Some(patient), Some(fee)) = (patient, fee) else { return Err(Problem::new(Kind::Internal)) };
    Ok(Wish { patient: UserId(patient), fee, tax_exempt: tax_exempt.and_then(Result::ok) })
}

fn currency(check: &mut Check, fields: &Fields, default: Currency) -> Option<Currency> {
    if fields.get("currency").is_none() {
        return Some(default);
    }
    let code = check.text(fields, "currency")?;
    let currency = Currency::from_code(&code);
    if currency.is_none() {
        check.fail("currency", "Mata uang tidak dikenal.", "Unknown currency.");
    }
    currency
}
