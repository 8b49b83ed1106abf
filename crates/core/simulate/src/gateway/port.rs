//! Stripe as the service reaches it.

use super::{Saved, field, refused};
use crate::executor::{Process, Who, lock};
use crate::plan::{Fault, Guard};
use crate::world::Sim;
use async_trait::async_trait;
use sekali_core::domain::{RefundState, Timestamp};
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{
    Clock, Gateway, GatewayCharge, GatewayDispute, GatewayError, GatewayEvent, GatewayIntent, GatewayPage,
    GatewayRefund, GatewaySession, GatewayStatus, RefundDraft, SessionDraft,
};
use std::time::Duration;
use uuid::Uuid;

/// Objects of one page of a list.
const PAGE: usize = 3;
/// A session that a clock would end, for a guard that is taken away.
const BY_CLOCK: Duration = Duration::from_secs(120);

fn unknown(what: &str) -> GatewayError {
    GatewayError::Unknown(what.to_owned())
}

/// What comes of a call that changes something, before anything else is looked at.
enum Call {
    Goes,
    Fails(GatewayError),
    Late,
    Fails500 { done: bool },
    AnswerLost,
}

impl Sim {
    fn call(&self) -> Call {
        if self.fault(Fault::GatewayDown) {
            Call::Fails(unknown("no connection"))
        } else if self.fault(Fault::Gateway409) {
            Call::Fails(unknown("409"))
        } else if self.fault(Fault::Gateway429) {
            Call::Fails(unknown("429"))
        } else if self.fault(Fault::GatewayRefuses) {
            Call::Fails(refused(400, "the account takes no such payment"))
        } else if self.fault(Fault::GatewayLate) {
            Call::Late
        } else if self.fault(Fault::Gateway500) {
            Call::Fails500 { done: false }
        } else if self.fault(Fault::Gateway500Done) {
            Call::Fails500 { done: true }
        } else if self.fault(Fault::GatewayAnswerLost) {
            Call::AnswerLost
        } else {
            Call::Goes
        }
    }

    /// A question: it may find nobody.
    async fn ask<T>(&self, question: &str, answer: impl FnOnce(&Sim) -> T) -> Result<T, GatewayError> {
        self.travel().await;
        if self.fault(Fault::GatewayDown) {
            self.note(|| (format!("asks Stripe {question}"), "no connection".into()));
            return Err(unknown("no connection"));
        }
        let answer = answer(self);
        if self.fault(Fault::GatewayAnswerLost) {
            return Err(unknown("the answer was lost"));
        }
        self.travel_back().await;
        Ok(answer)
    }

    /// A call that changes something, with everything that can become of it. `key` is what it is sent under.
    async fn change<T: Send + 'static>(
        &self,
        key: Uuid,
        request: &str,
        make: impl Fn(&Sim, Uuid, &str) -> Result<T, GatewayError> + Send + Clone + 'static,
    ) -> Result<T, GatewayError> {
        self.travel().await;
        let known = self.books(|books, now| books.saved(key, request, now)).is_some();
        let answer = match self.call() {
            Call::Fails(GatewayError::Refused { .. }) if known => make(self, key, request),
            Call::Fails(error) => Err(error),
            Call::Late => {
                self.late(key, request, make, known);
                Err(unknown("no answer within 20 s"))
            }
            Call::Fails500 { .. } | Call::AnswerLost if known => {
                drop(make(self, key, request));
                Err(unknown("the answer was lost"))
            }
            Call::Fails500 { done } => {
                if done {
                    drop(make(self, key, request));
                }
                self.books(|books, now| books.save(key, request, Saved::Failure, now));
                Err(unknown("500"))
            }
            Call::AnswerLost => {
                drop(make(self, key, request));
                Err(unknown("the answer was lost"))
            }
            Call::Goes => {
                if self.fault(Fault::GatewayTwice) {
                    drop(make(self, self.sent_again(key), request));
                }
                make(self, key, request)
            }
        };
        self.travel_back().await;
        answer
    }

    /// What a key is sent as the second time: without keys, it is another call.
    fn sent_again(&self, key: Uuid) -> Uuid {
        if self.has(Guard::GatewayKey) { key } else { self.fresh_key() }
    }

    fn fresh_key(&self) -> Uuid {
        uuid::Builder::from_random_bytes(u128::from(self.executor.draw()).to_be_bytes()).into_uuid()
    }

    fn late<T: Send + 'static>(
        &self,
        key: Uuid,
        request: &str,
        make: impl Fn(&Sim, Uuid, &str) -> Result<T, GatewayError> + Send + 'static,
        known: bool,
    ) {
        if known {
            return;
        }
        self.books(|books, now| books.save(key, request, Saved::UnderWay, now));
        let (sim, request) = (self.arc(), request.to_owned());
        let after = Duration::from_micros(1_000_000 + self.executor.below(15_000_000));
        let name = [0x1a7e, self.executor.draw()];
        let work = async move {
            sim.executor.sleep(after).await;
            lock(&sim.stripe).keys.remove(&key);
            drop(make(&sim, key, &request));
        };
        self.spawn(Process::World, Who::Gateway, &name, work);
    }

    fn picture(&self, id: &str) -> Result<GatewaySession, GatewayError> {
        let installation = lock(&self.db).installation;
        self.books(|books, _| {
            let at = books.find(id).ok_or(GatewayError::NotFound)?;
            Ok(books.picture(at, installation))
        })
    }

    /// For guards that are taken away: what is believed of a session without asking.
    fn believed(&self, id: &str, looked_up: GatewaySession) -> GatewaySession {
        let dead =
            |session: GatewaySession| GatewaySession { status: GatewayStatus::Expired, url: None, ..session };
        if !self.has(Guard::EndAtGateway) && lock(&self.stripe).believed_ended.iter().any(|ended| ended == id)
        {
            return dead(looked_up);
        }
        if !self.has(Guard::ExpireByGateway) && looked_up.status == GatewayStatus::Open {
            let created = self.books(|books, _| books.find(id).map(|at| books.sessions[at].created));
            if created.is_some_and(|created| self.now() > created.plus(BY_CLOCK)) {
                return dead(looked_up);
            }
        }
        if !self.has(Guard::LookUp) {
            let first = lock(&self.stripe).first_pictures.get(id).cloned();
            return first.unwrap_or(looked_up);
        }
        looked_up
    }

    fn listed<T: Clone>(all: &[T], after: Option<&str>, name: impl Fn(&T) -> String) -> GatewayPage<T> {
        let newest_first: Vec<T> = all.iter().rev().cloned().collect();
        let begin = after.map_or(0, |after| {
            newest_first.iter().position(|item| name(item) == after).map_or(0, |at| at + 1)
        });
        let items: Vec<T> = newest_first[begin..].iter().take(PAGE).cloned().collect();
        let more = newest_first.len() > begin + PAGE;
        let next = items.last().filter(|_| more).map(&name);
        GatewayPage { items, next }
    }

    fn charges(&self, since: Timestamp) -> Vec<GatewayCharge> {
        let installation = lock(&self.db).installation;
        self.books(|books, _| {
            let made = books.charges.iter().filter(|charge| charge.created >= since);
            made.map(|charge| GatewayCharge {
                id: charge.intent.replace("pi_", "ch_"),
                captured: true,
                amount: Some(charge.amount),
                payment_intent: Some(charge.intent.clone()),
                session: Some(books.sessions[charge.session].name),
                installation: Some(installation),
                created: charge.created,
            })
            .collect()
        })
    }

    fn disputes(&self, since: Timestamp) -> Vec<GatewayDispute> {
        self.books(|books, _| {
            let opened = books.disputes.iter().filter(|dispute| dispute.created >= since);
            opened
                .map(|dispute| GatewayDispute {
                    id: dispute.id.clone(),
                    state: dispute.state,
                    reason: "fraudulent".into(),
                    amount: Some(dispute.amount),
                    payment_intent: Some(dispute.intent.clone()),
                })
                .collect()
        })
    }
}

#[async_trait]
impl Gateway for Sim {
    fn encode(&self, draft: &SessionDraft) -> String {
        format!(
            "session={}&reference={}&minor={}&currency={}&expires_at={}",
            draft.session,
            draft.payment_reference,
            draft.amount.minor,
            draft.amount.currency.code(),
            draft.expires_at.as_seconds()
        )
    }

    fn encode_refund(&self, draft: &RefundDraft) -> String {
        format!(
            "refund={}&intent={}&minor={}&currency={}",
            draft.refund,
            draft.payment_intent,
            draft.amount.minor,
            draft.amount.currency.code()
        )
    }

    async fn create_session(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError> {
        let same = self.has(Guard::GatewayKey) && self.has(Guard::GatewaySameKey);
        let key = if same { key } else { self.fresh_key() };
        let made = self.change(key, request, Sim::make_session).await;
        self.note(|| {
            let told = made.as_ref().map_or_else(ToString::to_string, |made| made.id.clone());
            (format!("asks Stripe for a session {}", &field(request, "session")[..8]), told)
        });
        made
    }

    async fn expire_session(&self, key: Uuid, id: &str) -> Result<GatewaySession, GatewayError> {
        if !self.has(Guard::EndAtGateway) {
            lock(&self.stripe).believed_ended.push(id.to_owned());
            return self.picture(id);
        }
        let ended = self.change(key, id, Sim::end_session).await;
        self.note(|| {
            let told = ended.as_ref().map_or_else(ToString::to_string, |ended| format!("{:?}", ended.status));
            (format!("tells Stripe to end {id}"), told)
        });
        ended
    }

    async fn session(&self, id: &str) -> Result<GatewaySession, GatewayError> {
        let found = self.ask("how a session stands", |sim| sim.picture(id)).await?;
        let found = found.map(|found| self.believed(id, found));
        self.note(|| {
            let told = found.as_ref().map_or_else(ToString::to_string, |found| format!("{:?}", found.status));
            (format!("asks Stripe about {id}"), told)
        });
        found
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewaySession>, GatewayError> {
        let installation = lock(&self.db).installation;
        let all = self
            .ask("for sessions", |sim| {
                sim.books(|books, _| {
                    let made = (0..books.sessions.len()).filter(|at| books.sessions[*at].created >= since);
                    made.map(|at| books.picture(at, installation)).collect::<Vec<_>>()
                })
            })
            .await?;
        Ok(Self::listed(&all, after, |session| session.id.clone()))
    }

    async fn session_of_intent(&self, intent: &str) -> Result<Option<GatewaySession>, GatewayError> {
        let installation = lock(&self.db).installation;
        self.ask("for the session of an intent", |sim| {
            sim.books(|books, _| {
                let at =
                    books.sessions.iter().position(|session| session.intent.as_deref() == Some(intent))?;
                Some(books.picture(at, installation))
            })
        })
        .await
    }

    async fn intent(&self, id: &str) -> Result<GatewayIntent, GatewayError> {
        let installation = lock(&self.db).installation;
        self.ask("for an intent", |sim| {
            sim.books(|books, _| {
                let session = books.sessions.iter().find(|session| session.intent.as_deref() == Some(id));
                let session = session.ok_or(GatewayError::NotFound)?;
                Ok(GatewayIntent {
                    id: id.to_owned(),
                    failure: session.failure.clone(),
                    session: Some(session.name),
                    installation: Some(installation),
                })
            })
        })
        .await?
    }

    async fn charge(&self, id: &str) -> Result<GatewayCharge, GatewayError> {
        let all = self.ask("for a charge", |sim| sim.charges(Timestamp::from_seconds(0))).await?;
        all.into_iter().find(|charge| charge.id == id).ok_or(GatewayError::NotFound)
    }

    async fn charges_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayCharge>, GatewayError> {
        let all = self.ask("for charges", |sim| sim.charges(since)).await?;
        Ok(Self::listed(&all, after, |charge| charge.id.clone()))
    }

    async fn create_refund(&self, key: Uuid, request: &str) -> Result<GatewayRefund, GatewayError> {
        self.watch_refund_intent(key, request);
        let key = if self.has(Guard::RefundKey) { key } else { self.fresh_key() };
        let made = self.change(key, request, Sim::make_refund).await;
        self.note(|| {
            let told = made
                .as_ref()
                .map_or_else(ToString::to_string, |made| format!("{} {:?}", made.id, made.state));
            (format!("asks Stripe for a refund of {}", field(request, "minor")), told)
        });
        made
    }

    async fn refund(&self, id: &str) -> Result<GatewayRefund, GatewayError> {
        let find =
            |sim: &Sim| sim.books(|books, _| books.refunds.iter().find(|refund| refund.id == id).cloned());
        self.ask("for a refund", find).await?.ok_or(GatewayError::NotFound)
    }

    async fn refunds_of(&self, payment_intent: &str) -> Result<Vec<GatewayRefund>, GatewayError> {
        self.ask("for the refunds of a charge", |sim| {
            sim.books(|books, _| {
                let of_it = books.refunds.iter().rev();
                of_it.filter(|r| r.payment_intent.as_deref() == Some(payment_intent)).cloned().collect()
            })
        })
        .await
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayRefund>, GatewayError> {
        let recent = |sim: &Sim| {
            sim.books(|books, _| {
                books.refunds.iter().filter(|refund| refund.created >= since).cloned().collect::<Vec<_>>()
            })
        };
        let all = self.ask("for refunds", recent).await?;
        Ok(Self::listed(&all, after, |refund| refund.id.clone()))
    }

    async fn dispute(&self, id: &str) -> Result<GatewayDispute, GatewayError> {
        let all = self.ask("for a dispute", |sim| sim.disputes(Timestamp::from_seconds(0))).await?;
        all.into_iter().find(|dispute| dispute.id == id).ok_or(GatewayError::NotFound)
    }

    async fn disputes_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayDispute>, GatewayError> {
        let all = self.ask("for disputes", |sim| sim.disputes(since)).await?;
        Ok(Self::listed(&all, after, |dispute| dispute.id.clone()))
    }

    /// A webhook here is its id, its kind and its object, as JSON.
    fn verify(&self, payload: &[u8], _: &str, _: Timestamp) -> Result<GatewayEvent, WebhookError> {
        let event: serde_json::Value = serde_json::from_slice(payload).map_err(|_| WebhookError::NoEvent)?;
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let (Some(id), Some(kind)) = (text("id"), text("type")) else { return Err(WebhookError::NoEvent) };
        Ok(GatewayEvent { id, kind, object: text("object") })
    }
}

/// States a refund begins in, when it is made.
pub(super) fn first_state(draw: u64) -> RefundState {
    match draw % 10 {
        0..=5 => RefundState::Succeeded,
        6..=8 => RefundState::Pending,
        _ => RefundState::Failed,
    }
}
