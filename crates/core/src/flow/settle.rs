//! The one function that brings a payment to its outcome, whoever learned the news.
//!
//! News is only a hint: Stripe is asked for the object, outside any transaction, and what it says is
//! written in one. Asked again, or with older news, nothing happens.

use super::decide::{Outcome, decide};
use super::{Stopwatch, publish};
use crate::decision::settle::{News, Settlement, Settling, settle};
use crate::decision::{self, Decision};
use crate::domain::{CheckoutSession, Entry, Origin, PaymentFile, PaymentId, Receipt, RecordedEvent, Status};
use crate::ports::{
    Case, CaseKind, Clock, Gateway, GatewayError, GatewaySession, GatewayStatus, Point, Probe, Random,
    StatusBoard, Store, StoreError,
};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Stripe's object cannot be what it claims to be, or does not fit what is known.
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

/// Settling, with the ports that all flows after the press of BAYAR work through.
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
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Who watches.
    pub probe: Arc<dyn Probe>,
    /// This installation.
    pub installation: Uuid,
}

impl Settle {
    /// Asks how a payment's session stands, and settles accordingly. `None`: no such payment.
    pub async fn settle_payment(
        &self,
        id: PaymentId,
        origin: &Origin,
    ) -> Result<Option<Receipt>, SettleError> {
        // The session first: if somebody else has just settled it, the payment, read after it, shows that.
        let session = self.store.latest_session(id).await?;
        let Some(receipt) = self.store.payment(id).await? else { return Ok(None) };
        let gateway_id =
            session.filter(|session| session.state.is_live()).and_then(|session| session.gateway_id);
        let Some(gateway_id) = gateway_id else { return Ok(Some(receipt)) };
        match self.settle_session(&gateway_id, origin).await? {
            Settled::Stands(receipt) => Ok(Some(receipt)),
            Settled::NotOurs => Ok(Some(receipt)),
        }
    }

    /// Asks how a session stands, by Stripe's name for it, and settles its payment accordingly.
    pub async fn settle_session(&self, gateway_id: &str, origin: &Origin) -> Result<Settled, SettleError> {
        let mut watch = Stopwatch::start(&*self.clock, &*self.probe);
        let session = match self.gateway.session(gateway_id).await {
            Ok(session) => session,
            Err(GatewayError::NotFound) => return self.not_at_stripe(gateway_id).await,
            Err(error) => {
                metrics::counter!("sekali_gateway_errors_total").increment(1);
                return Err(error.into());
            }
        };
        watch.passed(Point::SessionAsked);
        self.settle_with(&session, origin, &mut watch).await
    }

    /// Settles with what Stripe has just said of a session.
    pub(super) async fn settle_with(
        &self,
        session: &GatewaySession,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Settled, SettleError> {
        let Some(ours) = self.find(session).await? else { return Ok(Settled::NotOurs) };
        let Some(news) = news(&ours, session)? else {
            let receipt = self.store.payment(ours.payment).await?;
            return Ok(receipt.map_or(Settled::NotOurs, Settled::Stands));
        };
        let recorded = self.record(&ours, news, origin, watch).await?;
        Ok(recorded.map_or(Settled::NotOurs, Settled::Stands))
    }

    /// Another account's session is nothing to us. One of ours that Stripe does not have means that its key is
    /// of another account, or of the other mode: nothing is concluded from that.
    async fn not_at_stripe(&self, gateway_id: &str) -> Result<Settled, SettleError> {
        match self.store.session_by_gateway_id(gateway_id).await? {
            None => Ok(Settled::NotOurs),
            Some(_) => Err(SettleError::Senseless(format!(
                "Stripe does not have session {gateway_id}, which this database does: is the key of another account or mode?"
            ))),
        }
    }

    /// Writes an outcome and tells the other servers. `None`: there is no such session.
    ///
    /// A process that dies in here leaves a tombstone: the database is asked until that ends.
    pub(super) async fn record(
        &self,
        session: &CheckoutSession,
        news: News,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Option<Receipt>, StoreError> {
        let settlement = Settlement { session: session.id, at: self.clock.now(), news };
        let (asked, origin) = (settlement.clone(), origin.clone());
        let judge = move |file: &PaymentFile| settle(file, &asked, &origin);
        let outcome = self.decide_and_tell(session.payment, || watch.passed(Point::Settled), judge).await?;
        let Some(Outcome { file, verdict, .. }) = outcome else { return Ok(None) };
        match verdict {
            Settling::NoSession => return Ok(None),
            Settling::Stray(_) => log_stray(&file, &settlement),
            Settling::Changed | Settling::Unchanged => {}
        }
        Ok(Some(file.receipt()))
    }

    /// Decides about a payment whose status may change by it: its cached answers are set aside before the
    /// commit, and told the new status after it. `committed` is called in between.
    pub(super) async fn decide_and_tell<T: Send + 'static>(
        &self,
        payment: PaymentId,
        committed: impl FnOnce() + Send,
        judge: impl Fn(&PaymentFile) -> (Decision, T) + Send + Sync + 'static,
    ) -> Result<Option<Outcome<T>>, StoreError> {
        publish::changing(&*self.board, payment).await;
        let outcome = decide(&*self.store, payment, judge).await;
        committed();
        let outcome = outcome?;
        if let Some(outcome) = &outcome {
            log_outcome(outcome.before, &outcome.file);
            publish::publish(&*self.board, &outcome.file.payment).await;
        }
        Ok(outcome)
    }

    /// Puts an entry that changes nothing into a payment's record. Asked again after a commit that was unclear, it finds
    /// its own, unless another has followed on it by then: it stands there twice then, which says no more than once.
    /// The payment's file after it; `None`: there is no such payment.
    pub(super) async fn note(
        &self,
        payment: PaymentId,
        entry: Entry,
    ) -> Result<Option<PaymentFile>, StoreError> {
        let (at, written) = (self.clock.now(), Mutex::new(None));
        let judge = move |file: &PaymentFile| {
            let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
            // What follows on the end that was seen first is this very entry, or somebody else's.
            let mine = RecordedEvent::after(
                *written.get_or_insert(file.head),
                file.payment.id,
                file.payment.reference,
                at,
                &entry,
            );
            let is_there = file.head == mine.head();
            (decision::note(at, if is_there { &[] } else { std::slice::from_ref(&entry) }), ())
        };
        Ok(decide(&*self.store, payment, judge).await?.map(|outcome| outcome.file))
    }

    /// Our session for Stripe's: by the name that we put into its metadata, which is there before we
    /// have noted Stripe's id; only objects that name this installation are believed.
    async fn find(&self, session: &GatewaySession) -> Result<Option<CheckoutSession>, StoreError> {
        if session.installation != Some(self.installation) {
            return Ok(None);
        }
        let ours = match session.session {
            Some(name) => self.store.session(name).await?,
            None => None,
        };
        if ours.is_none() && session.status == GatewayStatus::Paid {
            self.show_unknown_money(session).await?;
        }
        Ok(ours)
    }

    /// Money that names this installation and a session that it does not have: the database was restored
    /// from a backup, or is the wrong one. It is shown and not touched (design, part 1, rule 7).
    async fn show_unknown_money(&self, session: &GatewaySession) -> Result<(), StoreError> {
        let object = session.payment_intent.clone().unwrap_or_else(|| session.id.clone());
        let amount = session.amount.map(|amount| format!("{amount} {}", amount.currency));
        let case = Case {
            kind: CaseKind::UnknownMoney,
            detail: format!(
                "{} came through Stripe's session {}, which this database does not know",
                amount.as_deref().unwrap_or("an amount in an unknown currency"),
                session.id
            ),
            object,
            payment: None,
            opened_at: self.clock.now().whole_second(),
            closed_at: None,
        };
        if self.store.open_case(&case).await? {
            metrics::counter!("sekali_unknown_money_total").increment(1);
            tracing::error!(
                checkout_session = session.id,
                payment_intent = case.object,
                "Payment: Money was captured for a session that this database does not know; an operator must look at it"
            );
        }
        Ok(())
    }
}

/// What there is to be written of what Stripe says. `None`: nothing.
fn news(ours: &CheckoutSession, session: &GatewaySession) -> Result<Option<News>, SettleError> {
    let gateway_id = session.id.clone();
    // A second one under our name, made by a repeat after Stripe had forgotten the key: its end is
    // not the end of ours, which can still be paid. Only money counts wherever it comes in.
    let is_another = ours.gateway_id.as_ref().is_some_and(|known| *known != gateway_id);
    Ok(match session.status {
        GatewayStatus::Open => None,
        GatewayStatus::Unpaid | GatewayStatus::Failed | GatewayStatus::Expired if is_another => None,
        GatewayStatus::Unpaid => Some(News::Submitted { gateway_id }),
        GatewayStatus::Failed => Some(News::BankFailed { gateway_id }),
        GatewayStatus::Expired => Some(News::Expired { gateway_id }),
        GatewayStatus::Paid => {
            let payment_intent =
                session.payment_intent.clone().ok_or_else(|| senseless(session, "no payment intent"))?;
            let amount = session.amount.ok_or_else(|| senseless(session, "an unknown amount"))?;
            Some(News::Paid { gateway_id, payment_intent, amount })
        }
    })
}

fn senseless(session: &GatewaySession, what: &str) -> SettleError {
    SettleError::Senseless(format!("session {} is paid but has {what}", session.id))
}

/// Only an end is an outcome: a payment whose money is on its way has none yet.
fn log_outcome(before: Status, file: &PaymentFile) {
    let payment = &file.payment;
    if payment.status == before || payment.status == Status::Processing {
        return;
    }
    metrics::counter!("sekali_payments_total", "outcome" => payment.status.as_str()).increment(1);
    tracing::info!(
        payment_id = payment.id.0,
        user_id = payment.user.0,
        status = payment.status.as_str(),
        checkout_session = file.sessions.last().map(|session| session.id.to_string()),
        "Payment: Outcome recorded"
    );
}

/// With Stripe's name for the money: the operator finds it there by that.
fn log_stray(file: &PaymentFile, settlement: &Settlement) {
    metrics::counter!("sekali_surplus_captures_total").increment(1);
    let intent = match &settlement.news {
        News::Paid { payment_intent, .. } => Some(payment_intent.as_str()),
        _ => None,
    };
    tracing::error!(
        payment_id = file.payment.id.0,
        checkout_session = %settlement.session,
        payment_intent = intent,
        "Payment: Money was captured that settles no payment; an operator must look at it"
    );
}
