//! From the database to Stripe: rows that Stripe's lists did not show are asked about one by one.

use super::Compare;
use super::theirs::{agree, word};
use crate::flow::reconcile::PAGE;
use crate::flow::settle::SettleError;
use crate::ports::{AwaitedRefund, AwaitedSession, GatewayError, StrayCapture};
use uuid::Uuid;

impl Compare<'_> {
    pub(super) async fn ours(&mut self) -> Result<(), SettleError> {
        self.our_sessions().await?;
        self.our_captures().await?;
        self.our_refunds().await
    }

    async fn our_sessions(&mut self) -> Result<(), SettleError> {
        let mut after = 0;
        loop {
            let page = self.settle.store.sessions_since(self.since, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.ordinal;
            for row in &page {
                self.found.in_database += 1;
                self.our_session(row).await?;
            }
            self.told("the database's checkout sessions");
        }
    }

    async fn our_session(&mut self, row: &AwaitedSession) -> Result<(), SettleError> {
        const KIND: &str = "checkout session";
        let Some(gateway_id) = &row.session.gateway_id else { return Ok(()) };
        if self.seen.sessions.contains(gateway_id) {
            return Ok(());
        }
        let ours = row.session.state.as_str().to_owned();
        match self.settle.gateway.session(gateway_id).await {
            Ok(theirs) if agree(theirs.status, row.session.state) => {}
            Ok(theirs) => self.differs(KIND, gateway_id, word(theirs.status).into(), ours),
            Err(GatewayError::NotFound) => self.differs(KIND, gateway_id, "is not there".into(), ours),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn our_captures(&mut self) -> Result<(), SettleError> {
        let mut after = String::new();
        loop {
            let page = self.settle.store.captures_since(self.since, &after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.capture.payment_intent);
            for row in &page {
                self.found.in_database += 1;
                self.our_capture(row).await?;
            }
            self.told("the database's captures");
        }
    }

    async fn our_capture(&mut self, row: &StrayCapture) -> Result<(), SettleError> {
        let intent = &row.capture.payment_intent;
        if self.seen.intents.contains(intent) {
            return Ok(());
        }
        match self.settle.gateway.intent(intent).await {
            Ok(_) => {}
            Err(GatewayError::NotFound) => {
                let ours = format!("{} {}", row.capture.amount, row.capture.amount.currency);
                self.differs("charge", intent, "is not there".into(), ours);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn our_refunds(&mut self) -> Result<(), SettleError> {
        let mut after = Uuid::nil();
        loop {
            let page = self.settle.store.refunds_since(self.since, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.refund.id;
            for row in &page {
                self.found.in_database += 1;
                self.our_refund(row).await?;
            }
            self.told("the database's refunds");
        }
    }

    async fn our_refund(&mut self, row: &AwaitedRefund) -> Result<(), SettleError> {
        const KIND: &str = "refund";
        let ours = row.refund.state.as_str().to_owned();
        let Some(gateway_id) = &row.refund.gateway_id else {
            if row.refund.state.counts() {
                let id = row.refund.id.to_string();
                self.differs(KIND, &id, "has not answered for it".into(), ours);
            }
            return Ok(());
        };
        if self.seen.refunds.contains(gateway_id) {
            return Ok(());
        }
        match self.settle.gateway.refund(gateway_id).await {
            Ok(theirs) if theirs.state == row.refund.state => {}
            Ok(theirs) => self.differs(KIND, gateway_id, theirs.state.as_str().into(), ours),
            Err(GatewayError::NotFound) => self.differs(KIND, gateway_id, "is not there".into(), ours),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
