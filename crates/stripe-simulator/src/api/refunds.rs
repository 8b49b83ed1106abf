//! `/v1/refunds`: create, update, cancel.

use serde_json::Value;

use super::error::ApiError;
use super::expand::Expand;
use super::params::Params;
use super::reading::find;
use super::{Call, Command};
use crate::failure::Failure;
use crate::model::charge::Charge;
use crate::model::payment_intent::{IntentStatus, PaymentIntent};
use crate::model::refund::Refund;
use crate::refunds::{self, Order};
use crate::storage::objects;
use crate::work::Work;

/// What a caller may give as `reason`.
pub(crate) const REASONS: &[&str] = &["duplicate", "fraudulent", "requested_by_customer"];

/// What is to be refunded.
enum Subject {
    Charge(String),
    Intent(String),
}

pub(crate) fn create(call: Call) -> Result<Command, ApiError> {
    let mut params = call.params;
    let expand = Expand::read(&mut params)?;
    let subject = read_subject(&mut params)?;
    let order = Order {
        amount: params.integer("amount")?,
        reason: params.choice("reason", REASONS)?,
        metadata: params.metadata("metadata")?,
    };
    // For cash balances and connected accounts, of which there are none: they change nothing here.
    for name in ["refund_application_fee", "reverse_transfer"] {
        params.choice(name, &["true", "false"])?;
    }
    params.text("instructions_email", 800)?;
    params.finish()?;
    Ok(Box::new(move |work| {
        let mut charge = load(work, subject)?;
        let refund = refunds::make(work, &mut charge, order)?;
        show(work, &refund, &expand)
    }))
}

fn read_subject(params: &mut Params) -> Result<Subject, ApiError> {
    match (params.text("charge", 5000)?, params.text("payment_intent", 5000)?) {
        (Some(id), None) => Ok(Subject::Charge(id)),
        (None, Some(id)) => Ok(Subject::Intent(id)),
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("You may only specify one of these parameters: charge, payment_intent."))
        }
        (None, None) => Err(ApiError::parameter(
            "parameter_missing",
            "charge",
            "One of the following params should be provided for this request: payment_intent or charge.",
        )),
    }
}

fn load(work: &mut Work<'_>, subject: Subject) -> Result<Charge, Failure> {
    match subject {
        Subject::Charge(id) => find(work, &id),
        Subject::Intent(id) => {
            let found: Option<PaymentIntent> = objects::find(work.tx, &id)?;
            let missing = || ApiError::missing("payment_intent", "payment_intent", &id);
            let intent = found.ok_or_else(missing)?;
            if let (IntentStatus::Succeeded, Some(charge)) = (intent.status, &intent.latest_charge) {
                return Ok(objects::get(work.tx, charge)?);
            }
            let message = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
            Err(ApiError::bad_value("payment_intent", message).into())
        }
    }
}

pub(crate) fn update(call: Call) -> Result<Command, ApiError> {
    let Call { id, mut params } = call;
    let expand = Expand::read(&mut params)?;
    // Read twice: what is wrong with them is found before anything executes.
    let mut changes = params.clone();
    params.metadata("metadata")?;
    params.finish()?;
    Ok(Box::new(move |work| {
        let mut refund: Refund = find(work, &id)?;
        let before = refund.render();
        changes.change_metadata("metadata", &mut refund.metadata)?;
        objects::update(work.tx, &refund)?;
        if refund.render() != before {
            refunds::changed(work, &refund, &before)?;
        }
        show(work, &refund, &expand)
    }))
}

pub(crate) fn cancel(call: Call) -> Result<Command, ApiError> {
    let Call { id, mut params } = call;
    let expand = Expand::read(&mut params)?;
    params.finish()?;
    Ok(Box::new(move |work| {
        let mut refund: Refund = find(work, &id)?;
        refunds::cancel(work, &mut refund)?;
        show(work, &refund, &expand)
    }))
}

fn show(work: &mut Work<'_>, refund: &Refund, expand: &Expand) -> Result<Value, Failure> {
    let mut object = refund.render();
    expand.apply(work, &mut object)?;
    Ok(object)
}
