//! A dispute is recorded as Stripe has it, and shown beside the payment's status.

use super::{Change, Decision};
use crate::domain::{Dispute, Origin, PaymentFile, Timestamp, What};

/// Records a dispute. `false`: it was known like this, it is older news, or its capture is none of the
/// payment's.
pub fn dispute(file: &PaymentFile, news: &Dispute, at: Timestamp, origin: &Origin) -> (Decision, bool) {
    let nothing = Decision::at(at);
    let known = file.disputes.iter().find(|known| known.gateway_id == news.gateway_id);
    let is_news = known.is_none_or(|known| known.state.may_become(news.state));
    if file.capture(&news.payment_intent).is_none() || !is_news {
        return (nothing, false);
    }
    let what = What::Disputed {
        dispute: news.gateway_id.clone(),
        payment_intent: news.payment_intent.clone(),
        amount: news.amount.into(),
        state: news.state.as_str().to_owned(),
        reason: news.reason.clone(),
        status: file.payment.status.as_str().to_owned(),
    };
    let decision = nothing
        .change(Change::Dispute(news.clone()))
        .change(Change::DisputeState(news.state))
        .note(origin, what);
    (decision, true)
}
