//! Money that settles nothing is given back, within limits (design, part 1, rule 7).

use super::{ORIGIN, PAGE, Part, Reconcile, Report};
use crate::decision::refund::may_be_given_back;
use crate::flow::settle::SettleError;
use crate::ports::{Case, CaseKind, StoreError, StrayCapture};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

impl Reconcile {
    /// Each such capture is refunded once. It came through a session of this installation, and its
    /// payment's row stands: else it would not be in the table.
    pub(super) async fn give_stray_money_back(&self, report: &mut Report) -> Result<(), StoreError> {
        let cap = self.rules.automatic_refunds_an_hour;
        let mut part = Part::of("money that settles nothing", report);
        let mut after = String::new();
        loop {
            // Nothing is given back by itself: it is shown by its cases alone.
            let page = if cap == 0 { Vec::new() } else { self.store().stray_captures(&after, PAGE).await? };
            let Some(last) = page.last() else { return Ok(()) };
            after.clone_from(&last.capture.payment_intent);
            for stray in &page {
                self.keep().await?;
                let Some(made) = part.take(self.give_one_back(stray).await) else { continue };
                if made == Given::Capped {
                    return Ok(());
                }
                part.report.given_back += u64::from(made == Given::Back);
            }
        }
    }

    async fn give_one_back(&self, stray: &StrayCapture) -> Result<Given, SettleError> {
        let (intent, at) = (&stray.capture.payment_intent, self.now());
        let file = self.store().file(stray.payment).await?;
        if !file.is_some_and(|file| may_be_given_back(&file, intent, at)) {
            return Ok(Given::NothingToDo);
        }
        if self.is_capped().await? {
            return Ok(Given::Capped);
        }
        let made = self.refunds.give_back(stray.payment, intent, &ORIGIN).await?;
        Ok(if made { Given::Back } else { Given::NothingToDo })
    }

    /// Something is very wrong when so much money comes in where it should not: an operator has to look
    /// before more of it is sent anywhere.
    async fn is_capped(&self) -> Result<bool, StoreError> {
        let (now, cap) = (self.now(), self.rules.automatic_refunds_an_hour);
        if self.store().automatic_refunds_since(now.minus(HOUR)).await? < cap {
            return Ok(false);
        }
        metrics::counter!("sekali_automatic_refunds_capped_total").increment(1);
        let case = Case {
            kind: CaseKind::RefundCap,
            object: now.rfc3339()[..13].to_owned(),
            payment: None,
            detail: format!("{cap} automatic refunds were made within an hour: the rest waits"),
            opened_at: now.whole_second(),
            closed_at: None,
        };
        if self.store().open_case(&case).await? {
            tracing::error!(
                cap,
                "Reconciler: The cap on automatic refunds is reached; an operator must look at it"
            );
        }
        Ok(true)
    }
}

/// What became of one amount.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Back,
    NothingToDo,
    Capped,
}
