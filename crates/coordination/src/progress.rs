//! Which of two words about one payment is the later one.

use sekali_core::domain::Status;
use sekali_core::ports::Current;

/// How far along its way a payment is. Every transition that [`Status::may_become`] allows raises
/// it, or leaves the payment in an end state, and the confirmation at Stripe (`can_be_paid` turning
/// false while `processing`) lies between. So of two words about one payment the higher one is the
/// later one, whatever order they arrive in, and no clocks of different servers are compared.
pub(crate) fn progress(status: Status, can_be_paid: bool) -> u8 {
    match status {
        Status::Pending => 0,
        Status::Processing if can_be_paid => 1,
        Status::Processing => 2,
        Status::Completed | Status::Failed | Status::Cancelled | Status::Expired => 3,
        Status::Refunded => 4,
    }
}

/// The later of what a cached answer says and what the board says. A server that was cut off while
/// it settled leaves an old word on the board; an answer cached since then knows better.
pub(crate) fn later(cached: Current, board: Current) -> Current {
    let (Current::Known { status, can_be_paid }, Current::Known { status: on_board, can_be_paid: payable }) =
        (cached, board)
    else {
        return Current::Changing;
    };
    if progress(status, can_be_paid) > progress(on_board, payable) { cached } else { board }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_allowed_transition_is_progress() {
        for from in Status::ALL {
            for to in Status::ALL.into_iter().filter(|to| from.may_become(*to)) {
                for (before, after) in [(true, true), (true, false), (false, false)] {
                    assert!(progress(from, before) < progress(to, after), "{from} to {to}");
                }
            }
        }
        assert!(progress(Status::Processing, true) < progress(Status::Processing, false));
    }

    #[test]
    fn the_later_word_counts_and_a_tombstone_beats_both() {
        let known = |status, can_be_paid| Current::Known { status, can_be_paid };
        let (open, done) = (known(Status::Processing, true), known(Status::Completed, false));
        assert_eq!(later(open, done), done);
        assert_eq!(later(done, open), done);
        assert_eq!(later(done, Current::Changing), Current::Changing);
    }
}
