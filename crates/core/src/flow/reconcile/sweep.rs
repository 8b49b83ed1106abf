//! Stripe's own lists: money, refunds and disputes of which no webhook told.

use super::{ORIGIN, Part, Reconcile, Report};
use crate::domain::Timestamp;
use crate::flow::settle::SettleError;
use crate::ports::{GatewayCharge, GatewayRefund, StoreError};
use std::sync::PoisonError;
use std::time::Duration;

/// How far back the first sweep of a process looks for charges: a session lasts a day at most.
const FIRST_LOOK_BACK: Duration = Duration::from_secs(25 * 3600);
/// And for refunds and disputes, which come when they want: longer than events are tried that could not be
/// handled.
const LONG_LOOK_BACK: Duration = Duration::from_secs(8 * 24 * 3600);
/// How much each later sweep overlaps with the one before it: Stripe's clock and ours may differ.
const OVERLAP: Duration = Duration::from_secs(600);

/// Up to when Stripe's lists were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark(Timestamp);

impl Reconcile {
    /// Reads what is new in Stripe's lists. An object that makes no sense does not hold up the others; a
    /// question that Stripe or the database did not answer is asked again in the next pass.
    pub(super) async fn sweep(&self, report: &mut Report) -> Result<(), StoreError> {
        let now = self.now();
        let mark = *self.watermark.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not leave anything out.
        let mark = mark.filter(|Watermark(at)| *at <= now);
        let since = |look_back| mark.map_or_else(|| now.minus(look_back), |Watermark(at)| at.minus(OVERLAP));
        let mut part = Part::of("Stripe's lists", report);
        self.sweep_charges(since(FIRST_LOOK_BACK), &mut part).await?;
        self.sweep_refunds(since(LONG_LOOK_BACK), &mut part).await?;
        self.sweep_disputes(since(LONG_LOOK_BACK), &mut part).await?;
        if part.silent == 0 {
            *self.watermark.lock().unwrap_or_else(PoisonError::into_inner) = Some(Watermark(now));
        }
        Ok(())
    }

    async fn sweep_charges(&self, since: Timestamp, part: &mut Part<'_>) -> Result<(), StoreError> {
        let gateway = &self.cancel.checkout.settle.gateway;
        let mut after: Option<String> = None;
        while !part.is_hopeless() {
            self.keep().await?;
            let page = gateway.charges_since(since, after.as_deref()).await;
            let Some(page) = part.take(page.map_err(SettleError::from)) else { return Ok(()) };
            for charge in &page.items {
                self.keep().await?;
                let found = part.take(self.take_in_charge(charge).await);
                part.report.found += u64::from(found == Some(true));
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether it is money of this installation that was not known.
    async fn take_in_charge(&self, charge: &GatewayCharge) -> Result<bool, SettleError> {
        let ours = charge.installation == Some(self.cancel.checkout.settle.installation);
        let Some(intent) = charge.payment_intent.as_deref().filter(|_| ours && charge.captured) else {
            return Ok(false);
        };
        if self.store().payment_of_intent(intent).await?.is_some() {
            return Ok(false);
        }
        Ok(self.refunds.owner(intent, &ORIGIN).await?.is_some())
    }

    async fn sweep_refunds(&self, since: Timestamp, part: &mut Part<'_>) -> Result<(), StoreError> {
        let gateway = &self.cancel.checkout.settle.gateway;
        let mut after: Option<String> = None;
        while !part.is_hopeless() {
            self.keep().await?;
            let page = gateway.refunds_since(since, after.as_deref()).await;
            let Some(page) = part.take(page.map_err(SettleError::from)) else { return Ok(()) };
            for refund in &page.items {
                self.keep().await?;
                let found = part.take(self.take_in_refund(refund).await);
                part.report.found += u64::from(found == Some(true));
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether it is a refund of money of ours that was not known, or stands otherwise than it was known.
    async fn take_in_refund(&self, refund: &GatewayRefund) -> Result<bool, SettleError> {
        let Some(intent) = &refund.payment_intent else { return Ok(false) };
        let Some(payment) = self.store().payment_of_intent(intent).await? else { return Ok(false) };
        let Some(file) = self.store().file(payment).await? else { return Ok(false) };
        let known = file
            .refunds_of(intent)
            .any(|known| known.gateway_id.as_ref() == Some(&refund.id) && known.state == refund.state);
        if known {
            return Ok(false);
        }
        self.refunds.take_in_all(intent, &ORIGIN).await
    }

    async fn sweep_disputes(&self, since: Timestamp, part: &mut Part<'_>) -> Result<(), StoreError> {
        let gateway = &self.cancel.checkout.settle.gateway;
        let mut after: Option<String> = None;
        while !part.is_hopeless() {
            self.keep().await?;
            let page = gateway.disputes_since(since, after.as_deref()).await;
            let Some(page) = part.take(page.map_err(SettleError::from)) else { return Ok(()) };
            for dispute in &page.items {
                self.keep().await?;
                part.take(self.refunds.record_dispute(dispute, &ORIGIN).await);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}
