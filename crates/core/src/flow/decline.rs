//! A card was declined, or a bank has not paid.

use super::decide::decide;
use super::settle::{Settle, SettleError};
use crate::decision::decline::declined;
use crate::domain::{Origin, PaymentFile, PaymentId, RecordedEvent, What};
use crate::ports::{GatewayIntent, StoreError};

/// Entries of a record that are read at once.
const PAGE: u32 = 500;

impl Settle {
    /// Stripe has told of a failed attempt. How the session stands decides what it was: as long as it is
    /// open, a declined card and nothing more.
    pub(super) async fn take_in_failure(
        &self,
        payment_intent: &str,
        origin: &Origin,
    ) -> Result<(), SettleError> {
        let intent = self.gateway.intent(payment_intent).await?;
        if intent.installation != Some(self.installation) {
            return Ok(());
        }
        let Some(session) = intent.session else { return Ok(()) };
        let Some(ours) = self.store.session(session).await? else { return Ok(()) };
        self.note_decline(ours.payment, session, &intent, origin).await?;
        match ours.gateway_id {
            Some(gateway_id) => self.settle_session(&gateway_id, origin).await.map(drop),
            None => Ok(()),
        }
    }

    /// Once for each event, however often that is worked on.
    async fn note_decline(
        &self,
        payment: PaymentId,
        session: uuid::Uuid,
        intent: &GatewayIntent,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let Some(code) = intent.failure.clone() else { return Ok(()) };
        if self.is_noted(payment, origin).await? {
            return Ok(());
        }
        let (id, at, by) = (intent.id.clone(), self.clock.now(), origin.clone());
        let judge = move |file: &PaymentFile| (declined(file, session, &id, &code, at, &by), ());
        decide(&*self.store, payment, judge).await.map(drop)
    }

    async fn is_noted(&self, payment: PaymentId, origin: &Origin) -> Result<bool, StoreError> {
        let mut after = 0;
        loop {
            let page = self.store.record(payment, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(false) };
            after = last.seq;
            let noted = page.iter().filter_map(RecordedEvent::entry).any(|entry| {
                matches!(entry.what, What::CardDeclined { .. }) && entry.origin.event == origin.event
            });
            if noted {
                return Ok(true);
            }
        }
    }
}
