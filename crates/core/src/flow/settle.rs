//! The one function that brings a payment to its outcome, whoever learned the news.
//!
//! News is only a hint: Stripe is asked for the object, outside any transaction, and what it says is
//! written in one. Asked again, or with older news, nothing happens.

use super::{Stopwatch, publish};
use crate::domain::{CheckoutSession, PaymentId, Receipt, Status};
use crate::ports::{
    Clock, Gateway, GatewayError, GatewaySession, GatewayStatus, Point, Probe, SettleOutcome, Settlement,
    StatusBoard, Store, StoreError,
};
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

/// Why the outcome is not known yet. All of it is worth asking again.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettleError {
    /// Stripe gave no answer.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The database gave none.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stripe's object cannot be what it claims to be.
    #[error("the gateway's object makes no sense: {0}")]
    Senseless(String),
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The payment as it stands now, whether that is new or not.
    Stands(Receipt),
    /// The session is none of this installation's.
    NotOurs,
}

/// Settling, with the ports it works through.
#[derive(Clone)]
pub struct Settle {
    /// Where the outcome is written.
    pub store: Arc<dyn Store>,
    /// Who is asked.
    pub gateway: Arc<dyn Gateway>,
    /// Who is told.
    pub board: Arc<dyn StatusBoard>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who watches.
    pub probe: Arc<dyn Probe>,
    /// This installation.
    pub installation: Uuid,
}

impl Settle {
    /// Asks how a payment's session stands, and settles accordingly. `None`: no such payment.
    pub async fn settle_payment(&self, id: PaymentId) -> Result<Option<Receipt>, SettleError> {
        let Some(receipt) = self.store.payment(id).await? else { return Ok(None) };
        let session = self.store.latest_session(id).await?;
        let gateway_id =
            session.filter(|session| session.state.is_live()).and_then(|session| session.gateway_id);
        let Some(gateway_id) = gateway_id else { return Ok(Some(receipt)) };
        match self.settle_session(&gateway_id).await? {
            Settled::Stands(receipt) => Ok(Some(receipt)),
            Settled::NotOurs => Ok(Some(receipt)),
        }
    }

    /// Asks how a session stands, by Stripe's name for it, and settles its payment accordingly.
    pub async fn settle_session(&self, gateway_id: &str) -> Result<Settled, SettleError> {
        let mut watch = Stopwatch::start(&*self.clock, &*self.probe);
        let session = match self.gateway.session(gateway_id).await {
            Ok(session) => session,
            Err(GatewayError::NotFound) => return Ok(Settled::NotOurs),
            Err(error) => {
                metrics::counter!("sekali_gateway_errors_total").increment(1);
                return Err(error.into());
            }
        };
        watch.passed(Point::SessionAsked);
        self.settle_with(&session, &mut watch).await
    }

    /// Settles with what Stripe has just said of a session.
    pub(super) async fn settle_with(
        &self,
        session: &GatewaySession,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Settled, SettleError> {
        let Some(ours) = self.find(session).await? else { return Ok(Settled::NotOurs) };
        let payment = ours.payment;
        let Some(settlement) = self.settlement(&ours, session)? else {
            return self.as_it_stands(payment).await;
        };

        let recorded = self.record(payment, &settlement, watch).await?;
        Ok(recorded.map_or(Settled::NotOurs, Settled::Stands))
    }

    /// Writes an outcome and tells the other servers. `None`: there is no such session.
    ///
    /// A process that dies in here leaves a tombstone: the database is asked until that ends.
    pub(super) async fn record(
        &self,
        payment: PaymentId,
        settlement: &Settlement,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Option<Receipt>, StoreError> {
        publish::changing(&*self.board, payment).await;
        let outcome = self.write(settlement).await;
        watch.passed(Point::Settled);
        let receipt = match outcome? {
            SettleOutcome::NoSession => return Ok(None),
            SettleOutcome::Changed(receipt) => {
                log_outcome(&receipt, settlement);
                receipt
            }
            SettleOutcome::Unchanged(receipt) => receipt,
            SettleOutcome::Surplus(receipt) => {
                log_surplus(&receipt, settlement);
                receipt
            }
        };
        publish::publish(&*self.board, &receipt).await;
        Ok(Some(receipt))
    }

    /// Repeats a write whose outcome is unclear: it does nothing the second time.
    async fn write(&self, settlement: &Settlement) -> Result<SettleOutcome, StoreError> {
        for _ in 0..2 {
            match self.store.settle(settlement).await {
                Err(StoreError::Conflict(_) | StoreError::Unclear(_)) => {}
                outcome => return outcome,
            }
        }
        self.store.settle(settlement).await
    }

    /// Our session for Stripe's: by the name that we put into its metadata, which is there before we
    /// have noted Stripe's id; only objects that name this installation are believed.
    async fn find(&self, session: &GatewaySession) -> Result<Option<CheckoutSession>, StoreError> {
        if session.installation != Some(self.installation) {
            return Ok(None);
        }
        let Some(name) = session.session else { return Ok(None) };
        self.store.session(name).await
    }

    /// What is to be written. `None`: nothing.
    fn settlement(
        &self,
        ours: &CheckoutSession,
        session: &GatewaySession,
    ) -> Result<Option<Settlement>, SettleError> {
        let (name, gateway_id, at) = (ours.id, session.id.clone(), self.clock.now().whole_second());
        // A second one under our name, made by a repeat after Stripe had forgotten the key: its end is
        // not the end of ours, which can still be paid. Only money counts wherever it comes in.
        let is_another = ours.gateway_id.as_ref().is_some_and(|known| *known != gateway_id);
        Ok(match session.status {
            GatewayStatus::Open => None,
            GatewayStatus::Unpaid | GatewayStatus::Expired if is_another => None,
            GatewayStatus::Unpaid => Some(Settlement::Submitted { session: name, gateway_id, at }),
            GatewayStatus::Expired => Some(Settlement::Expired { session: name, gateway_id, at }),
            GatewayStatus::Paid => {
                let intent =
                    session.payment_intent.clone().ok_or_else(|| senseless(session, "no payment intent"))?;
                let amount = session.amount.ok_or_else(|| senseless(session, "an unknown amount"))?;
                Some(Settlement::Paid { session: name, gateway_id, payment_intent: intent, amount, at })
            }
        })
    }

    async fn as_it_stands(&self, payment: PaymentId) -> Result<Settled, SettleError> {
        let receipt = self.store.payment(payment).await?;
        Ok(receipt.map_or(Settled::NotOurs, Settled::Stands))
    }
}

fn senseless(session: &GatewaySession, what: &str) -> SettleError {
    SettleError::Senseless(format!("session {} is paid but has {what}", session.id))
}

/// Only an end is an outcome: a payment whose money is on its way has none yet.
fn log_outcome(receipt: &Receipt, settlement: &Settlement) {
    let payment = &receipt.payment;
    if payment.status == Status::Processing {
        return;
    }
    metrics::counter!("sekali_payments_total", "outcome" => payment.status.as_str()).increment(1);
    tracing::info!(
        payment_id = payment.id.0,
        user_id = payment.user.0,
        status = payment.status.as_str(),
        checkout_session = %settlement.session(),
        "Payment: Outcome recorded"
    );
}

/// With Stripe's name for the money: the operator finds it there by that.
fn log_surplus(receipt: &Receipt, settlement: &Settlement) {
    metrics::counter!("sekali_surplus_captures_total").increment(1);
    let intent = match settlement {
        Settlement::Paid { payment_intent, .. } => Some(payment_intent.as_str()),
        _ => None,
    };
    tracing::error!(
        payment_id = receipt.payment.id.0,
        checkout_session = %settlement.session(),
        payment_intent = intent,
        "Payment: Money was captured that settles no payment; an operator must look at it"
    );
}
