//! What Stripe does with a call, under its own rules.

use super::port::first_state;
use super::{Saved, Session, field, refused};
use crate::executor::{Process, Who, lock};
use crate::world::Sim;
use sekali_core::domain::{Currency, Money, RefundState, Timestamp};
use sekali_core::ports::{GatewayError, GatewayRefund, GatewaySession, GatewayStatus};
use std::time::Duration;
use uuid::Uuid;

fn money(request: &str) -> Money {
    let minor = field(request, "minor").parse().unwrap_or(0);
    Money::new(minor, Currency::from_code(field(request, "currency")).unwrap_or(Currency::PHP))
}

impl Sim {
    /// Makes a session, or answers again what the key was answered.
    pub(super) fn make_session(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError> {
        let installation = lock(&self.db).installation;
        let made = self.books(|books, now| {
            match books.saved(key, request, now) {
                Some(Ok(Saved::Session(answer))) => return Ok((answer, None)),
                Some(Err(error)) => return Err(error),
                _ => {}
            }
            let id = format!("cs_{}", books.sessions.len() + 1);
            let seconds = field(request, "expires_at").parse().unwrap_or(0);
            let asked = Timestamp::from_seconds(seconds);
            // By Stripe's own clock: half an hour at least, a day at most.
            let (least, most) = (now.plus(Duration::from_secs(1800)), now.plus(Duration::from_secs(86_400)));
            if asked < least || asked > most {
                return Err(refused(400, "expires_at is not within a day"));
            }
            books.sessions.push(Session {
                id: id.clone(),
                name: field(request, "session").parse().unwrap_or_default(),
                reference: field(request, "reference").parse().unwrap_or_default(),
                amount: money(request),
                status: GatewayStatus::Open,
                created: now,
                expires_at: asked,
                intent: None,
                failure: None,
                is_shown: false,
            });
            let answer = books.picture(books.sessions.len() - 1, installation);
            books.save(key, request, Saved::Session(answer.clone()), now);
            books.first_pictures.insert(id.clone(), answer.clone());
            Ok((answer, Some(id)))
        });
        let (answer, new) = made?;
        if new.is_some() {
            self.watch_sessions(&answer.id);
        }
        Ok(answer)
    }

    /// Ends an open session.
    pub(super) fn end_session(&self, key: Uuid, id: &str) -> Result<GatewaySession, GatewayError> {
        let installation = lock(&self.db).installation;
        let ended = self.books(|books, now| {
            match books.saved(key, id, now) {
                Some(Ok(Saved::Session(answer))) => return Ok((answer, false)),
                Some(Err(error)) => return Err(error),
                _ => {}
            }
            let at = books.find(id).ok_or(GatewayError::NotFound)?;
            if books.sessions[at].status != GatewayStatus::Open {
                return Err(refused(400, "the session is not open"));
            }
            books.sessions[at].status = GatewayStatus::Expired;
            let answer = books.picture(at, installation);
            books.save(key, id, Saved::Session(answer.clone()), now);
            Ok((answer, true))
        });
        let (answer, new) = ended?;
        if new {
            self.webhook("checkout.session.expired", id);
        }
        Ok(answer)
    }

    /// Makes a refund, or answers again.
    pub(super) fn make_refund(&self, key: Uuid, request: &str) -> Result<GatewayRefund, GatewayError> {
        let draw = self.executor.draw();
        let calm = *lock(&self.quiet);
        let installation = lock(&self.db).installation;
        let made = self.books(|books, now| {
            match books.saved(key, request, now) {
                Some(Ok(Saved::Refund(answer))) => return Ok((answer, false)),
                Some(Err(error)) => return Err(error),
                _ => {}
            }
            let (intent, amount) = (field(request, "intent"), money(request));
            let taken =
                books.charges.iter().find(|charge| charge.intent == intent).map_or(0, |c| c.amount.minor);
            if books.refunded(intent) + amount.minor > taken {
                return Err(refused(400, "more than what is left of the charge"));
            }
            let name = field(request, "refund").parse().ok();
            let refund = GatewayRefund {
                id: format!("re_{}", books.refunds.len() + 1),
                state: if calm { RefundState::Succeeded } else { first_state(draw) },
                amount: Some(amount),
                payment_intent: Some(intent.to_owned()),
                failure: None,
                refund: name,
                installation: Some(installation),
                created: now,
            };
            books.refunds.push(refund.clone());
            books.save(key, request, Saved::Refund(refund.clone()), now);
            Ok((refund, true))
        });
        let (refund, new) = made?;
        if new {
            self.refund_goes_on(&refund);
        }
        Ok(refund)
    }

    /// Somebody refunds in Stripe's dashboard.
    pub(crate) fn refund_in_dashboard(&self, intent: &str, minor: i64) {
        let made = self.books(|books, now| {
            let charge = books.charges.iter().find(|charge| charge.intent == intent)?;
            let amount = Money::new(minor, charge.amount.currency);
            if minor <= 0 || books.refunded(intent) + minor > charge.amount.minor {
                return None;
            }
            let refund = GatewayRefund {
                id: format!("re_{}", books.refunds.len() + 1),
                state: RefundState::Pending,
                amount: Some(amount),
                payment_intent: Some(intent.to_owned()),
                failure: None,
                refund: None,
                installation: None,
                created: now,
            };
            books.refunds.push(refund.clone());
            Some(refund)
        });
        if let Some(refund) = made {
            self.note(|| (format!("refunds {minor} of {intent} in the dashboard"), refund.id.clone()));
            self.refund_goes_on(&refund);
        }
    }

    /// A refund arrives, fails, or comes back after it had arrived.
    fn refund_goes_on(&self, refund: &GatewayRefund) {
        self.refund_webhooks(refund);
        let draw = if *lock(&self.quiet) { 7 } else { self.executor.draw() };
        let steps: &[RefundState] = match (refund.state, draw % 8) {
            (RefundState::Succeeded, 0) | (RefundState::Pending, 0 | 1) => &[RefundState::Failed],
            (RefundState::Pending, 2) => &[RefundState::Canceled],
            (RefundState::Pending, 3) => &[RefundState::Succeeded, RefundState::Failed],
            (RefundState::Pending, _) => &[RefundState::Succeeded],
            _ => &[],
        };
        if steps.is_empty() {
            return;
        }
        let (sim, id) = (self.arc(), refund.id.clone());
        let pace = self.setting.pace;
        let name =
            [0x4ef, refund.id.bytes().map(u64::from).fold(draw, |sum, byte| sum.wrapping_mul(31) + byte)];
        let go_on = async move {
            for (number, step) in (0_u64..).zip(steps) {
                let after = 1 + (draw >> (8 * (number + 1))) % (2 * pace);
                sim.executor.sleep(Duration::from_micros(after)).await;
                sim.move_refund(&id, *step);
            }
        };
        self.spawn(Process::World, Who::Gateway, &name, go_on);
    }

    fn move_refund(&self, id: &str, state: RefundState) {
        let moved = self.books(|books, _| {
            let refund = books.refunds.iter_mut().find(|refund| refund.id == id)?;
            refund.state = state;
            refund.failure = (state == RefundState::Failed).then(|| "lost_or_stolen_card".to_owned());
            Some(refund.clone())
        });
        if let Some(refund) = moved {
            self.note(|| (format!("{id} is {}", state.as_str()), String::new()));
            self.refund_webhooks(&refund);
        }
    }

    fn refund_webhooks(&self, refund: &GatewayRefund) {
        self.webhook("refund.updated", &refund.id);
        if let Some(intent) = &refund.payment_intent {
            self.webhook("charge.refunded", &intent.replace("pi_", "ch_"));
        }
    }

    /// I2, I8: Stripe is called only for what is committed.
    pub(super) fn watch_refund_intent(&self, key: Uuid, request: &str) {
        let committed = lock(&self.db)
            .rows
            .iter()
            .any(|row| row.file.refund(key).is_some_and(|refund| refund.request == request));
        if !committed {
            self.broken("I8", format!("a refund {key} is sent that is not committed"));
        }
    }
}
