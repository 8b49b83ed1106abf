//! A payment and the states it passes through.

use super::{ConsultationId, DisputeState, Invoice, Money, PaymentId, Timestamp, UserId};
use uuid::Uuid;

/// Where a payment stands (contract, part 6; design, part 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Created.
    Pending,
    /// A Checkout Session is being opened or is open, or an outcome is unknown.
    Processing,
    /// Captured.
    Completed,
    /// Certain that it was not and can no longer be paid.
    Failed,
    /// Given up by the patient or an operator, and certain that it can no longer be paid.
    Cancelled,
    /// Ran out of time, and certain that it can no longer be paid.
    Expired,
    /// From completed, wholly refunded.
    Refunded,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Refunded,
    ];

    /// As it stands in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether it blocks another payment of the same consultation.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Processing | Self::Completed)
    }

    /// Whether the state may change from this one to `next`. Whatever is not listed is an error, in
    /// the database as well: each UPDATE names the state it leaves.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Pending, Self::Processing | Self::Cancelled | Self::Expired)
                | (Self::Processing, Self::Completed | Self::Failed | Self::Cancelled | Self::Expired)
                | (Self::Completed, Self::Refunded)
        )
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How the patient pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaymentMethod {
    /// At Stripe Checkout.
    Stripe,
}

impl PaymentMethod {
    /// As it stands in requests, answers and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        (word == "stripe").then_some(Self::Stripe)
    }
}

/// A payment as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Its number.
    pub id: PaymentId,
    /// Its opaque name: what Stripe and signed addresses know it by.
    pub reference: Uuid,
    /// Who pays.
    pub user: UserId,
    /// For what.
    pub consultation: ConsultationId,
    /// How much.
    pub amount: Money,
    /// How.
    pub method: PaymentMethod,
    /// Where it stands.
    pub status: Status,
    /// It is `processing` and has no session to pay at: the patient has confirmed at Stripe and the
    /// outcome is awaited, or money came that an operator has to look at. It cannot be paid again.
    pub submitted: bool,
    /// The patient or an operator wants it cancelled; whether its session is dead is not known yet.
    pub cancel_requested: bool,
    /// How much of it was given back for certain: refunds that succeeded.
    pub refunded: Money,
    /// Where its dispute stands, if the payer's bank has opened one.
    pub dispute: Option<DisputeState>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

impl Payment {
    /// Whether the patient can go on to pay it.
    pub fn can_be_paid(&self) -> bool {
        matches!(self.status, Status::Pending | Status::Processing)
            && !self.submitted
            && !self.cancel_requested
    }
}

/// A payment with its invoice: what answers show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The payment.
    pub payment: Payment,
    /// Its invoice.
    pub invoice: Invoice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
            assert_eq!(status.to_string(), status.as_str());
        }
        assert_eq!(Status::parse("PENDING"), None);
    }

    #[test]
    fn whatever_is_not_listed_is_no_step() {
        use Status::{Cancelled, Completed, Expired, Failed, Pending, Processing, Refunded};
        let steps = [
            (Pending, Processing),
            (Pending, Cancelled),
            (Pending, Expired),
            (Processing, Completed),
            (Processing, Failed),
            (Processing, Cancelled),
            (Processing, Expired),
            (Completed, Refunded),
        ];
        for (from, next) in Status::ALL.into_iter().flat_map(|from| Status::ALL.map(|next| (from, next))) {
            assert_eq!(from.may_become(next), steps.contains(&(from, next)), "{from} to {next}");
        }
        let active = Status::ALL.into_iter().filter(|status| status.is_active());
        assert_eq!(active.collect::<Vec<_>>(), [Pending, Processing, Completed]);
    }

    #[test]
    fn a_terminal_state_never_goes_back() {
        let terminal = [Status::Failed, Status::Cancelled, Status::Expired, Status::Refunded];
        for from in terminal {
            assert!(Status::ALL.into_iter().all(|next| !from.may_become(next)), "{from} is the end");
            assert!(!from.is_active());
        }
        let only_refunded = Status::ALL.into_iter().filter(|next| Status::Completed.may_become(*next));
        assert_eq!(only_refunded.collect::<Vec<_>>(), [Status::Refunded]);
    }
}
