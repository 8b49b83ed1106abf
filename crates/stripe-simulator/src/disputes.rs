//! The life of a dispute. Money is withdrawn when one is opened, and comes back when it is won.

use crate::api::error::ApiError;
use crate::failure::Failure;
use crate::model::aftermath::Grounds;
use crate::model::charge::Charge;
use crate::model::dispute::{Dispute, DisputeStatus, Movement};
use crate::model::method::Details;
use crate::storage::objects;
use crate::work::Work;

/// How long the merchant has to answer, in seconds.
const ANSWER_WITHIN: i64 = 9 * 24 * 60 * 60;

/// Opens a dispute about all of a charge that was not refunded.
pub(crate) fn open(work: &mut Work<'_>, charge: &mut Charge, grounds: Grounds) -> Result<Dispute, Failure> {
    let amount = charge.unrefunded();
    if amount == 0 || charge.dispute.is_some() {
        let message = "Only a charge that succeeded, was not refunded and has no dispute can be disputed.";
        return Err(ApiError::invalid(message).into());
    }
    let inquiry = grounds == Grounds::Inquiry;
    let mut dispute = Dispute {
        id: work.new_id("dp_1", 23),
        created: work.now(),
        amount,
        currency: charge.currency.clone(),
        charge: charge.id.clone(),
        payment_intent: charge.payment_intent.clone(),
        session: charge.session.clone(),
        brand: match &charge.payment_method.details {
            Details::Card(card) => Some(card.brand.clone()),
            Details::UsBankAccount(_) => None,
        },
        grounds,
        status: if inquiry { DisputeStatus::WarningNeedsResponse } else { DisputeStatus::NeedsResponse },
        due_by: work.now() + ANSWER_WITHIN,
        movements: Vec::new(),
    };
    if !inquiry {
        move_money(work, &mut dispute, -amount);
    }
    charge.dispute = Some(dispute.id.clone());
    objects::update(work.tx, charge)?;
    objects::insert(work.tx, &dispute)?;
    work.emit("charge.dispute.created", dispute.render(), &dispute.session)?;
    if !inquiry {
        work.emit("charge.dispute.funds_withdrawn", dispute.render(), &dispute.session)?;
    }
    Ok(dispute)
}

fn move_money(work: &Work<'_>, dispute: &mut Dispute, amount: i64) {
    let id = work.new_id("txn_1", 23);
    dispute.movements.push(Movement { id, created: work.now(), amount });
}

/// The bank looks at what the merchant handed in.
pub(crate) fn review(work: &mut Work<'_>, dispute: &mut Dispute) -> Result<(), Failure> {
    require_open(dispute)?;
    let before = dispute.render();
    dispute.status = if dispute.status.is_inquiry() {
        DisputeStatus::WarningUnderReview
    } else {
        DisputeStatus::UnderReview
    };
    objects::update(work.tx, dispute)?;
    work.emit_change("charge.dispute.updated", &before, dispute.render(), &dispute.session)?;
    Ok(())
}

/// The bank's decision. An inquiry is only closed, whoever is right.
pub(crate) fn close(work: &mut Work<'_>, dispute: &mut Dispute, won: bool) -> Result<(), Failure> {
    require_open(dispute)?;
    let before = dispute.render();
    let inquiry = dispute.status.is_inquiry();
    dispute.status = match (inquiry, won) {
        (true, _) => DisputeStatus::WarningClosed,
        (false, true) => DisputeStatus::Won,
        (false, false) => DisputeStatus::Lost,
    };
    let reinstated = won && !inquiry;
    if reinstated {
        move_money(work, dispute, dispute.amount);
    }
    objects::update(work.tx, dispute)?;
    work.emit_change("charge.dispute.closed", &before, dispute.render(), &dispute.session)?;
    if reinstated {
        work.emit("charge.dispute.funds_reinstated", dispute.render(), &dispute.session)?;
    }
    Ok(())
}

fn require_open(dispute: &Dispute) -> Result<(), ApiError> {
    if dispute.status.is_open() {
        return Ok(());
    }
    Err(ApiError::invalid(format!("Dispute {} is closed: {}.", dispute.id, dispute.status.as_str())))
}
