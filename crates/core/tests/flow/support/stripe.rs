//! A Stripe that keeps sessions, replays answers by idempotency key, and can be told to misbehave.

use super::script::Queue;
use async_trait::async_trait;
use sekali_core::domain::{CheckoutSession, Currency, Money, Timestamp};
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{
    CheckoutStore, Gateway, GatewayError, GatewayEvent, GatewaySession, GatewayStatus, SessionDraft,
};
use sekali_store_sqlite::SqliteStore;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use tokio::sync::{Barrier, Notify};
use uuid::Uuid;

/// The signature of every genuine webhook.
pub(crate) const SIGNED: &str = "signed";

/// What becomes of one call that makes a session.
pub(crate) enum Creating {
    /// The session is made, and the answer lost.
    AnswerLost,
    /// Nothing is made.
    Fails(GatewayError),
    /// The call has arrived, and goes on when it is told.
    Waits(Arc<Notify>),
}

#[derive(Default)]
struct State {
    sessions: BTreeMap<String, GatewaySession>,
    /// By idempotency key: the bytes that were sent, and the answer that is given again.
    saved: HashMap<Uuid, (String, GatewaySession)>,
    sent: Vec<(Uuid, String)>,
    asked: Vec<String>,
    /// The intent's row at the moment of each call.
    rows: Vec<Option<CheckoutSession>>,
}

pub(crate) struct FakeStripe {
    state: Mutex<State>,
    database: Arc<SqliteStore>,
    /// What becomes of the next calls that make a session.
    pub(crate) creating: Queue<Creating>,
    /// A call that makes a session has arrived.
    pub(crate) arrived: Notify,
    /// What the next questions about a session are answered.
    pub(crate) answers: Queue<Result<GatewaySession, GatewayError>>,
    /// So many have to have their answer before anybody goes on with it.
    together: Mutex<Option<Arc<Barrier>>>,
}

impl FakeStripe {
    pub(crate) fn new(database: Arc<SqliteStore>) -> Self {
        Self {
            state: Mutex::default(),
            database,
            creating: Queue::default(),
            arrived: Notify::new(),
            answers: Queue::default(),
            together: Mutex::default(),
        }
    }

    pub(crate) fn answer_together(&self, askers: usize) {
        *self.together.lock().unwrap() = Some(Arc::new(Barrier::new(askers)));
    }

    /// The sessions there are, by id.
    pub(crate) fn sessions(&self) -> Vec<GatewaySession> {
        self.state.lock().unwrap().sessions.values().cloned().collect()
    }

    /// The one session there is.
    pub(crate) fn only_session(&self) -> GatewaySession {
        let mut sessions = self.sessions();
        assert_eq!(sessions.len(), 1, "one session at Stripe: {sessions:?}");
        sessions.remove(0)
    }

    /// Keys and bytes of the calls that make a session.
    pub(crate) fn sent(&self) -> Vec<(Uuid, String)> {
        self.state.lock().unwrap().sent.clone()
    }

    /// Which sessions were asked about.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    pub(crate) fn rows(&self) -> Vec<Option<CheckoutSession>> {
        self.state.lock().unwrap().rows.clone()
    }

    /// Changes a session, and says what it is now.
    pub(crate) fn change(&self, id: &str, change: impl Fn(&mut GatewaySession)) -> GatewaySession {
        let mut state = self.state.lock().unwrap();
        let session = state.sessions.get_mut(id).unwrap();
        change(session);
        session.clone()
    }

    /// The patient pays.
    pub(crate) fn pay(&self, id: &str) -> GatewaySession {
        self.confirm(id, GatewayStatus::Paid)
    }

    /// The patient confirms, and the money is on its way.
    pub(crate) fn submit(&self, id: &str) -> GatewaySession {
        self.confirm(id, GatewayStatus::Unpaid)
    }

    pub(crate) fn expire(&self, id: &str) -> GatewaySession {
        self.change(id, |session| {
            session.status = GatewayStatus::Expired;
            session.url = None;
        })
    }

    fn confirm(&self, id: &str, status: GatewayStatus) -> GatewaySession {
        self.change(id, |session| {
            session.status = status;
            session.url = None;
            session.payment_intent = Some(session.id.replace("cs_", "pi_"));
        })
    }

    /// Makes the session, or answers again what the key was answered before.
    fn make(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError> {
        let mut state = self.state.lock().unwrap();
        if let Some((bytes, answer)) = state.saved.get(&key) {
            let same = bytes == request;
            let other = || GatewayError::Refused { status: 400, message: "other bytes under the key".into() };
            return if same { Ok(answer.clone()) } else { Err(other()) };
        }
        let id = format!("cs_{}", state.sessions.len() + 1);
        let session = opened(&id, request);
        state.sessions.insert(id, session.clone());
        state.saved.insert(key, (request.to_owned(), session.clone()));
        Ok(session)
    }
}

#[async_trait]
impl Gateway for FakeStripe {
    fn encode(&self, draft: &SessionDraft) -> String {
        let SessionDraft { session, payment_reference, installation, amount, .. } = draft;
        let lines = [
            format!("session={session}"),
            format!("payment={payment_reference}"),
            format!("installation={installation}"),
            format!("minor={}", amount.minor),
            format!("currency={}", amount.currency),
            format!("success_url={}", draft.success_url),
            format!("cancel_url={}", draft.cancel_url),
            format!("expires_at={}", draft.expires_at.as_seconds()),
            format!("locale={}", draft.locale),
        ];
        lines.join("\n")
    }

    async fn create_session(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError> {
        let row = self.database.session(key).await.unwrap();
        {
            let mut state = self.state.lock().unwrap();
            state.sent.push((key, request.to_owned()));
            state.rows.push(row);
        }
        self.arrived.notify_one();
        match self.creating.pop() {
            None => self.make(key, request),
            Some(Creating::Fails(error)) => Err(error),
            Some(Creating::AnswerLost) => {
                self.make(key, request)?;
                Err(GatewayError::Unknown("the answer was lost".into()))
            }
            Some(Creating::Waits(go)) => {
                go.notified().await;
                self.make(key, request)
            }
        }
    }

    async fn session(&self, id: &str) -> Result<GatewaySession, GatewayError> {
        let answer = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(id.to_owned());
            let kept = state.sessions.get(id).cloned().ok_or(GatewayError::NotFound);
            self.answers.pop().unwrap_or(kept)
        };
        let together = self.together.lock().unwrap().clone();
        if let Some(barrier) = together {
            barrier.wait().await;
        }
        answer
    }

    /// A webhook's body here is its id, its type and its object, with blanks between.
    fn verify(&self, payload: &[u8], signature: &str, _: Timestamp) -> Result<GatewayEvent, WebhookError> {
        if signature != SIGNED {
            return Err(WebhookError::Forged);
        }
        let text = std::str::from_utf8(payload).map_err(|_| WebhookError::NoEvent)?;
        let mut words = text.split(' ').map(str::to_owned);
        let (Some(id), Some(kind)) = (words.next(), words.next()) else { return Err(WebhookError::NoEvent) };
        Ok(GatewayEvent { id, kind, object: words.next() })
    }
}

/// A session as its request wants it.
fn opened(id: &str, request: &str) -> GatewaySession {
    let minor = field(request, "minor").parse().unwrap();
    let currency = Currency::from_code(&field(request, "currency")).unwrap();
    GatewaySession {
        id: id.to_owned(),
        status: GatewayStatus::Open,
        url: Some(format!("https://checkout.stripe.test/{id}")),
        amount: Some(Money::new(minor, currency)),
        payment_intent: None,
        session: Some(field(request, "session").parse().unwrap()),
        installation: Some(field(request, "installation").parse().unwrap()),
    }
}

/// What a request says under a name.
pub(crate) fn field(request: &str, name: &str) -> String {
    let mut pairs = request.lines().filter_map(|line| line.split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no {name} in {request}"));
    value.to_owned()
}
