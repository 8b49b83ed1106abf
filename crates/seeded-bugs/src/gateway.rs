//! Stripe, called with a bug.

use crate::bug::Bug;
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::gateway::WebhookError;
use sekali_core::ports::{
    Gateway, GatewayCharge, GatewayDispute, GatewayError, GatewayEvent, GatewayIntent, GatewayPage,
    GatewayRefund, GatewaySession, GatewayStatus, RefundDraft, SessionDraft,
};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Passes calls on, but for those that the bug is about.
pub(crate) struct BuggedGateway {
    inner: Arc<dyn Gateway>,
    bug: Bug,
    attempts: AtomicU64,
    ended: Mutex<BTreeSet<String>>,
}

impl BuggedGateway {
    pub(crate) fn new(inner: Arc<dyn Gateway>, bug: Bug) -> Self {
        Self { inner, bug, attempts: AtomicU64::new(0), ended: Mutex::default() }
    }

    /// The key, or another one at each attempt, and in each process.
    fn key(&self, key: Uuid, fresh: bool) -> Uuid {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let own = (u128::from(std::process::id()) << 64) | u128::from(attempt);
        if fresh { Uuid::from_u128(key.as_u128() ^ own) } else { key }
    }

    fn is_ended(&self, id: &str) -> bool {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }
}

type Answer<T> = Result<T, GatewayError>;

#[async_trait]
impl Gateway for BuggedGateway {
    fn encode(&self, draft: &SessionDraft) -> String {
        self.inner.encode(draft)
    }

    fn encode_refund(&self, draft: &RefundDraft) -> String {
        self.inner.encode_refund(draft)
    }

    async fn create_session(&self, key: Uuid, request: &str) -> Answer<GatewaySession> {
        let key = self.key(key, self.bug == Bug::FreshSessionKey);
        self.inner.create_session(key, request).await
    }

    async fn expire_session(&self, key: Uuid, id: &str) -> Answer<GatewaySession> {
        if self.bug != Bug::CancelsAlone {
            return self.inner.expire_session(key, id).await;
        }
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        self.session(id).await
    }

    async fn session(&self, id: &str) -> Answer<GatewaySession> {
        let session = self.inner.session(id).await?;
        let ended = session.status == GatewayStatus::Open && self.is_ended(id);
        let status = if ended { GatewayStatus::Expired } else { session.status };
        Ok(GatewaySession { status, ..session })
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewaySession>> {
        self.inner.sessions_since(since, after).await
    }

    async fn session_of_intent(&self, payment_intent: &str) -> Answer<Option<GatewaySession>> {
        self.inner.session_of_intent(payment_intent).await
    }

    async fn intent(&self, id: &str) -> Answer<GatewayIntent> {
        self.inner.intent(id).await
    }

    async fn charge(&self, id: &str) -> Answer<GatewayCharge> {
        self.inner.charge(id).await
    }

    async fn charges_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewayCharge>> {
        self.inner.charges_since(since, after).await
    }

    async fn create_refund(&self, key: Uuid, request: &str) -> Answer<GatewayRefund> {
        let key = self.key(key, self.bug == Bug::FreshRefundKey);
        self.inner.create_refund(key, request).await
    }

    async fn refund(&self, id: &str) -> Answer<GatewayRefund> {
        self.inner.refund(id).await
    }

    async fn refunds_of(&self, payment_intent: &str) -> Answer<Vec<GatewayRefund>> {
        self.inner.refunds_of(payment_intent).await
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewayRefund>> {
        self.inner.refunds_since(since, after).await
    }

    async fn dispute(&self, id: &str) -> Answer<GatewayDispute> {
        self.inner.dispute(id).await
    }

    async fn disputes_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Answer<GatewayPage<GatewayDispute>> {
        self.inner.disputes_since(since, after).await
    }

    fn verify(&self, payload: &[u8], signature: &str, now: Timestamp) -> Result<GatewayEvent, WebhookError> {
        self.inner.verify(payload, signature, now)
    }
}
