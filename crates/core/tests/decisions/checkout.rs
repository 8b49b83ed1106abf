//! A session is intended, opened, and a card is declined at it.

use crate::support::{MADE, SESSION, decided, file, moved, name, nothing, origin, session, with_session};
use sekali_core::decision::Change;
use sekali_core::decision::decline::declined;
use sekali_core::decision::open::{NewSession, Opening, intend, opened};
use sekali_core::domain::{CheckoutSession, SessionState, Status, What};

fn new(number: u128) -> NewSession {
    NewSession { id: name(number), request: "mode=payment".into(), at: MADE }
}

#[test]
fn only_a_payment_that_can_be_paid_gets_a_session() {
    for status in Status::ALL {
        let (decision, opening) = intend(&file(status), &new(1), &origin());
        if status != Status::Pending {
            assert_eq!((decision, opening), (nothing(MADE), Opening::NotPayable), "{status}");
            continue;
        }
        let intended = session(SessionState::Creating);
        let changes = vec![
            Change::NewSession(intended.clone()),
            Change::Status { from: Status::Pending, to: Status::Processing },
        ];
        let expected = decided(MADE, changes, vec![What::CheckoutIntended { session: SESSION }]);
        assert_eq!((decision, opening), (expected, Opening::Intended(intended)));
    }
    let mut wanted_cancelled = file(Status::Pending);
    wanted_cancelled.payment.cancel_requested = true;
    assert_eq!(intend(&wanted_cancelled, &new(1), &origin()), (nothing(MADE), Opening::NotPayable));
    let mut submitted = with_session(Status::Processing, SessionState::Submitted);
    submitted.payment.submitted = true;
    assert_eq!(intend(&submitted, &new(1), &origin()), (nothing(MADE), Opening::NotPayable));
}

#[test]
fn a_live_session_is_gone_on_with_and_ones_own_is_known_again() {
    for state in [SessionState::Creating, SessionState::Open] {
        let file = with_session(Status::Processing, state);
        let own = intend(&file, &new(1), &origin());
        assert_eq!(own, (nothing(MADE), Opening::Intended(session(state))), "{state:?}");
        let other = intend(&file, &new(2), &origin());
        assert_eq!(other, (nothing(MADE), Opening::Live(session(state))), "{state:?}");
    }
    for state in [SessionState::Complete, SessionState::Expired] {
        let file = with_session(Status::Processing, state);
        assert_eq!(intend(&file, &new(2), &origin()), (nothing(MADE), Opening::NotPayable), "{state:?}");
    }
}

#[test]
fn a_session_that_was_given_up_without_a_name_is_ended_when_stripe_names_it() {
    let opening = |state, gateway_id: Option<&str>| {
        let mut file = with_session(Status::Processing, state);
        file.sessions[0].gateway_id = gateway_id.map(str::to_owned);
        opened(&file, SESSION, "cs_1", name(3), MADE, &origin())
    };
    let changes = vec![moved(SessionState::Creating, SessionState::Open, Some("cs_1"))];
    let noted = vec![What::SessionOpened { session: SESSION, gateway_id: "cs_1".into() }];
    assert_eq!(opening(SessionState::Creating, None), (decided(MADE, changes, noted), true));
    for state in [SessionState::Open, SessionState::Submitted, SessionState::Complete] {
        assert_eq!(opening(state, Some("cs_1")), (nothing(MADE), true), "{state:?}");
    }
    // Whatever it was called when it was given up: one of the other name can still be paid.
    let ending = || decided(MADE, vec![Change::Ending { id: SESSION, key: name(3) }], Vec::new());
    for known in [None, Some("cs_other")] {
        assert_eq!(opening(SessionState::Expired, known), (ending(), false), "{known:?}");
    }
    assert_eq!(opening(SessionState::Expired, Some("cs_1")), (nothing(MADE), true));
    let unknown = opened(&file(Status::Pending), SESSION, "cs_1", name(3), MADE, &origin());
    assert_eq!(unknown, (nothing(MADE), true));
}

#[test]
fn a_decline_is_noted_while_its_session_is_open_and_old_news_afterwards() {
    for state in SessionState::ALL {
        let decision = declined(
            &with_session(Status::Processing, state),
            SESSION,
            "pi_1",
            "card_declined",
            MADE,
            &origin(),
        );
        let what = What::CardDeclined {
            session: SESSION,
            payment_intent: "pi_1".into(),
            code: "card_declined".into(),
        };
        let noted = if state == SessionState::Open { vec![what] } else { Vec::new() };
        assert_eq!(decision, decided(MADE, Vec::new(), noted), "{state:?}");
    }
    let elsewhere = with_session(Status::Processing, SessionState::Open);
    assert_eq!(declined(&elsewhere, name(8), "pi_1", "x", MADE, &origin()), nothing(MADE));
}

#[test]
fn of_several_sessions_the_live_one_counts() {
    let mut file = with_session(Status::Processing, SessionState::Expired);
    let live = CheckoutSession { id: name(2), ..session(SessionState::Open) };
    file.sessions.push(live.clone());
    assert_eq!(intend(&file, &new(3), &origin()).1, Opening::Live(live));
}
