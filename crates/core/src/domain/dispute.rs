//! Disputes: the payer's bank takes the money back, or threatens to.

use super::{Money, Timestamp};

/// Where a dispute stands: Stripe's words, an inquiry (`warning_…`) told as what it may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisputeState {
    /// Evidence is awaited.
    NeedsResponse,
    /// The bank looks at the evidence. Any word that is new to us, too: it is open in some way.
    UnderReview,
    /// Decided for the clinic.
    Won,
    /// Decided for the payer: the money is gone.
    Lost,
    /// An inquiry that ended without becoming a dispute.
    Closed,
}

impl DisputeState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::NeedsResponse, Self::UnderReview, Self::Won, Self::Lost, Self::Closed];

    /// As it stands in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Closed => "closed",
        }
    }

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Reads Stripe's `status` of a dispute.
    pub fn of_stripe(status: &str) -> Self {
        match status {
            "needs_response" | "warning_needs_response" => Self::NeedsResponse,
            "won" => Self::Won,
            "lost" => Self::Lost,
            "warning_closed" | "prevented" => Self::Closed,
            _ => Self::UnderReview,
        }
    }

    /// Whether it is still going on.
    pub fn is_open(self) -> bool {
        matches!(self, Self::NeedsResponse | Self::UnderReview)
    }

    /// Whether `next` can be newer news than this. A dispute goes back from review to awaiting more
    /// evidence, an inquiry that was closed can become a dispute, and only a decision is final.
    pub fn may_become(self, next: Self) -> bool {
        self != next && !matches!(self, Self::Won | Self::Lost)
    }
}

/// A dispute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// `dp_…` (`du_…` in newer accounts).
    pub gateway_id: String,
    /// The disputed capture.
    pub payment_intent: String,
    /// How much of it is disputed; the currency is the bank's choice.
    pub amount: Money,
    /// Where it stands.
    pub state: DisputeState,
    /// Stripe's word for the reason: `fraudulent`.
    pub reason: String,
    /// When we learned of it.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for state in DisputeState::ALL {
            assert_eq!(DisputeState::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn stripes_words() {
        use DisputeState::{Closed, Lost, NeedsResponse, UnderReview, Won};
        for (word, state) in [
            ("needs_response", NeedsResponse),
            ("warning_needs_response", NeedsResponse),
            ("under_review", UnderReview),
            ("warning_under_review", UnderReview),
            ("won", Won),
            ("lost", Lost),
            ("warning_closed", Closed),
            ("prevented", Closed),
            ("a word of next year", UnderReview),
        ] {
            assert_eq!(DisputeState::of_stripe(word), state, "{word}");
        }
        let open = DisputeState::ALL.into_iter().filter(|state| state.is_open());
        assert_eq!(open.collect::<Vec<_>>(), [NeedsResponse, UnderReview]);
    }

    #[test]
    fn a_decision_is_final() {
        for next in DisputeState::ALL {
            assert!(!DisputeState::Won.may_become(next) && !DisputeState::Lost.may_become(next));
        }
        assert!(DisputeState::UnderReview.may_become(DisputeState::Lost));
        assert!(DisputeState::Closed.may_become(DisputeState::NeedsResponse));
    }
}
