//! The port's adapter.

use crate::api::{Api, Query, is_id};
use crate::config::{StripeConfig, StripeConfigError};
use crate::failure::Failure;
use crate::list::{LIMIT, List};
use crate::object::Object;
use crate::{charge, dispute, encode, intent, refund, session, webhook};
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{
    Clock, Gateway, GatewayCharge, GatewayDispute, GatewayError, GatewayEvent, GatewayIntent, GatewayPage,
    GatewayRefund, GatewaySession, Random, RefundDraft, SessionDraft,
};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

const SESSIONS: &str = "checkout/sessions";
const CHARGES: &str = "charges";
const REFUNDS: &str = "refunds";
const DISPUTES: &str = "disputes";
/// Pages of one payment intent's refunds: far more than Stripe lets there be.
const MOST_PAGES: usize = 100;

/// Without it a session that is confirmed and not paid does not tell whether the money is still on its way.
const WITH_INTENT: (&str, &str) = ("expand[]", "payment_intent");
/// The same, in a list.
const WITH_INTENTS: (&str, &str) = ("expand[]", "data.payment_intent");

type Answer<T> = Result<T, GatewayError>;

/// Stripe, reached over HTTP.
pub struct StripeGateway {
    api: Api,
    payment_method_types: Vec<String>,
    webhook_secrets: Vec<String>,
}

impl StripeGateway {
    /// Checks the configuration; calls nobody. `clock` waits between two attempts, and `random`
    /// spreads those of several servers out.
    pub fn new(
        config: StripeConfig,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StripeConfigError> {
        config.check()?;
        let api = Api::new(&config, clock, random)?;
        let StripeConfig { webhook_secrets, payment_method_types, .. } = config;
        Ok(Self { api, payment_method_types, webhook_secrets })
    }

    /// Looks one object up, and reads it if it is the one that was asked for.
    async fn look_up<T>(
        &self,
        kind: &str,
        path: &str,
        id: &str,
        query: &Query<'_>,
        read: impl Fn(&Object<'_>) -> Result<T, String> + Send,
    ) -> Answer<T> {
        if !is_id(id) {
            return Err(GatewayError::NotFound);
        }
        let answer = self.api.get(&format!("{path}/{id}"), query).await.map_err(Failure::of_object)?;
        read_one(&answer, kind, id, read)
    }

    /// Asks for one page of a list.
    async fn page(&self, path: &str, query: &Query<'_>, after: Option<&str>) -> Answer<Value> {
        let mut query = query.to_vec();
        query.push(("limit", LIMIT));
        query.extend(after.map(|after| ("starting_after", after)));
        self.api.list(path, &query).await.map_err(Failure::of_object)
    }

    /// Asks for one page of what was made at or after `since`.
    async fn page_since(&self, path: &str, since: Timestamp, after: Option<&str>) -> Answer<Value> {
        let since = since.as_seconds().to_string();
        self.page(path, &[("created[gte]", &since)], after).await
    }
}

/// Reads an answer that is to be about the object of this id.
fn read_one<T>(
    answer: &Value,
    kind: &str,
    id: &str,
    read: impl Fn(&Object<'_>) -> Result<T, String>,
) -> Answer<T> {
    let object = Object::of(answer, kind).map_err(GatewayError::Unknown)?;
    if object.id() != id {
        return Err(GatewayError::Unknown(format!("another {kind} was answered than the one asked for")));
    }
    read(&object).map_err(GatewayError::Unknown)
}

/// A server that passes over the parameter would list what belongs to other money.
fn only_of<T>(
    payment_intent: &str,
    items: &[T],
    intent_of: impl Fn(&T) -> Option<&str>,
) -> Result<(), GatewayError> {
    if items.iter().all(|item| intent_of(item) == Some(payment_intent)) {
        return Ok(());
    }
    Err(GatewayError::Unknown("what was answered belongs to another payment intent".to_owned()))
}

#[async_trait]
impl Gateway for StripeGateway {
    fn encode(&self, draft: &SessionDraft) -> String {
        encode::session(&self.payment_method_types, draft)
    }

    fn encode_refund(&self, draft: &RefundDraft) -> String {
        encode::refund(draft)
    }

    async fn create_session(&self, key: Uuid, request: &str) -> Answer<GatewaySession> {
        let answer = self.api.post(SESSIONS, key, request).await.map_err(Failure::of_making)?;
        let object = Object::of(&answer, session::KIND);
        object.and_then(|object| session::read(&object)).map_err(GatewayError::Unknown)
    }

    async fn expire_session(&self, key: Uuid, id: &str) -> Answer<GatewaySession> {
        if !is_id(id) {
            return Err(GatewayError::NotFound);
        }
        let path = format!("{SESSIONS}/{id}/expire");
        let answer = self.api.post(&path, key, "").await.map_err(Failure::of_object)?;
        read_one(&answer, session::KIND, id, session::read)
    }

    async fn session(&self, id: &str) -> Answer<GatewaySession> {
        self.look_up(session::KIND, SESSIONS, id, &[WITH_INTENT], session::read).await
    }

    /// The pinned version's list of sessions knows no `created`: it is read from its newest end, and left
    /// where it gets older than `since`.
    async fn sessions_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewaySession>> {
        let answer = self.page(SESSIONS, &[WITH_INTENTS], after).await?;
        List::of(&answer, session::KIND, after)
            .and_then(|list| list.since(since)?.named(session::read))
            .map_err(GatewayError::Unknown)
    }

    async fn session_of_intent(&self, payment_intent: &str) -> Answer<Option<GatewaySession>> {
        if !is_id(payment_intent) {
            return Ok(None);
        }
        let query = [("payment_intent", payment_intent), WITH_INTENTS];
        let answer = match self.page(SESSIONS, &query, None).await {
            Ok(answer) => answer,
            Err(GatewayError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let page = List::of(&answer, session::KIND, None)
            .and_then(|list| list.named(session::read))
            .map_err(GatewayError::Unknown)?;
        only_of(payment_intent, &page.items, |found| found.payment_intent.as_deref())?;
        Ok(page.items.into_iter().next())
    }

    async fn intent(&self, id: &str) -> Answer<GatewayIntent> {
        let read = |object: &Object<'_>| Ok(intent::read(object));
        self.look_up(intent::KIND, "payment_intents", id, &[], read).await
    }

    async fn charge(&self, id: &str) -> Answer<GatewayCharge> {
        self.look_up(charge::KIND, CHARGES, id, &[], charge::read).await
    }

    async fn charges_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewayCharge>> {
        let answer = self.page_since(CHARGES, since, after).await?;
        List::of(&answer, charge::KIND, after)
            .and_then(|list| list.named(charge::read))
            .map_err(GatewayError::Unknown)
    }

    async fn create_refund(&self, key: Uuid, request: &str) -> Answer<GatewayRefund> {
        let answer = self.api.post(REFUNDS, key, request).await.map_err(Failure::of_refunding)?;
        let object = Object::of(&answer, refund::KIND);
        object.and_then(|object| refund::read(&object)).map_err(GatewayError::Unknown)
    }

    async fn refund(&self, id: &str) -> Answer<GatewayRefund> {
        self.look_up(refund::KIND, REFUNDS, id, &[], refund::read).await
    }

    async fn refunds_of(&self, payment_intent: &str) -> Answer<Vec<GatewayRefund>> {
        if !is_id(payment_intent) {
            return Err(GatewayError::NotFound);
        }
        let mut refunds = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let query = [("payment_intent", payment_intent)];
            let answer = self.page(REFUNDS, &query, after.as_deref()).await?;
            let page = List::of(&answer, refund::KIND, after.as_deref())
                .and_then(|list| list.every(refund::read))
                .map_err(GatewayError::Unknown)?;
            only_of(payment_intent, &page.items, |found| found.payment_intent.as_deref())?;
            refunds.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(refunds);
            }
        }
        Err(GatewayError::Unknown(format!("the refunds of {payment_intent} do not come to their end")))
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewayRefund>> {
        let answer = self.page_since(REFUNDS, since, after).await?;
        List::of(&answer, refund::KIND, after)
            .and_then(|list| list.every(refund::read))
            .map_err(GatewayError::Unknown)
    }

    async fn dispute(&self, id: &str) -> Answer<GatewayDispute> {
        let read = |object: &Object<'_>| Ok(dispute::read(object));
        self.look_up(dispute::KIND, DISPUTES, id, &[], read).await
    }

    async fn disputes_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewayDispute>> {
        let answer = self.page_since(DISPUTES, since, after).await?;
        List::of(&answer, dispute::KIND, after)
            .and_then(|list| list.every(|object| Ok(dispute::read(object))))
            .map_err(GatewayError::Unknown)
    }

    fn verify(&self, payload: &[u8], signature: &str, now: Timestamp) -> Result<GatewayEvent, WebhookError> {
        webhook::verify(&self.webhook_secrets, payload, signature, now)
    }
}
