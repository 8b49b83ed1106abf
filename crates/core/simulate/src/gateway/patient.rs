//! Stripe's page, as patients use it; and what banks do.

use super::{Charge, Dispute};
use crate::executor::{Process, Who};
use crate::world::Sim;
use sekali_core::domain::DisputeState;
use sekali_core::ports::GatewayStatus;
use std::time::Duration;

/// What a patient does at Stripe's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtStripe {
    Pays,
    Declined,
    BankPays,
    BankFails,
}

impl Sim {
    /// What comes of it: whether the page took it.
    pub(crate) fn at_stripe(&self, id: &str, act: AtStripe) -> bool {
        let taken = self.books(|books, _| {
            let Some(at) = books.find(id) else { return false };
            let session = &mut books.sessions[at];
            if session.status != GatewayStatus::Open {
                return false;
            }
            session.intent.get_or_insert_with(|| id.replace("cs_", "pi_"));
            match act {
                AtStripe::Declined => session.failure = Some("card_declined".into()),
                AtStripe::Pays => {
                    session.status = GatewayStatus::Paid;
                    session.failure = None;
                }
                AtStripe::BankPays | AtStripe::BankFails => session.status = GatewayStatus::Unpaid,
            }
            true
        });
        self.note(|| {
            (format!("at {id}: {act:?}"), if taken { "taken" } else { "the page is closed" }.into())
        });
        if taken {
            self.goes_on(id, act);
        }
        taken
    }

    fn goes_on(&self, id: &str, act: AtStripe) {
        match act {
            AtStripe::Declined => self.webhook("payment_intent.payment_failed", &id.replace("cs_", "pi_")),
            AtStripe::Pays => {
                self.charged(id);
                self.webhook("checkout.session.completed", id);
            }
            AtStripe::BankPays | AtStripe::BankFails => {
                self.webhook("checkout.session.completed", id);
                let (sim, id) = (self.arc(), id.to_owned());
                let after = Duration::from_micros(1 + self.executor.below(self.setting.pace * 3));
                let name = [0xba2c, self.executor.draw()];
                let bank = async move {
                    sim.executor.sleep(after).await;
                    sim.bank(&id, act == AtStripe::BankPays);
                };
                self.spawn(Process::World, Who::Gateway, &name, bank);
            }
        }
    }

    fn bank(&self, id: &str, pays: bool) {
        self.books(|books, _| {
            if let Some(at) = books.find(id) {
                books.sessions[at].status = if pays { GatewayStatus::Paid } else { GatewayStatus::Failed };
                books.sessions[at].failure = (!pays).then(|| "insufficient_funds".to_owned());
            }
        });
        self.note(|| (format!("the bank of {id}"), if pays { "pays" } else { "does not pay" }.into()));
        if pays {
            self.charged(id);
            self.webhook("checkout.session.async_payment_succeeded", id);
        } else {
            self.webhook("checkout.session.async_payment_failed", id);
        }
    }

    fn charged(&self, id: &str) {
        let intent = id.replace("cs_", "pi_");
        self.books(|books, now| {
            if let Some(session) = books.find(id) {
                let amount = books.sessions[session].amount;
                books.charges.push(Charge { intent: intent.clone(), amount, session, created: now });
            }
        });
        self.note(|| (format!("{intent} is CHARGED"), String::new()));
        self.watch_charge(&intent);
    }

    /// The payer's bank opens a dispute, and decides it later.
    pub(crate) fn dispute_opens(&self, intent: &str) {
        let opened = self.books(|books, now| {
            let charge = books.charges.iter().find(|charge| charge.intent == intent)?;
            let id = format!("dp_{}", books.disputes.len() + 1);
            let amount = charge.amount;
            let state = DisputeState::NeedsResponse;
            books.disputes.push(Dispute {
                id: id.clone(),
                intent: intent.to_owned(),
                amount,
                state,
                created: now,
            });
            Some(id)
        });
        let Some(id) = opened else { return };
        self.note(|| (format!("{id} is opened about {intent}"), String::new()));
        self.webhook("charge.dispute.created", &id);
        let (sim, draw) = (self.arc(), self.executor.draw());
        let decide = async move {
            sim.executor.sleep(Duration::from_micros(1 + draw % (2 * sim.setting.pace))).await;
            let state = if draw.is_multiple_of(2) { DisputeState::Won } else { DisputeState::Lost };
            sim.books(|books, _| {
                if let Some(dispute) = books.disputes.iter_mut().find(|dispute| dispute.id == id) {
                    dispute.state = state;
                }
            });
            sim.note(|| (format!("{id} is {}", state.as_str()), String::new()));
            sim.webhook("charge.dispute.closed", &id);
        };
        self.spawn(Process::World, Who::Gateway, &[0xd15, draw], decide);
    }
}
