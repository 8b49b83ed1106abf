//! A Stripe: sessions, intents, charges, refunds, disputes, idempotency keys that are kept for a day, and webhooks.

mod money;
mod patient;
mod port;
mod webhooks;

pub(crate) use patient::AtStripe;

use crate::executor::lock;
use crate::world::Sim;
use sekali_core::domain::{DisputeState, Money, RefundState, Timestamp};
use sekali_core::ports::{GatewayError, GatewayRefund, GatewaySession, GatewayStatus};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// Stripe forgets keys after this long.
const KEYS_LAST: Duration = Duration::from_secs(24 * 3600);

/// A Checkout Session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) name: Uuid,
    pub(crate) reference: Uuid,
    pub(crate) amount: Money,
    pub(crate) status: GatewayStatus,
    pub(crate) created: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) intent: Option<String>,
    pub(crate) failure: Option<String>,
    /// Somebody was sent to it.
    pub(crate) is_shown: bool,
}

/// Money that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) intent: String,
    pub(crate) amount: Money,
    pub(crate) session: usize,
    pub(crate) created: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) intent: String,
    pub(crate) amount: Money,
    pub(crate) state: DisputeState,
    pub(crate) created: Timestamp,
}

/// What is answered again under a key.
#[derive(Clone)]
enum Saved {
    Session(GatewaySession),
    Refund(GatewayRefund),
    Failure,
    /// The call is still at work.
    UnderWay,
}

struct Key {
    bytes: String,
    answer: Saved,
    at: Timestamp,
}

/// Stripe's own books.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) sessions: Vec<Session>,
    pub(crate) charges: Vec<Charge>,
    pub(crate) refunds: Vec<GatewayRefund>,
    pub(crate) disputes: Vec<Dispute>,
    keys: HashMap<Uuid, Key>,
    pub(crate) events: u64,
    /// By event.
    pub(crate) due: std::collections::BTreeMap<String, Due>,
    /// What a client without look-ups would remember.
    first_pictures: HashMap<String, GatewaySession>,
    /// Sessions that somebody believes to have ended.
    believed_ended: Vec<String>,
}

impl Books {
    /// Sessions run out by Stripe's own clock; which did just now.
    fn run_out(&mut self, now: Timestamp) -> Vec<String> {
        let mut ended = Vec::new();
        for session in self.sessions.iter_mut().filter(|session| session.status == GatewayStatus::Open) {
            if now >= session.expires_at {
                session.status = GatewayStatus::Expired;
                ended.push(session.id.clone());
            }
        }
        ended
    }

    /// Somebody is sent to a session's page.
    pub(crate) fn show(&mut self, url: &str) {
        let shown = |session: &&mut Session| url.ends_with(&format!("/{}", session.id));
        if let Some(session) = self.sessions.iter_mut().find(shown) {
            session.is_shown = true;
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.sessions.iter().position(|session| session.id == id)
    }

    fn picture(&self, at: usize, installation: Uuid) -> GatewaySession {
        let session = &self.sessions[at];
        let open = session.status == GatewayStatus::Open;
        GatewaySession {
            id: session.id.clone(),
            status: session.status,
            url: open.then(|| format!("https://pay.example/{}", session.id)),
            amount: Some(session.amount),
            payment_intent: session.intent.clone(),
            session: Some(session.name),
            installation: Some(installation),
        }
    }

    /// What of a charge is on its way back, or back.
    pub(crate) fn refunded(&self, intent: &str) -> i64 {
        let counting = self
            .refunds
            .iter()
            .filter(|refund| refund.payment_intent.as_deref() == Some(intent) && refund.state.counts());
        counting.filter_map(|refund| refund.amount).map(|amount| amount.minor).sum()
    }

    pub(crate) fn given_back(&self, intent: &str) -> i64 {
        let done = self.refunds.iter().filter(|refund| {
            refund.payment_intent.as_deref() == Some(intent) && refund.state == RefundState::Succeeded
        });
        done.filter_map(|refund| refund.amount).map(|amount| amount.minor).sum()
    }

    fn saved(&mut self, key: Uuid, bytes: &str, now: Timestamp) -> Option<Result<Saved, GatewayError>> {
        if self.keys.get(&key).is_some_and(|known| now >= known.at.plus(KEYS_LAST)) {
            self.keys.remove(&key);
        }
        let known = self.keys.get(&key)?;
        if known.bytes != bytes {
            return Some(Err(refused(400, "the key was used with other parameters")));
        }
        Some(match &known.answer {
            Saved::Failure => Err(GatewayError::Spent("500".into())),
            Saved::UnderWay => Err(GatewayError::Unknown("409: the key is in use".into())),
            answer => Ok(answer.clone()),
        })
    }

    fn save(&mut self, key: Uuid, bytes: &str, answer: Saved, now: Timestamp) {
        let at = self.keys.get(&key).map_or(now, |known| known.at);
        self.keys.insert(key, Key { bytes: bytes.to_owned(), answer, at });
    }
}

fn refused(status: u16, message: &str) -> GatewayError {
    GatewayError::Refused { status, message: message.to_owned() }
}

/// What a request says under a name.
fn field<'r>(request: &'r str, name: &str) -> &'r str {
    let mut pairs = request.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map_or("", |(_, value)| value)
}

impl Sim {
    /// Stripe's books, with what has run out by now.
    pub(crate) fn books<T>(&self, use_them: impl FnOnce(&mut Books, Timestamp) -> T) -> T {
        let now = self.true_time();
        let (ended, answer) = {
            let mut books = lock(&self.stripe);
            (books.run_out(now), use_them(&mut books, now))
        };
        for id in ended {
            self.note(|| (format!("{id} runs out at Stripe"), String::new()));
            self.webhook("checkout.session.expired", &id);
        }
        answer
    }
}

/// What must be known here when an event is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// This money.
    Captured(String),
    /// That this session can no longer be paid: our name for it.
    Ended(Uuid),
}

impl Due {
    pub(crate) fn is_met(&self, db: &crate::db::Db) -> bool {
        match self {
            Self::Captured(intent) => db.rows.iter().any(|row| row.file.capture(intent).is_some()),
            Self::Ended(name) => {
                !db.sessions().any(|(_, session, _)| session.id == *name && session.state.is_live())
            }
        }
    }
}
