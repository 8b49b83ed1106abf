//! Refunds: wished for by an operator, made by Sekali itself, or found at Stripe; and followed to their end.

mod news;
mod wish;

pub use news::{Recording, RefundNews, never_arrived, record};
pub use wish::{Wish, Wishing, give_back, may_be_given_back, wish};

use crate::domain::{Refund, What};

/// What the record says of the intent to refund.
fn requested(refund: &Refund) -> What {
    let key_hash = match &refund.origin {
        crate::domain::RefundOrigin::Operator { key, .. } => Some(crate::domain::record::key_hash(key)),
        _ => None,
    };
    What::RefundRequested {
        refund: refund.id,
        payment_intent: refund.payment_intent.clone(),
        amount: refund.amount.into(),
        wanted_by: refund.origin.as_str().to_owned(),
        reason: refund.reason.clone(),
        key_hash,
        replaces: refund.replaces,
    }
}
