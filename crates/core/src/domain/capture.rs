//! Money that Stripe has taken.

use super::{Money, Timestamp};
use uuid::Uuid;

/// What a capture is to its payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It pays the payment. A payment has one such capture at most.
    Settled,
    /// The payment did not wait for money: it is paid already, or over. To be given back.
    Surplus,
    /// The payment waited for another amount, or another currency. To be given back.
    Mismatch,
}

impl Disposition {
    /// Every disposition.
    pub const ALL: [Self; 3] = [Self::Settled, Self::Surplus, Self::Mismatch];

    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Surplus => "surplus",
            Self::Mismatch => "mismatch",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|disposition| disposition.as_str() == word)
    }
}

/// A capture, whether it settles a payment or not. The payment intent is its key: it is counted once,
/// whoever tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// `pi_…`.
    pub payment_intent: String,
    /// Our session through which it came.
    pub session: Uuid,
    /// How much.
    pub amount: Money,
    /// What it is to the payment.
    pub disposition: Disposition,
    /// When we learned of it.
    pub created_at: Timestamp,
}
