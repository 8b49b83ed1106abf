//! What follows from what Stripe says of a session.

use crate::support::{
    AMOUNT, INTENT, MADE, SESSION, captured, decided, moved, name, nothing, origin, pesos, with_session,
};
use sekali_core::decision::settle::{News, Settlement, Settling, settle};
use sekali_core::decision::{Change, Decision};
use sekali_core::domain::record::EndReason;
use sekali_core::domain::{
    Capture, Currency, Disposition, Money, PaymentFile, SessionState, Status, Timestamp, What,
};
use sekali_core::ports::CaseKind;
use uuid::Uuid;

const AT: Timestamp = MADE;

fn told(file: &PaymentFile, news: News) -> (Decision, Settling) {
    settle(file, &Settlement { session: SESSION, at: AT, news }, &origin())
}

fn gateway_id() -> String {
    "cs_1".to_owned()
}

fn paid(amount: Money) -> News {
    News::Paid { gateway_id: gateway_id(), payment_intent: INTENT.into(), amount }
}

/// A session ends, and its payment with it.
fn ended(from: SessionState, to: Status, reason: EndReason, gateway_id: Option<&str>) -> Decision {
    let what = What::Ended {
        to: to.as_str().into(),
        reason,
        session: Some(SESSION),
        gateway_id: gateway_id.map(str::to_owned),
    };
    let changes =
        vec![moved(from, SessionState::Expired, gateway_id), Change::Status { from: Status::Processing, to }];
    decided(AT, changes, vec![what])
}

fn capture(amount: Money, disposition: Disposition) -> Capture {
    let (payment_intent, created_at) = (INTENT.to_owned(), AT.whole_second());
    Capture { payment_intent, session: SESSION, amount, disposition, created_at }
}

#[test]
fn confirmed_is_news_of_a_session_that_could_be_paid() {
    for state in SessionState::ALL {
        let file = with_session(Status::Processing, state);
        let found = told(&file, News::Submitted { gateway_id: gateway_id() });
        let changes = vec![moved(state, SessionState::Submitted, Some("cs_1"))];
        let noted = vec![What::Submitted { session: SESSION, gateway_id: gateway_id() }];
        let expected = match state {
            SessionState::Creating | SessionState::Open => (decided(AT, changes, noted), Settling::Changed),
            _ => (nothing(AT), Settling::Unchanged),
        };
        assert_eq!(found, expected, "{state:?}");
    }
}

#[test]
fn each_bad_news_ends_only_what_it_can_be_about() {
    use SessionState::{Creating, Open, Submitted};
    let cs = Some("cs_1");
    let rows: [(News, &[SessionState], _, _, _); 4] = [
        (
            News::Expired { gateway_id: gateway_id() },
            &[Creating, Open],
            (Status::Expired, EndReason::SessionExpired),
            (Status::Cancelled, EndReason::Cancelled),
            cs,
        ),
        (
            News::BankFailed { gateway_id: gateway_id() },
            &[Creating, Open, Submitted],
            (Status::Failed, EndReason::BankFailed),
            (Status::Failed, EndReason::BankFailed),
            cs,
        ),
        (
            News::Refused,
            &[Creating],
            (Status::Failed, EndReason::Refused),
            (Status::Cancelled, EndReason::Cancelled),
            None,
        ),
        (
            News::NeverOpened,
            &[Creating],
            (Status::Failed, EndReason::NeverOpened),
            (Status::Cancelled, EndReason::Cancelled),
            None,
        ),
    ];
    for (news, about, otherwise, asked_for, named) in rows {
        for (state, asked) in SessionState::ALL.into_iter().flat_map(|state| [(state, false), (state, true)])
        {
            let mut file = with_session(Status::Processing, state);
            file.payment.cancel_requested = asked;
            let (to, reason) = if asked { asked_for } else { otherwise };
            let expected = if about.contains(&state) {
                (ended(state, to, reason, named), Settling::Changed)
            } else {
                (nothing(AT), Settling::Unchanged)
            };
            assert_eq!(told(&file, news.clone()), expected, "{news:?} of {state:?}, asked for: {asked}");
        }
    }
}

#[test]
fn the_awaited_money_completes_the_payment_from_any_state_of_its_session() {
    for state in SessionState::ALL {
        let file = with_session(Status::Processing, state);
        let mut changes = Vec::new();
        if state != SessionState::Complete {
            changes.push(moved(state, SessionState::Complete, Some("cs_1")));
        }
        changes.push(Change::NewCapture(capture(AMOUNT, Disposition::Settled)));
        changes.push(Change::Status { from: Status::Processing, to: Status::Completed });
        let what = What::Completed {
            session: SESSION,
            gateway_id: gateway_id(),
            payment_intent: INTENT.into(),
            amount: AMOUNT.into(),
        };
        assert_eq!(
            told(&file, paid(AMOUNT)),
            (decided(AT, changes, vec![what]), Settling::Changed),
            "{state:?}"
        );
    }
}

#[test]
fn other_money_than_was_awaited_is_a_mismatch_and_an_operators_case() {
    let yen = Money::new(AMOUNT.minor, Currency::from_code("JPY").unwrap());
    let words = "came for payment 100, which waits for 5000.00 PHP";
    for (amount, sentence) in [
        (pesos(499_999), format!("4999.99 PHP {words}")),
        (pesos(500_001), format!("5000.01 PHP {words}")),
        (yen, format!("500000 JPY {words}")),
    ] {
        let file = with_session(Status::Processing, SessionState::Open);
        let changes = vec![
            moved(SessionState::Open, SessionState::Complete, Some("cs_1")),
            Change::NewCapture(capture(amount, Disposition::Mismatch)),
            Change::OpenCase { kind: CaseKind::Mismatch, object: INTENT.into(), detail: sentence },
        ];
        let what = What::Mismatched {
            session: SESSION,
            gateway_id: gateway_id(),
            payment_intent: INTENT.into(),
            amount: amount.into(),
        };
        let expected = (decided(AT, changes, vec![what]), Settling::Stray(Disposition::Mismatch));
        assert_eq!(told(&file, paid(amount)), expected, "{amount}");
    }
}

#[test]
fn money_for_what_waits_for_none_is_surplus_whatever_its_amount() {
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Processing) {
        for amount in [AMOUNT, pesos(1)] {
            let file = with_session(status, SessionState::Expired);
            let detail =
                format!("{amount} PHP came for payment 100, which is {status} and waits for no money");
            let changes = vec![
                moved(SessionState::Expired, SessionState::Complete, Some("cs_1")),
                Change::NewCapture(capture(amount, Disposition::Surplus)),
                Change::OpenCase { kind: CaseKind::Surplus, object: INTENT.into(), detail },
            ];
            let what = What::SurplusCaptured {
                session: SESSION,
                gateway_id: gateway_id(),
                payment_intent: INTENT.into(),
                amount: amount.into(),
            };
            let expected = (decided(AT, changes, vec![what]), Settling::Stray(Disposition::Surplus));
            assert_eq!(told(&file, paid(amount)), expected, "{status}, {amount}");
        }
    }
    // Wrong money has come before: a second time is no settlement either.
    let file = captured(Status::Processing, Disposition::Mismatch, Vec::new());
    let second = News::Paid { gateway_id: gateway_id(), payment_intent: "pi_2".into(), amount: AMOUNT };
    assert_eq!(told(&file, second).1, Settling::Stray(Disposition::Surplus));
}

#[test]
fn a_capture_that_is_known_and_a_session_that_is_not_change_nothing() {
    for disposition in Disposition::ALL {
        let file = captured(Status::Processing, disposition, Vec::new());
        assert_eq!(told(&file, paid(AMOUNT)), (nothing(AT), Settling::Unchanged), "{disposition:?}");
    }
    let file = with_session(Status::Processing, SessionState::Open);
    let other: Uuid = name(99);
    let elsewhere = settle(&file, &Settlement { session: other, at: AT, news: paid(AMOUNT) }, &origin());
    assert_eq!(elsewhere, (nothing(AT), Settling::NoSession));
}
