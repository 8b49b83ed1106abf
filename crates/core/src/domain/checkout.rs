//! A Stripe Checkout Session as Sekali keeps it.

use super::{PaymentId, Timestamp};
use uuid::Uuid;

/// Where a session stands. The first three are live: one of them per consultation at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// The intent is committed; whether Stripe has made the session is not known yet.
    Creating,
    /// The patient can pay at it.
    Open,
    /// The patient has confirmed; the money is on its way (a bank payment) and may yet fail.
    Submitted,
    /// Paid.
    Complete,
    /// It can no longer be paid, and was not: Stripe says so, or has never made it.
    Expired,
}

impl SessionState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Creating, Self::Open, Self::Submitted, Self::Complete, Self::Expired];

    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Open => "open",
            Self::Submitted => "submitted",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether money could still arrive through it.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Creating | Self::Open | Self::Submitted)
    }
}

/// A session, from the committed intent to create it onwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Sekali's own name for it: the idempotency key of the call that creates it, and in its metadata.
    pub id: Uuid,
    /// The payment it is to pay.
    pub payment: PaymentId,
    /// Where it stands.
    pub state: SessionState,
    /// The exact encoded body of the call that creates it: a repeat sends these very bytes.
    pub request: String,
    /// Stripe's name for it, once known: `cs_…`.
    pub gateway_id: Option<String>,
    /// The idempotency key of the call that ends it, once somebody wants it ended.
    pub ending: Option<Uuid>,
    /// When the intent was committed.
    pub created_at: Timestamp,
}
