//! Refunds: money that goes back.

use super::{Fingerprint, IdempotencyKey, Money, Timestamp, UserId};
use uuid::Uuid;

/// Where a refund stands. The first three take up the capture's money: together they never exceed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// The intent is committed; whether Stripe knows of it is not known yet.
    Requested,
    /// Stripe has it, and the money is on its way.
    Pending,
    /// The money is back. A bank may still send it back to us: then it has failed after all.
    Succeeded,
    /// The money did not arrive, or Stripe refused.
    Failed,
    /// Called back before it went out.
    Canceled,
}

impl RefundState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Requested, Self::Pending, Self::Succeeded, Self::Failed, Self::Canceled];

    /// As it stands in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether it takes up the capture's money.
    pub fn counts(self) -> bool {
        matches!(self, Self::Requested | Self::Pending | Self::Succeeded)
    }

    /// Whether its end is still awaited.
    pub fn is_awaited(self) -> bool {
        matches!(self, Self::Requested | Self::Pending)
    }

    /// Whether the state may change from this one to `next`. Older news would go the other way.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Requested, Self::Pending | Self::Succeeded | Self::Failed | Self::Canceled)
                | (Self::Pending, Self::Succeeded | Self::Failed | Self::Canceled)
                | (Self::Succeeded, Self::Failed)
        )
    }
}

/// Who wanted a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundOrigin {
    /// An operator, by the API. Keys belong to their user.
    Operator {
        /// Who.
        by: UserId,
        /// The client's name for this wish.
        key: IdempotencyKey,
        /// What the key stands for.
        fingerprint: Fingerprint,
    },
    /// Sekali itself: the money settles no payment, or an earlier refund of it bounced.
    Automatic,
    /// Somebody in Stripe's own dashboard.
    Dashboard,
}

impl RefundOrigin {
    /// As it stands in the database and in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Operator { .. } => "operator",
            Self::Automatic => "automatic",
            Self::Dashboard => "dashboard",
        }
    }
}

/// A refund, from the committed intent onwards; one made elsewhere, from the moment we learn of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Sekali's own name for it: the idempotency key of the call that makes it, and in its metadata.
    pub id: Uuid,
    /// The capture it gives back: `pi_…`.
    pub payment_intent: String,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
    /// Who wanted it.
    pub origin: RefundOrigin,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// The exact encoded body of the call that makes it. Empty for one made elsewhere.
    pub request: String,
    /// Stripe's name for it, once known: `re_…`.
    pub gateway_id: Option<String>,
    /// The refund that bounced and that this one makes up for.
    pub replaces: Option<Uuid>,
    /// Why it failed, in Stripe's words.
    pub failure: Option<String>,
    /// When the intent was committed.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for state in RefundState::ALL {
            assert_eq!(RefundState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn which_states_take_up_money_and_which_are_awaited() {
        use RefundState::{Pending, Requested, Succeeded};
        let those = |is: fn(RefundState) -> bool| -> Vec<_> {
            RefundState::ALL.into_iter().filter(|state| is(*state)).collect()
        };
        assert_eq!(those(RefundState::counts), [Requested, Pending, Succeeded]);
        assert_eq!(those(RefundState::is_awaited), [Requested, Pending]);
    }

    #[test]
    fn older_news_changes_nothing() {
        for ended in [RefundState::Failed, RefundState::Canceled] {
            assert!(RefundState::ALL.into_iter().all(|next| !ended.may_become(next)));
        }
        assert!(RefundState::Succeeded.may_become(RefundState::Failed), "a bank may send it back");
        assert!(!RefundState::Succeeded.may_become(RefundState::Pending));
        assert!(RefundState::ALL.into_iter().all(|state| !state.may_become(RefundState::Requested)));
    }
}
