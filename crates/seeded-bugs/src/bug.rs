//! The bugs.

/// Names the bug.
pub(crate) const VARIABLE: &str = "SEKALI_BUG";

/// One bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The database has no unique index and locks no row, and the lock expires at once.
    NoUniqueIndex,
    /// 201 is answered, and cached, while the transaction is still to be committed.
    AnswersBeforeCommit,
    /// Each attempt to make a session has an idempotency key of its own.
    FreshSessionKey,
    /// Each attempt to make a refund has an idempotency key of its own.
    FreshRefundKey,
    /// A webhook is answered 200 before it is kept.
    WebhookNotKept,
    /// An event is finished when it is taken up, and not when it was dealt with.
    WebhookFinishedFirst,
    /// Decisions are taken on a payment's file as it was a moment ago.
    StaleFile,
    /// A message is noted as delivered, and then sent.
    NotedBeforeTold,
    /// A payment is cancelled without a word to Stripe.
    CancelsAlone,
    /// An unclear commit is answered with an error, and forgotten.
    UnclearIsAnError,
    /// The cache keeps keys, whoever's they are.
    KeysOfEverybody,
    /// Other servers are not told of a changed status.
    BoardNotTold,
}

impl Bug {
    const ALL: [(Self, &'static str); 12] = [
        (Self::NoUniqueIndex, "no-unique-index"),
        (Self::AnswersBeforeCommit, "answers-before-commit"),
        (Self::FreshSessionKey, "fresh-session-key"),
        (Self::FreshRefundKey, "fresh-refund-key"),
        (Self::WebhookNotKept, "webhook-not-kept"),
        (Self::WebhookFinishedFirst, "webhook-finished-first"),
        (Self::StaleFile, "stale-file"),
        (Self::NotedBeforeTold, "noted-before-told"),
        (Self::CancelsAlone, "cancels-alone"),
        (Self::UnclearIsAnError, "unclear-is-an-error"),
        (Self::KeysOfEverybody, "keys-of-everybody"),
        (Self::BoardNotTold, "board-not-told"),
    ];

    /// Reads a name. The error is one sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(|(_, name)| name).join(", ");
        let found = Self::ALL.into_iter().find(|(_, name)| *name == text);
        found
            .map(|(bug, _)| bug)
            .ok_or_else(|| format!("{VARIABLE} is {text:?}, which names no bug: give one of {}", names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_can_be_named() {
        for (bug, name) in Bug::ALL {
            assert_eq!(Bug::parse(name), Ok(bug));
        }
        assert!(Bug::parse("none").unwrap_err().contains(VARIABLE));
    }
}
