//! `/v1/payment_intents/{intent}`: update and cancel. Intents are made by paying a session, and by nothing
//! else.

use serde_json::Value;

use super::error::ApiError;
use super::expand::Expand;
use super::reading::find;
use super::{Call, Command};
use crate::failure::Failure;
use crate::model::payment_intent::{IntentStatus, PaymentIntent};
use crate::model::session::Session;
use crate::storage::objects;
use crate::work::Work;

const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
/// The states in which Stripe lets an intent be cancelled.
const CANCELABLE: &str = "requires_payment_method, requires_capture, requires_confirmation, requires_action";

/// Changes what does not touch the money: description, receipt address, metadata.
pub(crate) fn update(call: Call) -> Result<Command, ApiError> {
    let Call { id, mut params } = call;
    let expand = Expand::read(&mut params)?;
    let description = params.text("description", 1000)?;
    let receipt_email = params.text("receipt_email", 800)?;
    // Read twice: what is wrong with them is found before anything executes.
    let mut changes = params.clone();
    params.metadata("metadata")?;
    params.finish()?;
    Ok(Box::new(move |work| {
        let mut intent: PaymentIntent = find(work, &id)?;
        changes.change_metadata("metadata", &mut intent.metadata)?;
        intent.description = description.or(intent.description);
        intent.receipt_email = receipt_email.or(intent.receipt_email);
        objects::update(work.tx, &intent)?;
        show(work, &intent, &expand)
    }))
}

pub(crate) fn cancel(call: Call) -> Result<Command, ApiError> {
    let Call { id, mut params } = call;
    let expand = Expand::read(&mut params)?;
    let reason = params.choice("cancellation_reason", REASONS)?;
    params.finish()?;
    Ok(Box::new(move |work| {
        let mut intent: PaymentIntent = find(work, &id)?;
        require_cancelable(work, &intent)?;
        intent.status = IntentStatus::Canceled;
        intent.canceled_at = Some(work.now());
        intent.cancellation_reason = Some(reason.unwrap_or_else(|| "requested_by_customer".to_owned()));
        objects::update(work.tx, &intent)?;
        work.emit("payment_intent.canceled", intent.render(), &intent.session)?;
        show(work, &intent, &expand)
    }))
}

fn require_cancelable(work: &mut Work<'_>, intent: &PaymentIntent) -> Result<(), Failure> {
    let by_state =
        matches!(intent.status, IntentStatus::RequiresPaymentMethod | IntentStatus::RequiresAction);
    if !by_state {
        let message = format!(
            "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one \
             of the following statuses may be canceled: {CANCELABLE}.",
            intent.status.as_str()
        );
        return Err(ApiError::unexpected_state(intent.render(), message).into());
    }
    let session: Option<Session> = objects::find(work.tx, &intent.session)?;
    if session.is_some_and(|session| session.is_open()) {
        let message = "You cannot cancel the PaymentIntent of a Checkout Session that is open. Expire the \
                       Checkout Session instead.";
        return Err(ApiError::unexpected_state(intent.render(), message).into());
    }
    Ok(())
}

fn show(work: &mut Work<'_>, intent: &PaymentIntent, expand: &Expand) -> Result<Value, Failure> {
    let mut object = intent.render();
    expand.apply(work, &mut object)?;
    Ok(object)
}
