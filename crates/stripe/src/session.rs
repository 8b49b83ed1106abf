//! A Checkout Session as Stripe describes it.

use crate::encode::{INSTALLATION, SESSION};
use crate::object::Object;
use sekali_core::ports::{GatewaySession, GatewayStatus};

/// Stripe's name for the kind.
pub(crate) const KIND: &str = "checkout.session";

/// Reads a session. An error says what is missing.
pub(crate) fn read(object: &Object<'_>) -> Result<GatewaySession, String> {
    let intent = object.whole("payment_intent");
    let intent = intent.as_ref().and_then(|intent| intent.text("status"));
    Ok(GatewaySession {
        id: object.id().to_owned(),
        status: status(object.text("status"), object.text("payment_status"), intent)?,
        url: object.text("url").map(str::to_owned),
        amount: object.money("amount_total"),
        payment_intent: object.id_of("payment_intent"),
        session: object.name(SESSION),
        installation: object.name(INSTALLATION),
    })
}

/// `no_payment_required` is no money, and so is not `paid`: none of our sessions is for nothing.
fn status(
    status: Option<&str>,
    payment: Option<&str>,
    intent: Option<&str>,
) -> Result<GatewayStatus, String> {
    match (status, payment) {
        (Some("open"), _) => Ok(GatewayStatus::Open),
        (Some("expired"), _) => Ok(GatewayStatus::Expired),
        (Some("complete"), Some("paid")) => Ok(GatewayStatus::Paid),
        (Some("complete"), Some("unpaid")) if has_failed(intent) => Ok(GatewayStatus::Failed),
        (Some("complete"), Some("unpaid" | "no_payment_required")) => Ok(GatewayStatus::Unpaid),
        _ => Err(format!("the session's status is unheard of: {status:?}, {payment:?}")),
    }
}

/// Whether a confirmed session's money will not come. A complete session takes no second attempt, so an intent
/// that wants another payment method has ended with it. Every other status, known or not, and an intent that
/// stands there by name alone, may still become money: nothing is given up on its account. `succeeded` beside
/// `unpaid` is money too, which the session will show in a moment.
fn has_failed(intent: Option<&str>) -> bool {
    matches!(intent, Some("requires_payment_method" | "canceled"))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
