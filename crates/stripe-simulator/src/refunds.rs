//! The life of a refund. Every function here runs in one write transaction, so that of a hundred refunds at
//! once none goes beyond the charge.

use serde_json::Value;

use crate::api::error::ApiError;
use crate::failure::Failure;
use crate::model::Metadata;
use crate::model::aftermath::Refunding;
use crate::model::charge::Charge;
use crate::model::dispute::Dispute;
use crate::model::money;
use crate::model::refund::{Plan, Refund, RefundStatus};
use crate::storage::{StorageError, objects};
use crate::work::Work;

/// How long it takes until a refund that is pending, or bounces, ends: seconds of the simulated clock.
const SETTLES_AFTER: i64 = 60;
/// Stripe's word for a card that takes no money back.
const BOUNCED: &str = "expired_or_canceled_card";

/// What a refund is asked for.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// In smallest units; none is all that is left.
    pub(crate) amount: Option<i64>,
    pub(crate) reason: Option<String>,
    pub(crate) metadata: Metadata,
}

/// Refunds a charge.
pub(crate) fn make(work: &mut Work<'_>, charge: &mut Charge, order: Order) -> Result<Refund, Failure> {
    let amount = allowed_amount(work, charge, order.amount)?;
    let before = charge.render();
    charge.amount_refunded += amount;
    objects::update(work.tx, charge)?;
    let (status, becomes) = course(charge);
    let prefix = if charge.payment_method.details.is_bank_account() { "pyr_1" } else { "re_3" };
    let refund = Refund {
        id: work.new_id(prefix, 23),
        created: work.now(),
        amount,
        currency: charge.currency.clone(),
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        session: charge.session.clone(),
        reason: order.reason,
        metadata: order.metadata,
        status,
        failure_reason: None,
        plan: becomes.map(|becomes| Plan { at: work.now() + SETTLES_AFTER, becomes }),
    };
    objects::insert(work.tx, &refund)?;
    work.emit("refund.created", refund.render(), &refund.session)?;
    work.emit_change("charge.refunded", &before, charge.render(), &refund.session)?;
    Ok(refund)
}

/// The state a refund begins in, and the one it ends in, if that is another.
fn course(charge: &Charge) -> (RefundStatus, Option<RefundStatus>) {
    if charge.payment_method.details.is_bank_account() {
        return (RefundStatus::Pending, Some(RefundStatus::Succeeded));
    }
    match charge.aftermath.refunding {
        Refunding::AtOnce => (RefundStatus::Succeeded, None),
        Refunding::Pending => (RefundStatus::Pending, Some(RefundStatus::Succeeded)),
        Refunding::Bouncing => (RefundStatus::Succeeded, Some(RefundStatus::Failed)),
    }
}

fn allowed_amount(work: &mut Work<'_>, charge: &Charge, asked: Option<i64>) -> Result<i64, Failure> {
    if !charge.succeeded() {
        let message = format!("Charge {} was not successful, and cannot be refunded.", charge.id);
        return Err(ApiError::bad_value("charge", message).into());
    }
    if let Some(id) = &charge.dispute {
        let dispute: Dispute = objects::get(work.tx, id)?;
        if !dispute.status.is_inquiry() {
            let message = format!("Charge {} has been charged back; cannot issue a refund.", charge.id);
            return Err(ApiError::coded("charge_disputed", message).into());
        }
    }
    let left = charge.unrefunded();
    if left == 0 {
        let message = format!("Charge {} has already been refunded.", charge.id);
        return Err(ApiError::coded("charge_already_refunded", message).into());
    }
    let amount = asked.unwrap_or(left);
    if amount < 1 {
        let error = ApiError::parameter("parameter_invalid_integer", "amount", "Invalid positive integer");
        return Err(error.into());
    }
    if amount > left {
        let message = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            money::format(amount, &charge.currency),
            money::format(left, &charge.currency)
        );
        return Err(ApiError::bad_value("amount", message).into());
    }
    Ok(amount)
}

/// What becomes of a refund in its own time.
pub(crate) fn settle_as_planned(work: &mut Work<'_>, refund: &mut Refund) -> Result<(), StorageError> {
    let planned = refund.plan.as_ref().map_or(refund.status, |plan| plan.becomes);
    settle(work, refund, planned)
}

/// Ends a refund as `status`. A void one gives its amount back to the charge.
pub(crate) fn settle(
    work: &mut Work<'_>,
    refund: &mut Refund,
    status: RefundStatus,
) -> Result<(), StorageError> {
    let before = refund.render();
    if status.is_void() && !refund.status.is_void() {
        let mut charge: Charge = objects::get(work.tx, &refund.charge)?;
        charge.amount_refunded -= refund.amount;
        objects::update(work.tx, &charge)?;
    }
    refund.plan = None;
    refund.status = status;
    refund.failure_reason = match status {
        RefundStatus::Failed => Some(BOUNCED.to_owned()),
        RefundStatus::Canceled => Some("merchant_request".to_owned()),
        RefundStatus::Pending | RefundStatus::Succeeded => None,
    };
    objects::update(work.tx, refund)?;
    changed(work, refund, &before)
}

/// Tells of a refund that changed.
pub(crate) fn changed(work: &mut Work<'_>, refund: &Refund, before: &Value) -> Result<(), StorageError> {
    let after = refund.render();
    work.emit_change("refund.updated", before, after.clone(), &refund.session)?;
    work.emit_change("charge.refund.updated", before, after.clone(), &refund.session)?;
    if refund.status == RefundStatus::Failed && before["status"] != "failed" {
        work.emit("refund.failed", after, &refund.session)?;
    }
    Ok(())
}

/// Calls back a refund that has not reached the payer.
pub(crate) fn cancel(work: &mut Work<'_>, refund: &mut Refund) -> Result<(), Failure> {
    if refund.status != RefundStatus::Pending {
        let message = format!(
            "Refund {} has a status of {} and cannot be canceled: only a pending one can.",
            refund.id,
            refund.status.as_str()
        );
        return Err(ApiError::invalid(message).into());
    }
    Ok(settle(work, refund, RefundStatus::Canceled)?)
}
