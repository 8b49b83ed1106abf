//! Disputes: recorded as Stripe has them. The money is between the two banks; nothing is decided here.

use super::refund::Refunds;
use super::settle::SettleError;
use crate::decision::dispute::dispute;
use crate::domain::{Dispute, Origin, PaymentFile};
use crate::ports::GatewayDispute;

impl Refunds {
    /// Asks how a dispute stands, and records it. `false`: its money is none of this installation's.
    pub async fn take_in_dispute(&self, gateway_id: &str, origin: &Origin) -> Result<bool, SettleError> {
        let found = self.settle.gateway.dispute(gateway_id).await?;
        self.record_dispute(&found, origin).await
    }

    /// Records what Stripe has just said of a dispute.
    pub(super) async fn record_dispute(
        &self,
        found: &GatewayDispute,
        origin: &Origin,
    ) -> Result<bool, SettleError> {
        let Some(payment_intent) = &found.payment_intent else { return Ok(false) };
        let Some(payment) = self.owner(payment_intent, origin).await? else { return Ok(false) };
        let amount = found.amount.ok_or_else(|| {
            SettleError::Senseless(format!("dispute {} is about an unknown amount", found.id))
        })?;
        let at = self.settle.clock.now();
        let news = Dispute {
            gateway_id: found.id.clone(),
            payment_intent: payment_intent.clone(),
            amount,
            state: found.state,
            reason: found.reason.clone(),
            created_at: at.whole_second(),
        };
        let by = origin.clone();
        let judge = move |file: &PaymentFile| dispute(file, &news, at, &by);
        let outcome = self.settle.decide_and_tell(payment, || {}, judge).await?;
        if outcome.is_some_and(|outcome| outcome.changed) {
            metrics::counter!("sekali_disputes_total", "state" => found.state.as_str()).increment(1);
            tracing::warn!(
                payment_id = payment.0,
                dispute = found.id,
                state = found.state.as_str(),
                "Payment: Disputed by the payer's bank"
            );
        }
        Ok(true)
    }
}
