//! The reconciler: asks Stripe about whatever nobody has told of.
//!
//! What must hold: one server at a time, by a lease in the database; nothing expires before Stripe was
//! asked; every pass may die anywhere and be done again. What it finds goes through the same functions as
//! a webhook: it is slower news, not another way to decide.

mod asked;
mod awaited;
mod stray;
mod sweep;

pub use asked::Asked;
pub use sweep::Watermark;

use super::cancel::Cancel;
use super::refund::Refunds;
use super::settle::SettleError;
use crate::domain::{Actor, Origin, Timestamp};
use crate::ports::{GatewayError, StoreError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The lease's name.
const LEASE: &str = "reconciler";
/// How long it lasts without being renewed: whoever died has it so long.
const LEASE_LASTS: Duration = Duration::from_secs(30);
/// Renewed when this much of that is over.
const LEASE_RENEWED: Duration = Duration::from_secs(10);
/// Rows of one page.
pub(super) const PAGE: u32 = 200;
/// Questions to Stripe at a time.
const AT_ONCE: usize = 8;
/// After so many questions in a row without an answer, the rest of a part is left to the next pass: Stripe,
/// or the database, is out of reach.
const HOPELESS: u32 = 16;

/// Who says: the reconciler itself.
pub(super) const ORIGIN: Origin = Origin::of(Actor::Reconciler);

/// How it works.
#[derive(Clone, Debug)]
pub struct ReconcileRules {
    /// Between two passes of all servers together.
    pub interval: Duration,
    /// How long a payment may stay `pending` without anybody going on to pay it.
    pub pending_expires: Duration,
    /// Automatic refunds an hour, at most.
    pub automatic_refunds_an_hour: u64,
}

/// What a pass did, and met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Payments that nobody went on to pay, now expired.
    pub expired: u64,
    /// Sessions that were asked about.
    pub sessions: u64,
    /// Sessions whose payment moved on by that.
    pub settled: u64,
    /// Refunds that were asked about.
    pub refunds: u64,
    /// Money that was given back.
    pub given_back: u64,
    /// Money, refunds and disputes at Stripe that were not known before.
    pub found: u64,
    /// Questions without an answer; they are asked again in the next pass.
    pub unanswered: u64,
}

/// What came of trying a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Another server is at it.
    Elsewhere,
    /// It was made.
    Made(Report),
}

/// The reconciler, with the flows it sets going.
pub struct Reconcile {
    /// Gives payments up whose end is asked for; holds the way to Stripe and the ports.
    pub cancel: Cancel,
    /// Follows refunds, and gives money back.
    pub refunds: Refunds,
    /// How it works.
    pub rules: ReconcileRules,
    /// Who holds the lease.
    pub holder: Uuid,
    /// How far Stripe's lists were read.
    pub watermark: Mutex<Option<Watermark>>,
    /// After which session the next pass begins, where one has ended early: so that those at the head hold up
    /// none behind them for ever.
    pub begin_after: Mutex<i64>,
    /// When the lease was taken, or made to last longer; `None`: it is done without.
    pub renewed: Mutex<Option<Timestamp>>,
}

impl Reconcile {
    /// Makes one pass, if no other server is at it or has made one within the interval. `progress` is told
    /// after each part.
    pub async fn pass(&self, progress: &(dyn Fn(&str, &Report) + Sync)) -> Result<Pass, StoreError> {
        let begun = self.now();
        if !self.store().acquire_lease(LEASE, self.holder, begun, LEASE_LASTS).await? {
            return Ok(Pass::Elsewhere);
        }
        self.set_renewed(Some(begun));
        let mut report = Report::default();
        self.parts(&mut report, progress).await?;
        // The lease goes on until the next pass is due: servers take turns, and make one pass an interval.
        self.store().acquire_lease(LEASE, self.holder, begun, self.rules.interval).await?;
        Ok(Pass::Made(report))
    }

    /// Makes one pass now, whoever else is at it. What is decided is decided under each payment's lock, so
    /// two passes at once only ask twice.
    pub async fn pass_now(&self, progress: &(dyn Fn(&str, &Report) + Sync)) -> Result<Report, StoreError> {
        let mut report = Report::default();
        self.parts(&mut report, progress).await?;
        Ok(report)
    }

    /// Lets another server go on at once: this one stops.
    pub async fn release(&self) -> Result<(), StoreError> {
        self.store().release_lease(LEASE, self.holder).await
    }

    async fn parts(
        &self,
        report: &mut Report,
        progress: &(dyn Fn(&str, &Report) + Sync),
    ) -> Result<(), StoreError> {
        let late = self.store().bring_forward(self.now()).await?;
        if late > 0 {
            tracing::warn!(late, "Reconciler: What a clock that was ahead had put off is due now");
        }
        self.expire_overdue(report).await?;
        progress("payments that nobody went on to pay", report);
        self.ask_sessions(report).await?;
        progress("checkout sessions", report);
        self.ask_refunds(report).await?;
        progress("refunds", report);
        self.sweep(report).await?;
        progress("Stripe's lists", report);
        self.give_stray_money_back(report).await?;
        progress("money that settles nothing", report);
        Ok(())
    }

    /// Before each question: the lease is made to last longer when part of it is over. An error ends the pass;
    /// it was lost, or the database cannot be asked.
    async fn keep(&self) -> Result<(), StoreError> {
        let (now, renewed) = (self.now(), *self.renewed.lock().unwrap_or_else(PoisonError::into_inner));
        let Some(renewed) = renewed.filter(|renewed| now >= renewed.plus(LEASE_RENEWED) || now < *renewed)
        else {
            return Ok(());
        };
        if !self.store().acquire_lease(LEASE, self.holder, now, LEASE_LASTS).await? {
            let since = renewed.rfc3339();
            return Err(StoreError::Conflict(format!(
                "another server has taken the reconciler's lease of {since}"
            )));
        }
        self.set_renewed(Some(now));
        Ok(())
    }

    fn set_renewed(&self, at: Option<Timestamp>) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn now(&self) -> Timestamp {
        self.cancel.checkout.settle.clock.now()
    }

    fn store(&self) -> &dyn crate::ports::Store {
        &*self.cancel.checkout.settle.store
    }
}

/// One part of a pass: what has no answer is counted and asked again in the next pass, so that one payment
/// that cannot be dealt with holds up no other.
struct Part<'r> {
    name: &'static str,
    report: &'r mut Report,
    /// Questions without an answer, one after the other.
    streak: u32,
    /// Questions that Stripe or the database did not answer, in all.
    silent: u64,
    last: Option<SettleError>,
}

impl<'r> Part<'r> {
    fn of(name: &'static str, report: &'r mut Report) -> Self {
        Self { name, report, streak: 0, silent: 0, last: None }
    }

    /// The answer, if there is one.
    fn take<T>(&mut self, asked: Result<T, SettleError>) -> Option<T> {
        match asked {
            Ok(answer) => {
                self.streak = 0;
                Some(answer)
            }
            Err(error) => {
                tracing::debug!(part = self.name, %error, "Reconciler: A question has no answer yet");
                self.report.unanswered += 1;
                if !is_about_one_object(&error) {
                    self.streak += 1;
                    self.silent += 1;
                }
                self.last = Some(error);
                None
            }
        }
    }

    /// Nobody answers: the rest is left to the next pass.
    fn is_hopeless(&self) -> bool {
        self.streak >= HOPELESS
    }
}

/// Whether asking about another object may well be answered.
fn is_about_one_object(error: &SettleError) -> bool {
    matches!(
        error,
        SettleError::Senseless(_)
            | SettleError::Gateway(GatewayError::NotFound)
            | SettleError::Store(StoreError::Broken(_))
    )
}

/// One line for all of a part's questions.
impl Drop for Part<'_> {
    fn drop(&mut self) {
        if let Some(error) = &self.last {
            tracing::warn!(part = self.name, silent = self.silent, %error, "Reconciler: Questions have no answer yet");
        }
    }
}
