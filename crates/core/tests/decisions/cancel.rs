//! Giving up.

use crate::support::{
    MADE, SESSION, after, decided, file, moved, name, nothing, origin, session, with_session,
};
use sekali_core::decision::Change;
use sekali_core::decision::cancel::{Cancelling, cancel, expire};
use sekali_core::domain::record::EndReason;
use sekali_core::domain::{CheckoutSession, SessionState, Status, What};
use std::time::Duration;

fn ended(to: Status, reason: EndReason) -> (Vec<Change>, Vec<What>) {
    let what = What::Ended { to: to.as_str().into(), reason, session: None, gateway_id: None };
    (vec![Change::Status { from: Status::Pending, to }], vec![what])
}

#[test]
fn what_nobody_went_on_to_pay_expires_at_its_deadline_and_not_a_moment_before() {
    let (at, second) = (after(Duration::from_secs(86_400)), MADE.whole_second());
    let moment = Duration::from_micros(1);
    let (changes, noted) = ended(Status::Expired, EndReason::NeverStarted);
    for deadline in [second, second.plus(moment), at] {
        let expected = (decided(at, changes.clone(), noted.clone()), true);
        assert_eq!(expire(&file(Status::Pending), deadline, at, &origin()), expected, "{deadline:?}");
    }
    let early = expire(&file(Status::Pending), second.minus(moment), at, &origin());
    assert_eq!(early, (nothing(at), false));
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Pending) {
        assert_eq!(expire(&file(status), at, at, &origin()), (nothing(at), false), "{status}");
    }
}

#[test]
fn without_a_session_it_is_cancelled_at_once_and_what_is_over_stays_as_it_is() {
    for status in Status::ALL {
        let (decision, became) = cancel(&file(status), name(3), MADE, &origin());
        let (changes, noted) = match status {
            Status::Pending => ended(Status::Cancelled, EndReason::Cancelled),
            _ => Default::default(),
        };
        assert_eq!(decision, decided(MADE, changes, noted), "{status}");
        let expected = match status {
            Status::Pending | Status::Cancelled => Cancelling::Cancelled,
            Status::Processing | Status::Completed => Cancelling::Confirmed,
            Status::Failed | Status::Expired | Status::Refunded => Cancelling::Over(status),
        };
        assert_eq!(became, expected, "{status}");
    }
}

#[test]
fn a_session_is_ended_first_with_a_new_key_each_time() {
    let wanted = || (Change::CancelRequested, What::CancelRequested { session: Some(SESSION) });
    let ending = || Change::Ending { id: SESSION, key: name(3) };
    for (state, asked_before) in [
        (SessionState::Creating, false),
        (SessionState::Creating, true),
        (SessionState::Open, false),
        (SessionState::Open, true),
    ] {
        let mut file = with_session(Status::Processing, state);
        file.payment.cancel_requested = asked_before;
        let open = state == SessionState::Open;
        let (mut changes, mut noted) = (Vec::new(), Vec::new());
        if !asked_before {
            changes.push(wanted().0);
            noted.push(wanted().1);
        }
        changes.extend(open.then(ending));
        let left = CheckoutSession { ending: open.then_some(name(3)), ..session(state) };
        let expected = (decided(MADE, changes, noted), Cancelling::Ending(left));
        assert_eq!(cancel(&file, name(3), MADE, &origin()), expected, "{state:?}, {asked_before}");
    }
    for state in [SessionState::Submitted, SessionState::Complete, SessionState::Expired] {
        let file = with_session(Status::Processing, state);
        let expected = (nothing(MADE), Cancelling::Confirmed);
        assert_eq!(cancel(&file, name(3), MADE, &origin()), expected, "{state:?}");
    }
}

#[test]
fn a_decision_of_nothing_is_empty_and_no_other_is() {
    let (changes, noted) = ended(Status::Expired, EndReason::NeverStarted);
    assert!(nothing(MADE).is_empty());
    assert!(!decided(MADE, changes.clone(), Vec::new()).is_empty());
    assert!(!decided(MADE, Vec::new(), noted).is_empty());
    // The session's own change is one, too.
    let moved = moved(SessionState::Open, SessionState::Expired, None);
    assert!(!decided(MADE, vec![moved], Vec::new()).is_empty());
}
