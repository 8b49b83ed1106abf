//! From Stripe's lists to the database.

use super::Compare;
use crate::domain::{Money, SessionState};
use crate::flow::settle::SettleError;
use crate::ports::{GatewayCharge, GatewayRefund, GatewaySession, GatewayStatus};
use uuid::Uuid;

impl Compare<'_> {
    pub(super) async fn theirs(&mut self) -> Result<(), SettleError> {
        self.their_sessions().await?;
        self.their_charges().await?;
        self.their_refunds().await
    }

    /// Whether an object names this installation; counted either way.
    fn is_ours(&mut self, installation: Option<Uuid>) -> bool {
        let ours = installation == Some(self.settle.installation);
        *(if ours { &mut self.found.at_stripe } else { &mut self.found.of_others }) += 1;
        ours
    }

    async fn their_sessions(&mut self) -> Result<(), SettleError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.settle.gateway.sessions_since(self.since, after.as_deref()).await?;
            for session in &page.items {
                if self.is_ours(session.installation) {
                    self.seen.sessions.insert(session.id.clone());
                    self.their_session(session).await?;
                }
            }
            self.told("Stripe's checkout sessions");
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn their_session(&mut self, session: &GatewaySession) -> Result<(), SettleError> {
        const KIND: &str = "checkout session";
        let theirs = word(session.status).to_owned();
        let ours = match session.session {
            Some(name) => self.settle.store.session(name).await?,
            None => None,
        };
        let Some(ours) = ours else {
            self.differs(KIND, &session.id, theirs, "is not there".into());
            return Ok(());
        };
        if ours.gateway_id.as_ref().is_some_and(|known| *known != session.id) {
            let other = format!("knows another session, {}", ours.gateway_id.unwrap_or_default());
            self.differs(KIND, &session.id, theirs, other);
        } else if !agree(session.status, ours.state) {
            self.differs(KIND, &session.id, theirs, ours.state.as_str().to_owned());
        }
        Ok(())
    }

    async fn their_charges(&mut self) -> Result<(), SettleError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.settle.gateway.charges_since(self.since, after.as_deref()).await?;
            for charge in page.items.iter().filter(|charge| charge.captured) {
                if self.is_ours(charge.installation) {
                    self.their_charge(charge).await?;
                }
            }
            self.told("Stripe's charges");
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn their_charge(&mut self, charge: &GatewayCharge) -> Result<(), SettleError> {
        const KIND: &str = "charge";
        let theirs = amount(charge.amount);
        let Some(intent) = &charge.payment_intent else {
            self.differs(KIND, &charge.id, theirs, "knows no charge without a payment intent".into());
            return Ok(());
        };
        self.seen.intents.insert(intent.clone());
        let file = match self.settle.store.payment_of_intent(intent).await? {
            Some(payment) => self.settle.store.file(payment).await?,
            None => None,
        };
        let capture = file.as_ref().and_then(|file| file.capture(intent));
        match capture {
            None => self.differs(KIND, &charge.id, theirs, "is not there".into()),
            Some(capture) if Some(capture.amount) != charge.amount => {
                self.differs(KIND, &charge.id, theirs, amount(Some(capture.amount)));
            }
            Some(_) => {}
        }
        Ok(())
    }

    async fn their_refunds(&mut self) -> Result<(), SettleError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.settle.gateway.refunds_since(self.since, after.as_deref()).await?;
            for refund in &page.items {
                self.their_refund(refund).await?;
            }
            self.told("Stripe's refunds");
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// A refund made in the dashboard names no installation: it is ours if the money is.
    async fn their_refund(&mut self, refund: &GatewayRefund) -> Result<(), SettleError> {
        const KIND: &str = "refund";
        let payment = match &refund.payment_intent {
            Some(intent) => self.settle.store.payment_of_intent(intent).await?,
            None => None,
        };
        let named = refund.installation == Some(self.settle.installation);
        let Some(payment) = payment else {
            if self.is_ours(refund.installation.filter(|_| named)) {
                self.differs(KIND, &refund.id, refund.state.as_str().into(), "is not there".into());
            }
            return Ok(());
        };
        self.found.at_stripe += 1;
        self.seen.refunds.insert(refund.id.clone());
        let theirs = format!("{} {}", refund.state.as_str(), amount(refund.amount));
        let Some(file) = self.settle.store.file(payment).await? else { return Ok(()) };
        let ours = file.refunds.iter().find(|ours| ours.gateway_id.as_ref() == Some(&refund.id));
        match ours {
            None => self.differs(KIND, &refund.id, theirs, "is not there".into()),
            Some(ours) => {
                let ours = format!("{} {}", ours.state.as_str(), amount(Some(ours.amount)));
                if ours != theirs {
                    self.differs(KIND, &refund.id, theirs, ours);
                }
            }
        }
        Ok(())
    }
}

pub(super) fn word(status: GatewayStatus) -> &'static str {
    match status {
        GatewayStatus::Open => "open",
        GatewayStatus::Paid => "paid",
        GatewayStatus::Unpaid => "confirmed, not paid yet",
        GatewayStatus::Failed => "confirmed, and not paid by the bank",
        GatewayStatus::Expired => "expired",
    }
}

pub(super) fn agree(theirs: GatewayStatus, ours: SessionState) -> bool {
    match theirs {
        GatewayStatus::Open => ours == SessionState::Open,
        GatewayStatus::Paid => ours == SessionState::Complete,
        GatewayStatus::Unpaid => ours == SessionState::Submitted,
        GatewayStatus::Failed | GatewayStatus::Expired => ours == SessionState::Expired,
    }
}

fn amount(money: Option<Money>) -> String {
    money.map_or_else(|| "an unknown amount".into(), |money| format!("{money} {}", money.currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_stripes_words_agrees_with_one_state() {
        for (theirs, said, expected) in [
            (GatewayStatus::Open, "open", SessionState::Open),
            (GatewayStatus::Paid, "paid", SessionState::Complete),
            (GatewayStatus::Unpaid, "confirmed, not paid yet", SessionState::Submitted),
            (GatewayStatus::Failed, "confirmed, and not paid by the bank", SessionState::Expired),
            (GatewayStatus::Expired, "expired", SessionState::Expired),
        ] {
            assert_eq!(word(theirs), said);
            let agreeing = SessionState::ALL.into_iter().filter(|ours| agree(theirs, *ours));
            assert_eq!(agreeing.collect::<Vec<_>>(), [expected], "{said}");
        }
    }
}
