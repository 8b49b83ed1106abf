//! A Stripe that keeps sessions, replays answers by idempotency key, and can be told to misbehave.

use super::script::Queue;
use async_trait::async_trait;
use sekali_core::domain::{CheckoutSession, Currency, Money, Refund, RefundState, Timestamp};
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{
    FileStore, Gateway, GatewayCharge, GatewayDispute, GatewayError, GatewayEvent, GatewayIntent,
    GatewayPage, GatewayRefund, GatewaySession, GatewayStatus, RefundDraft, SessionDraft,
};
use sekali_store_sqlite::SqliteStore;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    /// The call has arrived, and is refused when that is told.
    RefusedAfter(Arc<Notify>),
}

/// What becomes of one call that makes a refund.
pub(crate) enum Refunding {
    /// The refund is made in this state.
    As(RefundState),
    /// The refund is made, and the answer lost.
    AnswerLost,
    /// The refund is made without our name in its metadata.
    Nameless,
    /// Nothing is made.
    Fails(GatewayError),
}

/// What becomes of one call that ends a session.
pub(crate) enum Ending {
    /// The session is ended, and the answer lost.
    AnswerLost,
    /// Nothing happens.
    Fails(GatewayError),
    /// The patient is quicker.
    PaidFirst,
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
    refunds: BTreeMap<String, GatewayRefund>,
    saved_refunds: HashMap<Uuid, (String, GatewayRefund)>,
    sent_refunds: Vec<(Uuid, String)>,
    disputes: BTreeMap<String, GatewayDispute>,
    ended: Vec<(Uuid, String)>,
    /// From when on each kind of object was listed last.
    listed_since: HashMap<&'static str, Timestamp>,
    failures: HashMap<String, String>,
    /// What no list shows.
    hidden: BTreeSet<String>,
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
    /// What becomes of the next calls that make a refund.
    pub(crate) refunding: Queue<Refunding>,
    /// What becomes of the next calls that end a session.
    pub(crate) ending: Queue<Ending>,
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
            refunding: Queue::default(),
            ending: Queue::default(),
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

    /// From when on `sessions`, `charges`, `refunds` or `disputes` were listed last.
    pub(crate) fn listed_since(&self, kind: &str) -> Option<Timestamp> {
        self.state.lock().unwrap().listed_since.get(kind).copied()
    }

    fn list(&self, kind: &'static str, since: Timestamp) {
        self.state.lock().unwrap().listed_since.insert(kind, since);
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

    /// Keeps an object out of the lists; who asks about it is answered.
    pub(crate) fn hide(&self, id: &str) {
        self.state.lock().unwrap().hidden.insert(id.to_owned());
    }

    fn is_listed(&self, id: &str) -> bool {
        !self.state.lock().unwrap().hidden.contains(id)
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

    /// One more session, made in whatever way.
    pub(crate) fn add(&self, session: GatewaySession) {
        self.state.lock().unwrap().sessions.insert(session.id.clone(), session);
    }

    /// Stripe does not have it (any more).
    pub(crate) fn forget(&self, id: &str) {
        self.state.lock().unwrap().sessions.remove(id).unwrap();
    }

    /// A session by its id.
    pub(crate) fn only_session_of(&self, id: &str) -> GatewaySession {
        self.state.lock().unwrap().sessions.get(id).unwrap().clone()
    }

    /// A card is declined; the session goes on.
    pub(crate) fn decline(&self, id: &str, code: &str) -> String {
        let intent = id.replace("cs_", "pi_");
        self.state.lock().unwrap().failures.insert(intent.clone(), code.to_owned());
        self.change(id, |session| session.payment_intent = Some(intent.clone()));
        intent
    }

    /// Somebody refunds in the dashboard; Stripe's name for it.
    pub(crate) fn refund_in_dashboard(
        &self,
        payment_intent: &str,
        amount: Money,
        state: RefundState,
    ) -> String {
        let mut all = self.state.lock().unwrap();
        let id = format!("re_{}", all.refunds.len() + 1);
        let refund = made_refund(&id, payment_intent, amount, state);
        all.refunds.insert(id.clone(), refund);
        id
    }

    /// Stripe finishes a refund whose call it had answered with a failure.
    pub(crate) fn finish_refund(&self, refund: &Refund) {
        self.make_refund(refund.id, &refund.request, RefundState::Succeeded).unwrap();
    }

    /// A refund moves on.
    pub(crate) fn move_refund(&self, id: &str, state: RefundState) {
        let mut all = self.state.lock().unwrap();
        let refund = all.refunds.get_mut(id).unwrap();
        refund.state = state;
        refund.failure = (state == RefundState::Failed).then(|| "lost_or_stolen_card".to_owned());
    }

    /// A dispute is opened, or moves on.
    /// A refund names this installation, as if we had made it.
    pub(crate) fn name_refund(&self, id: &str, installation: Uuid) {
        self.state.lock().unwrap().refunds.get_mut(id).unwrap().installation = Some(installation);
    }

    pub(crate) fn dispute_with(&self, dispute: GatewayDispute) {
        self.state.lock().unwrap().disputes.insert(dispute.id.clone(), dispute);
    }

    /// The refunds there are, by id.
    pub(crate) fn refunds(&self) -> Vec<GatewayRefund> {
        self.state.lock().unwrap().refunds.values().cloned().collect()
    }

    /// Keys and bytes of the calls that make a refund.
    pub(crate) fn sent_refunds(&self) -> Vec<(Uuid, String)> {
        self.state.lock().unwrap().sent_refunds.clone()
    }

    /// Keys and sessions of the calls that end one.
    pub(crate) fn ended(&self) -> Vec<(Uuid, String)> {
        self.state.lock().unwrap().ended.clone()
    }

    /// What Stripe has taken and not given back, in minor units.
    pub(crate) fn balance(&self) -> i64 {
        let all = self.state.lock().unwrap();
        let paid = all.sessions.values().filter(|session| session.status == GatewayStatus::Paid);
        let taken: i64 = paid.filter_map(|session| session.amount).map(|amount| amount.minor).sum();
        let refunds = all.refunds.values().filter(|refund| refund.state.counts());
        taken - refunds.filter_map(|refund| refund.amount).map(|amount| amount.minor).sum::<i64>()
    }

    fn make_refund(
        &self,
        key: Uuid,
        request: &str,
        state: RefundState,
    ) -> Result<GatewayRefund, GatewayError> {
        let mut all = self.state.lock().unwrap();
        if let Some((bytes, answer)) = all.saved_refunds.get(&key) {
            assert_eq!(bytes, request, "a repeat sends the same bytes");
            return Ok(answer.clone());
        }
        let intent = field(request, "payment_intent");
        let currency = Currency::from_code(&field(request, "currency")).unwrap();
        let amount = Money::new(field(request, "minor").parse().unwrap(), currency);
        let back = all.refunds.values().filter(|refund| refund.state.counts());
        let back = back.filter(|refund| refund.payment_intent.as_ref() == Some(&intent));
        let back: i64 = back.filter_map(|refund| refund.amount).map(|amount| amount.minor).sum();
        let session = all.sessions.values().find(|session| session.payment_intent.as_ref() == Some(&intent));
        let taken = session.and_then(|session| session.amount).map_or(0, |amount| amount.minor);
        if back + amount.minor > taken {
            let message = "Refund amount is greater than unrefunded amount on charge".to_owned();
            return Err(GatewayError::Refused { status: 400, message });
        }
        let id = format!("re_{}", all.refunds.len() + 1);
        let mut refund = made_refund(&id, &intent, amount, state);
        refund.refund = Some(field(request, "refund").parse().unwrap());
        refund.installation = Some(field(request, "installation").parse().unwrap());
        all.refunds.insert(id, refund.clone());
        all.saved_refunds.insert(key, (request.to_owned(), refund.clone()));
        Ok(refund)
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
            Some(Creating::RefusedAfter(go)) => {
                go.notified().await;
                Err(GatewayError::Refused { status: 400, message: "not yet".into() })
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

    fn encode_refund(&self, draft: &RefundDraft) -> String {
        let RefundDraft { refund, installation, payment_intent, amount } = draft;
        format!(
            "refund={refund}\ninstallation={installation}\npayment_intent={payment_intent}\nminor={}\ncurrency={}",
            amount.minor, amount.currency
        )
    }

    async fn expire_session(&self, key: Uuid, id: &str) -> Result<GatewaySession, GatewayError> {
        self.state.lock().unwrap().ended.push((key, id.to_owned()));
        let refused = || GatewayError::Refused { status: 400, message: "the session is not open".into() };
        match self.ending.pop() {
            Some(Ending::Fails(error)) => return Err(error),
            Some(Ending::PaidFirst) => {
                self.pay(id);
            }
            Some(Ending::AnswerLost) => {
                self.expire(id);
                return Err(GatewayError::Unknown("the answer was lost".into()));
            }
            None => {}
        }
        let open = self.state.lock().unwrap().sessions.get(id).map(|session| session.status);
        match open {
            Some(GatewayStatus::Open) => Ok(self.expire(id)),
            Some(_) => Err(refused()),
            None => Err(GatewayError::NotFound),
        }
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewaySession>, GatewayError> {
        self.list("sessions", since);
        let listed = self.sessions().into_iter().filter(|session| self.is_listed(&session.id)).collect();
        Ok(page(listed, after, |session: &GatewaySession| session.id.clone()))
    }

    async fn session_of_intent(&self, intent: &str) -> Result<Option<GatewaySession>, GatewayError> {
        Ok(self.sessions().into_iter().find(|session| session.payment_intent.as_deref() == Some(intent)))
    }

    async fn intent(&self, id: &str) -> Result<GatewayIntent, GatewayError> {
        let session = self.session_of_intent(id).await?.ok_or(GatewayError::NotFound)?;
        let failure = self.state.lock().unwrap().failures.get(id).cloned();
        Ok(GatewayIntent {
            id: id.to_owned(),
            failure: failure.filter(|_| session.status != GatewayStatus::Paid),
            session: session.session,
            installation: session.installation,
        })
    }

    async fn charge(&self, id: &str) -> Result<GatewayCharge, GatewayError> {
        let charges = self.charges_since(Timestamp::from_seconds(0), None).await?.items;
        charges.into_iter().find(|charge| charge.id == id).ok_or(GatewayError::NotFound)
    }

    async fn charges_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayCharge>, GatewayError> {
        self.list("charges", since);
        let paid = self.sessions().into_iter().filter(|session| session.status == GatewayStatus::Paid);
        let charges = paid.map(|session| GatewayCharge {
            id: session.id.replace("cs_", "ch_"),
            captured: true,
            amount: session.amount,
            payment_intent: session.payment_intent,
            session: session.session,
            installation: session.installation,
            created: Timestamp::from_seconds(0),
        });
        let listed = charges.filter(|charge| self.is_listed(&charge.id)).collect();
        Ok(page(listed, after, |charge: &GatewayCharge| charge.id.clone()))
    }

    async fn create_refund(&self, key: Uuid, request: &str) -> Result<GatewayRefund, GatewayError> {
        let row = self.database.refund(key).await.unwrap();
        assert!(row.is_some_and(|(_, refund)| refund.request == request), "the intent is committed first");
        self.state.lock().unwrap().sent_refunds.push((key, request.to_owned()));
        match self.refunding.pop() {
            None => self.make_refund(key, request, RefundState::Succeeded),
            Some(Refunding::As(state)) => self.make_refund(key, request, state),
            Some(Refunding::Fails(error)) => Err(error),
            Some(Refunding::Nameless) => {
                let made = self.make_refund(key, request, RefundState::Succeeded)?;
                let mut all = self.state.lock().unwrap();
                let nameless = GatewayRefund { refund: None, installation: None, ..made };
                all.refunds.insert(nameless.id.clone(), nameless.clone());
                all.saved_refunds.insert(key, (request.to_owned(), nameless.clone()));
                Ok(nameless)
            }
            Some(Refunding::AnswerLost) => {
                self.make_refund(key, request, RefundState::Succeeded)?;
                Err(GatewayError::Unknown("the answer was lost".into()))
            }
        }
    }

    async fn refund(&self, id: &str) -> Result<GatewayRefund, GatewayError> {
        self.state.lock().unwrap().refunds.get(id).cloned().ok_or(GatewayError::NotFound)
    }

    async fn refunds_of(&self, payment_intent: &str) -> Result<Vec<GatewayRefund>, GatewayError> {
        let all = self.refunds().into_iter();
        Ok(all.filter(|refund| refund.payment_intent.as_deref() == Some(payment_intent)).collect())
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayRefund>, GatewayError> {
        self.list("refunds", since);
        let listed = self.refunds().into_iter().filter(|refund| self.is_listed(&refund.id)).collect();
        Ok(page(listed, after, |refund: &GatewayRefund| refund.id.clone()))
    }

    async fn dispute(&self, id: &str) -> Result<GatewayDispute, GatewayError> {
        self.state.lock().unwrap().disputes.get(id).cloned().ok_or(GatewayError::NotFound)
    }

    async fn disputes_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayDispute>, GatewayError> {
        self.list("disputes", since);
        let all = self.state.lock().unwrap().disputes.values().cloned().collect();
        Ok(page(all, after, |dispute: &GatewayDispute| dispute.id.clone()))
    }
}

fn made_refund(id: &str, payment_intent: &str, amount: Money, state: RefundState) -> GatewayRefund {
    GatewayRefund {
        id: id.to_owned(),
        state,
        amount: Some(amount),
        payment_intent: Some(payment_intent.to_owned()),
        failure: None,
        refund: None,
        installation: None,
        created: Timestamp::from_seconds(0),
    }
}

/// Two at a time, so that whoever reads a list has to go on.
fn page<T>(mut all: Vec<T>, after: Option<&str>, id: impl Fn(&T) -> String) -> GatewayPage<T> {
    all.reverse();
    let begin = after.map_or(0, |after| all.iter().position(|item| id(item) == after).unwrap() + 1);
    let items: Vec<T> = all.drain(begin..).collect();
    let more = items.len() > 2;
    let items: Vec<T> = items.into_iter().take(2).collect();
    let next = items.last().filter(|_| more).map(&id);
    GatewayPage { items, next }
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
