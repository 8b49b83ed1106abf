//! The payment gateway: Stripe, or a server that speaks Stripe's API.

use crate::domain::{Money, Timestamp};
use async_trait::async_trait;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

/// What a Checkout Session is made of. Nothing about health is in it: opaque names only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDraft {
    /// The session's own name: the call's idempotency key.
    pub session: Uuid,
    /// The payment's reference.
    pub payment_reference: Uuid,
    /// This installation, so that a webhook of another one on the same Stripe account is told apart.
    pub installation: Uuid,
    /// What is to be paid.
    pub amount: Money,
    /// Where Stripe sends the patient after paying; `{CHECKOUT_SESSION_ID}` is filled in by Stripe.
    pub success_url: String,
    /// Where Stripe's "back" leads.
    pub cancel_url: String,
    /// When the session runs out.
    pub expires_at: Timestamp,
    /// Language of Stripe's page: `id` or `en`.
    pub locale: String,
}

/// Where Stripe says that a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayStatus {
    /// It can be paid.
    Open,
    /// Confirmed, and the money is there.
    Paid,
    /// Confirmed, and the money is on its way.
    Unpaid,
    /// It can no longer be paid, and was not.
    Expired,
}

/// A session as Stripe describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySession {
    /// `cs_…`.
    pub id: String,
    /// Where it stands.
    pub status: GatewayStatus,
    /// The hosted page, while it is open.
    pub url: Option<String>,
    /// What it charges; `None` in a currency that is none of ours.
    pub amount: Option<Money>,
    /// `pi_…`, once the patient has confirmed.
    pub payment_intent: Option<String>,
    /// Our name for the session, from its metadata.
    pub session: Option<Uuid>,
    /// The installation that made it, from its metadata.
    pub installation: Option<Uuid>,
}

/// A call to the gateway that did not bring an object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GatewayError {
    /// Nobody knows whether it happened: time-out, 5xx, 409, 429, a lost answer.
    #[error("the gateway gave no definite answer: {0}")]
    Unknown(String),
    /// The gateway knows no such object.
    #[error("the gateway knows no such object")]
    NotFound,
    /// The gateway refused, definitely: nothing has happened.
    #[error("the gateway refused with status {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stripe's words, for the log.
        message: String,
    },
}

/// A verified webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayEvent {
    /// `evt_…`.
    pub id: String,
    /// `checkout.session.completed`.
    pub kind: String,
    /// The id of the object it is about, such as `cs_…`.
    pub object: Option<String>,
}

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WebhookError {
    /// No `Stripe-Signature`, or one that cannot be read.
    #[error("the signature header is missing or malformed")]
    Malformed,
    /// Signed by nobody we know, or the body was changed.
    #[error("the signature does not match")]
    Forged,
    /// Signed longer ago than the tolerance, or in the future.
    #[error("the signature's time is out of tolerance")]
    OutOfTolerance,
    /// Properly signed, but no event.
    #[error("the body is no event")]
    NoEvent,
}

/// How far a webhook's signature may lie from now, in either direction (Stripe's own default).
pub const WEBHOOK_TOLERANCE: Duration = Duration::from_secs(300);

/// Stripe.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Encodes the request that makes a session. Pure: the result is committed before it is sent.
    fn encode(&self, draft: &SessionDraft) -> String;

    /// Makes a session from an encoded request; the same key and bytes give the same session.
    async fn create_session(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError>;

    /// Looks a session up.
    async fn session(&self, id: &str) -> Result<GatewaySession, GatewayError>;

    /// Checks a webhook's signature over the raw bytes, and reads what it is about.
    fn verify(&self, payload: &[u8], signature: &str, now: Timestamp) -> Result<GatewayEvent, WebhookError>;
}
