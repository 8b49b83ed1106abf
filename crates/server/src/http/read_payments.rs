//! `GET /api/v1/payments/<id>` and `GET /api/v1/payments`: the payer's own, on any device.

use super::App;
use super::guard::Admitted;
use super::own_payment::own_payment;
use super::problem::{Kind, Problem};
use super::view::ReceiptView;
use axum::extract::{Path, Query, State};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekali_core::domain::{ConsultationId, PaymentId};
use sekali_core::ports::Page;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const LARGEST_PAGE: u32 = 100;
const DEFAULT_PAGE: u32 = 20;

/// One payment.
#[derive(Serialize, ToSchema)]
pub(super) struct OneView {
    data: ReceiptView,
}

/// Shows a payment to its payer, and to the roles `service` and `admin`. To others it does not exist.
#[utoipa::path(
    get, path = "/api/v1/payments/{id}", tag = "payments", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The payment's number", minimum = 1)),
    responses(
        (status = 200, description = "The payment", body = OneView),
        (status = 404, description = "No such payment, or not the caller's", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn read_payment(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Path(id): Path<String>,
) -> Result<Json<OneView>, Problem> {
    let receipt = own_payment(&app, &admitted, &id).await?;
    Ok(Json(OneView { data: ReceiptView::of(&receipt, &app.capabilities) }))
}

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only payments for this consultation.
    #[param(value_type = Option<i64>, minimum = 1)]
    consultation_id: Option<String>,
    /// At most so many: 1 to 100, 20 if not given. More than 100 is taken as 100.
    #[param(value_type = Option<i64>, minimum = 1)]
    limit: Option<String>,
    /// Goes on where another page ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A page of payments, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct ListView {
    data: Vec<ReceiptView>,
    /// The cursor of the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Lists the caller's payments, newest first; to the roles `service` and `admin`, everybody's.
#[utoipa::path(
    get, path = "/api/v1/payments", tag = "payments", security(("bearer" = [])),
    params(ListQuery),
    responses(
        (status = 200, description = "A page", body = ListView),
        (status = 400, description = "A parameter is not valid", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This role has no payments", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list_payments(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ListView>, Problem> {
    if !admitted.user.reads_all() && !is_payer(&admitted) {
        return Err(Problem::new(Kind::Forbidden));
    }
    let mut page = page(&query)?;
    page.user = (!admitted.user.reads_all()).then_some(admitted.user.id);
    let limit = page.limit;
    // One more than is shown tells whether there is a next page.
    page.limit += 1;
    let mut receipts = app.store.payments(&page).await?;
    let more = receipts.len() > limit as usize;
    receipts.truncate(limit as usize);
    let next_cursor = receipts.last().filter(|_| more).map(|last| cursor_after(last.payment.id));
    let data = receipts.iter().map(|receipt| ReceiptView::of(receipt, &app.capabilities)).collect();
    Ok(Json(ListView { data, next_cursor }))
}

fn is_payer(admitted: &Admitted) -> bool {
    admitted.user.role == sekali_core::domain::Role::Patient
}

fn page(query: &ListQuery) -> Result<Page, Problem> {
    let bad = |name: &str| {
        let (id, en) =
            (format!("Parameter {name} tidak sah."), format!("The parameter {name} is not valid."));
        Problem::new(Kind::MalformedRequest).detail(id, en)
    };
    let consultation =
        query.consultation_id.as_deref().map(|text| positive(text).ok_or_else(|| bad("consultation_id")));
    let limit = query.limit.as_deref().map(|text| positive(text).ok_or_else(|| bad("limit"))).transpose()?;
    let limit =
        limit.map_or(DEFAULT_PAGE, |limit| u32::try_from(limit).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE));
    let before =
        query.cursor.as_deref().map(|text| read_cursor(text).ok_or_else(|| bad("cursor"))).transpose()?;
    Ok(Page { user: None, consultation: consultation.transpose()?.map(ConsultationId), before, limit })
}

fn positive(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// Opaque to clients, so that its form may change.
fn cursor_after(id: PaymentId) -> String {
    URL_SAFE_NO_PAD.encode(format!("p{id}"))
}

fn read_cursor(text: &str) -> Option<PaymentId> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    positive(std::str::from_utf8(&bytes).ok()?.strip_prefix('p')?).map(PaymentId)
}
