//! The payment gateway: Stripe, or a server that speaks Stripe's API.

use crate::domain::{DisputeState, Money, RefundState, Timestamp};
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

/// Where Stripe says that a session stands, its payment intent considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayStatus {
    /// It can be paid.
    Open,
    /// Confirmed, and the money is there.
    Paid,
    /// Confirmed, and the money is on its way.
    Unpaid,
    /// Confirmed, and the bank has not paid: the session takes no second attempt.
    Failed,
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

/// A payment intent as Stripe describes it: one attempt after another to take one amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayIntent {
    /// `pi_…`.
    pub id: String,
    /// Stripe's code for the last failure, such as `card_declined`; cleared by success.
    pub failure: Option<String>,
    /// Our name for the session, from the metadata.
    pub session: Option<Uuid>,
    /// The installation that made it, from the metadata.
    pub installation: Option<Uuid>,
}

/// A charge that succeeded, as Stripe describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayCharge {
    /// `ch_…`.
    pub id: String,
    /// Whether money was taken; a declined attempt is a charge too.
    pub captured: bool,
    /// How much was taken; `None` in a currency that is none of ours.
    pub amount: Option<Money>,
    /// `pi_…`.
    pub payment_intent: Option<String>,
    /// Our name for the session, from the metadata that Stripe copies from the intent.
    pub session: Option<Uuid>,
    /// The installation that made it, likewise.
    pub installation: Option<Uuid>,
    /// When Stripe made it.
    pub created: Timestamp,
}

/// What a refund is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundDraft {
    /// The refund's own name: the call's idempotency key.
    pub refund: Uuid,
    /// This installation.
    pub installation: Uuid,
    /// The capture: `pi_…`.
    pub payment_intent: String,
    /// How much goes back.
    pub amount: Money,
}

/// A refund as Stripe describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRefund {
    /// `re_…`.
    pub id: String,
    /// Where it stands; never [`RefundState::Requested`].
    pub state: RefundState,
    /// How much; `None` in a currency that is none of ours.
    pub amount: Option<Money>,
    /// `pi_…`.
    pub payment_intent: Option<String>,
    /// Why it failed, in Stripe's word.
    pub failure: Option<String>,
    /// Our name for it, from its metadata; `None`: made elsewhere.
    pub refund: Option<Uuid>,
    /// The installation that made it, from its metadata.
    pub installation: Option<Uuid>,
    /// When Stripe made it.
    pub created: Timestamp,
}

/// A dispute as Stripe describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayDispute {
    /// `dp_…`.
    pub id: String,
    /// Where it stands.
    pub state: DisputeState,
    /// Stripe's word for the reason.
    pub reason: String,
    /// How much; `None` in a currency that is none of ours.
    pub amount: Option<Money>,
    /// `pi_…`.
    pub payment_intent: Option<String>,
}

/// One page of a list of Stripe's, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayPage<T> {
    /// The objects.
    pub items: Vec<T>,
    /// What the next page comes after; `None` on the last one.
    pub next: Option<String>,
}

/// A call to the gateway that did not bring an object.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GatewayError {
    /// Nobody knows whether it happened: time-out, 5xx, 409, 429, a lost answer.
    #[error("the gateway gave no definite answer: {0}")]
    Unknown(String),
    /// The idempotency key's stored answer is a failure, and will be for a day: repeating is no use, and
    /// whether the object was made only a look at the list can tell.
    #[error("the gateway has stored a failure under the key: {0}")]
    Spent(String),
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

/// Stripe. Calls that read may be made at any time; calls that change something only from a committed
/// intent, whose key and bytes they repeat.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Encodes the request that makes a session. Pure: the result is committed before it is sent.
    fn encode(&self, draft: &SessionDraft) -> String;

    /// Encodes the request that makes a refund. Pure, likewise.
    fn encode_refund(&self, draft: &RefundDraft) -> String;

    /// Makes a session from an encoded request; the same key and bytes give the same session.
    async fn create_session(&self, key: Uuid, request: &str) -> Result<GatewaySession, GatewayError>;

    /// Ends an open session. What comes back may be an old picture: look it up before relying on it.
    async fn expire_session(&self, key: Uuid, id: &str) -> Result<GatewaySession, GatewayError>;

    /// Looks a session up.
    async fn session(&self, id: &str) -> Result<GatewaySession, GatewayError>;

    /// Sessions made at or after `since`.
    async fn sessions_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewaySession>, GatewayError>;

    /// The session that a payment intent belongs to.
    async fn session_of_intent(&self, payment_intent: &str) -> Result<Option<GatewaySession>, GatewayError>;

    /// Looks a payment intent up.
    async fn intent(&self, id: &str) -> Result<GatewayIntent, GatewayError>;

    /// Looks a charge up.
    async fn charge(&self, id: &str) -> Result<GatewayCharge, GatewayError>;

    /// Charges made at or after `since`.
    async fn charges_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayCharge>, GatewayError>;

    /// Makes a refund from an encoded request; the same key and bytes give the same refund.
    async fn create_refund(&self, key: Uuid, request: &str) -> Result<GatewayRefund, GatewayError>;

    /// Looks a refund up.
    async fn refund(&self, id: &str) -> Result<GatewayRefund, GatewayError>;

    /// Every refund of one payment intent.
    async fn refunds_of(&self, payment_intent: &str) -> Result<Vec<GatewayRefund>, GatewayError>;

    /// Refunds made at or after `since`.
    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayRefund>, GatewayError>;

    /// Looks a dispute up.
    async fn dispute(&self, id: &str) -> Result<GatewayDispute, GatewayError>;

    /// Disputes opened at or after `since`.
    async fn disputes_since(
        &self,
        since: Timestamp,
        after: Option<&str>,
    ) -> Result<GatewayPage<GatewayDispute>, GatewayError>;

    /// Checks a webhook's signature over the raw bytes, and reads what it is about.
    fn verify(&self, payload: &[u8], signature: &str, now: Timestamp) -> Result<GatewayEvent, WebhookError>;
}
