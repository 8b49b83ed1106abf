//! What happens to money without an API request: refunds made in the dashboard, disputes, the end of both.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::{carry_out, read_json};
use crate::api::error::ApiError;
use crate::api::reading::find;
use crate::api::refunds::REASONS;
use crate::model::Metadata;
use crate::model::aftermath::Grounds;
use crate::model::charge::Charge;
use crate::model::dispute::Dispute;
use crate::model::refund::{Refund, RefundStatus};
use crate::simulator::Simulator;
use crate::{disputes, refunds};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundOrder {
    /// In smallest units; none is all that is left.
    amount: Option<i64>,
    reason: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

/// `POST /simulator/charges/{id}/refund`: as somebody does in Stripe's dashboard.
pub(super) async fn refund(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = read_json(&headers, &body, "{\"amount\": 1000}, or {} for all that is left.").and_then(check);
    carry_out(&simulator, order, move |work, order: refunds::Order| {
        let mut charge: Charge = find(work, &id)?;
        Ok(refunds::make(work, &mut charge, order)?.render())
    })
    .await
}

fn check(order: RefundOrder) -> Result<refunds::Order, ApiError> {
    let RefundOrder { amount, reason, metadata } = order;
    if reason.as_deref().is_some_and(|reason| !REASONS.contains(&reason)) {
        return Err(ApiError::bad_value("reason", format!("'reason' is one of {}.", REASONS.join(", "))));
    }
    Ok(refunds::Order { amount, reason, metadata })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleOrder {
    status: Settled,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Settled {
    Succeeded,
    Failed,
}

/// `POST /simulator/refunds/{id}/settle`: the end of a refund, at once. One that succeeded can still bounce.
pub(super) async fn settle_refund(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = read_json::<SettleOrder>(&headers, &body, "{\"status\": \"succeeded\"}, or failed.");
    carry_out(&simulator, order, move |work, order| {
        let mut refund: Refund = find(work, &id)?;
        let status = match order.status {
            Settled::Succeeded => RefundStatus::Succeeded,
            Settled::Failed => RefundStatus::Failed,
        };
        if refund.status.is_void() || refund.status == status {
            let message = format!("The refund is {} already.", refund.status.as_str());
            return Err(ApiError::invalid(message).into());
        }
        refunds::settle(work, &mut refund, status)?;
        Ok(refund.render())
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeOrder {
    #[serde(default = "fraudulent")]
    reason: Grounds,
}

fn fraudulent() -> Grounds {
    Grounds::Fraudulent
}

/// `POST /simulator/charges/{id}/dispute`: the payer complains to the bank.
pub(super) async fn dispute(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let example = "{\"reason\": \"fraudulent\"}, or product_not_received, or inquiry.";
    let order = read_json::<DisputeOrder>(&headers, &body, example);
    carry_out(&simulator, order, move |work, order| {
        let mut charge: Charge = find(work, &id)?;
        Ok(disputes::open(work, &mut charge, order.reason)?.render())
    })
    .await
}

/// `POST /simulator/disputes/{id}/review`: the merchant has answered, and the bank looks at it.
pub(super) async fn review_dispute(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = read_json::<Metadata>(&headers, &body, "{}");
    carry_out(&simulator, order, move |work, _| {
        let mut dispute: Dispute = find(work, &id)?;
        disputes::review(work, &mut dispute)?;
        Ok(dispute.render())
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseOrder {
    status: Verdict,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Won,
    Lost,
}

/// `POST /simulator/disputes/{id}/close`: the bank decides.
pub(super) async fn close_dispute(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let order = read_json::<CloseOrder>(&headers, &body, "{\"status\": \"won\"}, or lost.");
    carry_out(&simulator, order, move |work, order| {
        let mut dispute: Dispute = find(work, &id)?;
        disputes::close(work, &mut dispute, order.status == Verdict::Won)?;
        Ok(dispute.render())
    })
    .await
}
