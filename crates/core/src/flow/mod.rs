//! What happens, each flow in a file of its own.
//!
//! [`pay`] is the press of BAYAR, [`checkout`] the way on to Stripe, [`inbox`] Stripe's webhooks and
//! [`settle`] the one function through which a payment reaches its outcome, whoever brought the news.
//! [`cancel`] gives a payment up, [`refund`] gives money back, [`reconcile`] asks Stripe about whatever
//! nobody has told of, and [`outbox`] tells the host application.

pub mod cancel;
pub mod checkout;
pub mod compare;
mod decide;
mod decline;
mod dispute;
pub mod inbox;
pub mod outbox;
pub mod pay;
mod publish;
pub mod reconcile;
pub mod refund;
pub mod settle;

use crate::ports::{Clock, Probe};
use std::time::Duration;

/// Tells the probe how long each step took.
pub(crate) struct Stopwatch<'a> {
    clock: &'a dyn Clock,
    probe: &'a dyn Probe,
    last: Duration,
}

impl<'a> Stopwatch<'a> {
    pub(crate) fn start(clock: &'a dyn Clock, probe: &'a dyn Probe) -> Self {
        Self::since(clock.monotonic(), clock, probe)
    }

    /// One that has run since then, by the monotonic clock.
    pub(crate) fn since(since: Duration, clock: &'a dyn Clock, probe: &'a dyn Probe) -> Self {
        Self { clock, probe, last: since }
    }

    pub(crate) fn passed(&mut self, point: crate::ports::Point) {
        let now = self.clock.monotonic();
        self.probe.passed(point, now.saturating_sub(self.last));
        self.last = now;
    }
}
