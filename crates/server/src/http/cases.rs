//! `GET /api/v1/cases`: what an operator has to look at.

use super::App;
use super::guard::Admitted;
use super::problem::{Kind, Problem};
use axum::extract::{Query, State};
use axum::{Extension, Json};
use sekali_core::domain::{Role, Timestamp};
use sekali_core::ports::Case;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

const MOST: u32 = 500;

/// Which cases.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CasesQuery {
    /// `open` (the default) or `all`.
    #[param(value_type = Option<CaseState>, inline)]
    state: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "described, never made")]
enum CaseState {
    Open,
    All,
}

/// Cases, oldest first.
#[derive(Serialize, ToSchema)]
pub(super) struct CasesView {
    data: Vec<CaseView>,
}

/// One case.
#[derive(Serialize, ToSchema)]
pub(super) struct CaseView {
    /// `surplus`, `mismatch`, `unknown_money`, `refund_bounced`, `refund_stuck` or `refund_cap`.
    #[schema(example = "surplus")]
    kind: &'static str,
    /// What it is about: Stripe's id, or ours.
    #[schema(example = "pi_3Pabc")]
    object: String,
    /// The payment, where there is one.
    payment_id: Option<i64>,
    /// A sentence for the operator.
    detail: String,
    /// RFC 3339, UTC.
    opened_at: String,
    /// RFC 3339, UTC; null while it is open.
    closed_at: Option<String>,
}

impl From<&Case> for CaseView {
    fn from(case: &Case) -> Self {
        Self {
            kind: case.kind.as_str(),
            object: case.object.clone(),
            payment_id: case.payment.map(|id| id.0),
            detail: case.detail.clone(),
            opened_at: case.opened_at.rfc3339(),
            closed_at: case.closed_at.map(Timestamp::rfc3339),
        }
    }
}

/// Lists what an operator has to look at: money where it should not be, refunds that are stuck. Role `admin`.
#[utoipa::path(
    get, path = "/api/v1/cases", tag = "operators", security(("bearer" = [])),
    params(CasesQuery),
    responses(
        (status = 200, description = "The cases, oldest first, at most 500", body = CasesView),
        (status = 400, description = "A parameter is not valid", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "This role sees no cases", body = super::openapi::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cases(
    State(app): State<Arc<App>>,
    Extension(admitted): Extension<Admitted>,
    Query(query): Query<CasesQuery>,
) -> Result<Json<CasesView>, Problem> {
    if admitted.user.role != Role::Admin {
        return Err(Problem::new(Kind::Forbidden));
    }
    let open = match query.state.as_deref() {
        None | Some("open") => true,
        Some("all") => false,
        Some(_) => {
            return Err(Problem::new(Kind::MalformedRequest)
                .detail("Parameter state tidak sah.", "The parameter state is not valid."));
        }
    };
    let cases = app.store.cases(open, MOST).await?;
    Ok(Json(CasesView { data: cases.iter().map(CaseView::from).collect() }))
}
