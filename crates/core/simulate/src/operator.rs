//! The operator, the host application's own changes, and what happens in Stripe's dashboard.

use crate::executor::{Process, Who, lock};
use crate::patient::{Client, consultation_of, key, user};
use crate::server::Flows;
use crate::world::Sim;
use sekali_core::decision::refund::Wish;
use sekali_core::domain::{Actor, Currency, Fingerprint, Money, Origin, PaymentId, Status, UserId};
use sekali_core::flow::refund::Refunded;
use std::sync::Arc;
use std::time::Duration;

/// Operators have numbers of their own.
const OPERATOR: UserId = UserId(900);

struct Operator {
    sim: Arc<Sim>,
    number: u32,
}

impl Operator {
    /// One thing after the other, as long as there are faults.
    async fn work(mut self) {
        let rounds = 2 + self.sim.executor.below(8);
        for _ in 0..rounds {
            let micros = 1 + self.sim.executor.below(self.sim.setting.quiet_at / rounds);
            self.sim.executor.sleep(Duration::from_micros(micros)).await;
            if *lock(&self.sim.quiet) {
                return;
            }
            self.number += 10;
            match self.sim.executor.below(10) {
                0..=4 => self.refund().await,
                5 => self.cancel().await,
                6 | 7 => self.dashboard(),
                8 => self.dispute(),
                _ => self.reprice().await,
            }
        }
    }

    fn client(&self) -> Client {
        Client { sim: self.sim.clone(), patient: 900, first: self.number }
    }

    fn some_payment(&self, wanted: impl Fn(Status) -> bool) -> Option<(PaymentId, i64)> {
        let draw = usize::try_from(self.sim.executor.below(1 << 20)).unwrap_or(0);
        let db = lock(&self.sim.db);
        let payments: Vec<_> =
            db.rows.iter().map(|row| &row.file.payment).filter(|payment| wanted(payment.status)).collect();
        let payment = payments.get(draw.checked_rem(payments.len())?)?;
        Some((payment.id, payment.amount.minor))
    }

    /// Refunds, whole or in equal parts, and asks twice with the same key now and then.
    async fn refund(&mut self) {
        let Some((payment, whole)) = self.some_payment(|status| status == Status::Completed) else { return };
        let amount = (self.sim.executor.below(3) > 0).then(|| Money::new(whole / 4, Currency::PHP));
        let number =
            if self.sim.executor.below(3) == 0 { self.number.saturating_sub(10) } else { self.number };
        let Some(key) = key(&format!("refund-{number}")) else { return };
        let times = 1 + self.sim.executor.below(2);
        for more in 0..u32::try_from(times).unwrap_or(1) {
            let key = key.clone();
            let fingerprint = Fingerprint::of_refund(payment, amount, None);
            let refund = move |flows: Arc<Flows>| async move {
                let (id, at) = (flows.pay.random.uuid(), flows.pay.clock.now());
                let wish = Wish { id, by: OPERATOR, key, fingerprint, amount, reason: None, seen: None, at };
                let origin = Origin::request(Actor::Admin, OPERATOR, None);
                flows.refunds.refund(payment, &wish, &origin).await
            };
            let refunded = self.client().ask(more, refund).await;
            self.sim.note(|| {
                let told = match &refunded {
                    Some(Ok(Refunded::Made(_, refund) | Refunded::Known(_, refund))) => {
                        refund.state.as_str().into()
                    }
                    Some(Ok(other)) => format!("{other:?}").chars().take(20).collect(),
                    Some(Err(error)) => error.to_string(),
                    None => "no answer".to_owned(),
                };
                (format!("refunds {amount:?} of payment {payment} with refund-{number}"), told)
            });
        }
    }

    async fn cancel(&self) {
        let Some((payment, _)) = self.some_payment(Status::is_active) else { return };
        let origin = Origin::request(Actor::Admin, OPERATOR, None);
        self.sim.note(|| (format!("cancels payment {payment}"), String::new()));
        drop(
            self.client()
                .ask(0, move |flows| async move { flows.cancel.cancel(payment, &origin).await })
                .await,
        );
    }

    fn some_charge(&self) -> Option<(String, i64)> {
        let draw = usize::try_from(self.sim.executor.below(1 << 20)).unwrap_or(0);
        self.sim.books(|books, _| {
            let charge = books.charges.get(draw.checked_rem(books.charges.len())?)?;
            Some((charge.intent.clone(), charge.amount.minor))
        })
    }

    fn dashboard(&self) {
        if let Some((intent, whole)) = self.some_charge() {
            let minor = if self.sim.executor.below(2) == 0 { whole } else { whole / 4 };
            self.sim.refund_in_dashboard(&intent, minor);
        }
    }

    fn dispute(&self) {
        if let Some((intent, _)) = self.some_charge() {
            self.sim.dispute_opens(&intent);
        }
    }

    /// The host application puts another price.
    async fn reprice(&self) {
        let patient = 1 + self.sim.executor.below(self.sim.setting.patients);
        let fee =
            Money::new(500_000 + 100 * i64::try_from(self.sim.executor.below(3)).unwrap_or(0), Currency::PHP);
        let put = move |flows: Arc<Flows>| async move {
            let at = flows.pay.clock.now();
            flows.pay.store.put_consultation(consultation_of(patient), user(patient), fee, None, at).await
        };
        let put = self.client().ask(0, put).await;
        self.sim.note(|| (format!("puts {fee} for patient {patient}'s consultation"), format!("{put:?}")));
    }
}

/// The operator begins to work.
pub(crate) fn begin(sim: &Arc<Sim>) {
    let operator = Operator { sim: sim.clone(), number: 10 };
    sim.spawn(Process::World, Who::Operator, &[0x09e4], operator.work());
}
