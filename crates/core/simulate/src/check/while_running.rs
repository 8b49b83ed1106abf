//! What must hold at the very moment: a later refund would hide it.

use super::rows::answer_is_wrong;
use crate::executor::lock;
use crate::world::Sim;

impl Sim {
    /// After each answer to a client.
    pub(crate) fn watch_answer(&self, at: usize) {
        let wrong = answer_is_wrong(&lock(&self.db), &lock(&self.presses), at);
        if let Some((invariant, how)) = wrong {
            self.broken(invariant, how);
        }
    }

    /// After each session that Stripe makes: a payment has one, ever.
    pub(crate) fn watch_sessions(&self, id: &str) {
        if !self.is_strict() {
            return;
        }
        let others = self.books(|books, _| {
            let reference = books.find(id).map(|at| books.sessions[at].reference);
            books.sessions.iter().filter(|session| Some(session.reference) == reference).count()
        });
        if others > 1 {
            self.broken("I1", format!("Stripe has {others} sessions of one payment, {id} the last"));
        }
    }

    /// After each charge: the patient has not paid for this before.
    pub(crate) fn watch_charge(&self, intent: &str) {
        let db = lock(&self.db);
        let consultation_of = |reference| {
            let row = db.rows.iter().find(|row| row.file.payment.reference == reference);
            row.map(|row| row.file.payment.consultation)
        };
        let stripe = lock(&self.stripe);
        let reference = |session: usize| stripe.sessions[session].reference;
        let Some(charge) = stripe.charges.iter().find(|charge| charge.intent == intent) else { return };
        let consultation = consultation_of(reference(charge.session));
        // One of which something went back need not be paid any more.
        let untouched = |intent: &str| {
            !stripe.refunds.iter().any(|refund| refund.payment_intent.as_deref() == Some(intent))
        };
        let before = stripe.charges.iter().find(|other| {
            other.intent != intent
                && consultation.is_some()
                && consultation_of(reference(other.session)) == consultation
                && untouched(&other.intent)
        });
        let how = match (consultation, before) {
            (None, _) => {
                Some(("I8", format!("{intent} was charged for a payment that nobody has committed")))
            }
            (Some(consultation), Some(other)) => {
                let other = &other.intent;
                Some(("I2", format!("consultation {consultation} was charged TWICE: {other} and {intent}")))
            }
            _ => None,
        };
        drop((db, stripe));
        if let Some((invariant, how)) = how.filter(|_| self.is_strict()) {
            self.broken(invariant, how);
        }
    }

    /// An event that is done has had its effect.
    pub(crate) fn watch_finished(&self) {
        let undone = {
            let (db, mut stripe) = (lock(&self.db), lock(&self.stripe));
            let mut undone = None;
            stripe.due.retain(|event, due| {
                let done = db.events.get(event).is_some_and(|event| event.finished_at.is_some());
                if done && !due.is_met(&db) {
                    undone = Some(format!("{event} is done with, and {due:?} is not known here"));
                }
                !done
            });
            undone
        };
        if let Some(how) = undone {
            self.broken("I8", how);
        }
    }
}
