//! What an operator wants back, and what Sekali gives back by itself.

use crate::support::{
    AMOUNT, INTENT, MADE, OPERATOR, after, captured, completed, decided, encode, file, name, nothing,
    operators, origin, pesos, refund,
};
use sekali_core::decision::Change;
use sekali_core::decision::refund::{Wish, Wishing, give_back, may_be_given_back, wish};
use sekali_core::domain::record::key_hash;
use sekali_core::domain::{
    Currency, Disposition, Fingerprint, IdempotencyKey, Money, PaymentFile, Refund, RefundOrigin,
    RefundState, Status, UserId, What,
};
use std::time::Duration;

const KEY: &str = "k";

fn wanted(amount: Option<Money>) -> Wish {
    Wish {
        id: name(20),
        by: OPERATOR,
        key: IdempotencyKey::new(KEY).unwrap(),
        fingerprint: Fingerprint([1; 32]),
        amount,
        reason: Some("double".into()),
        seen: None,
        at: MADE,
    }
}

fn wishing(file: &PaymentFile, asked: &Wish) -> Wishing {
    let (decision, became) = wish(file, asked, &origin(), encode);
    assert_eq!(decision.is_empty(), !matches!(became, Wishing::Made(_)), "{became:?}: {decision:?}");
    became
}

fn made(amount: Money) -> Refund {
    Refund {
        origin: operators(KEY, 1),
        reason: Some("double".into()),
        ..refund(20, amount.minor, RefundState::Requested)
    }
}

fn requested(refund: &Refund, wanted_by: &str, key: Option<&str>) -> What {
    What::RefundRequested {
        refund: refund.id,
        payment_intent: INTENT.into(),
        amount: refund.amount.into(),
        wanted_by: wanted_by.into(),
        reason: refund.reason.clone(),
        key_hash: key.map(|key| key_hash(&IdempotencyKey::new(key).unwrap())),
        replaces: refund.replaces,
    }
}

#[test]
fn any_part_down_to_the_last_centavo_and_no_more_than_remains() {
    let taken = vec![refund(1, 200_000, RefundState::Succeeded), refund(2, 99_999, RefundState::Failed)];
    let file = completed(taken);
    let remains = pesos(300_000);
    for amount in [None, Some(pesos(1)), Some(pesos(299_999)), Some(remains)] {
        let expected = made(amount.unwrap_or(remains));
        let changes = vec![Change::NewRefund(expected.clone())];
        let decision = decided(MADE, changes, vec![requested(&expected, "operator", Some(KEY))]);
        let found = wish(&file, &wanted(amount), &origin(), encode);
        assert_eq!(found, (decision, Wishing::Made(expected)), "{amount:?}");
    }
    let dollars = Money::new(1, Currency::from_code("USD").unwrap());
    for amount in [pesos(300_001), pesos(0), pesos(-1), pesos(i64::MAX), dollars] {
        assert_eq!(wishing(&file, &wanted(Some(amount))), Wishing::TooMuch(remains), "{amount:?}");
    }
}

#[test]
fn what_takes_up_money_and_what_does_not() {
    for state in RefundState::ALL {
        let file = completed(vec![refund(1, 500_000, state)]);
        let found = wishing(&file, &wanted(Some(AMOUNT)));
        if state.counts() {
            assert_eq!(found, Wishing::NotRefundable(Status::Completed), "{state:?}");
        } else {
            assert_eq!(found, Wishing::Made(made(AMOUNT)), "{state:?}");
        }
    }
}

#[test]
fn only_a_payment_that_was_captured_is_refunded() {
    for status in Status::ALL {
        let found = wishing(&captured(status, Disposition::Settled, Vec::new()), &wanted(None));
        match status {
            Status::Completed => assert_eq!(found, Wishing::Made(made(AMOUNT))),
            _ => assert_eq!(found, Wishing::NotRefundable(status)),
        }
        // Money that settles nothing is not an operator's to refund by this way.
        for disposition in [Disposition::Surplus, Disposition::Mismatch] {
            let found = wishing(&captured(status, disposition, Vec::new()), &wanted(None));
            assert_eq!(found, Wishing::NotRefundable(status), "{status}, {disposition:?}");
        }
        assert_eq!(wishing(&file(status), &wanted(None)), Wishing::NotRefundable(status));
    }
}

#[test]
fn a_key_is_one_wish_of_one_operator() {
    let known = Refund { id: name(5), origin: operators(KEY, 1), ..refund(5, 500, RefundState::Succeeded) };
    let file = completed(vec![refund(1, 100, RefundState::Succeeded), known.clone()]);
    assert_eq!(wishing(&file, &wanted(None)), Wishing::Known(known.clone()));
    let other = Wish { fingerprint: Fingerprint([2; 32]), ..wanted(None) };
    assert_eq!(wishing(&file, &other), Wishing::KeyReused);
    // The commit before was answered by nothing: its own refund is there.
    let (decision, own) = wish(&file, &Wish { id: name(5), ..wanted(None) }, &origin(), encode);
    assert_eq!((decision, own), (nothing(MADE), Wishing::Made(known)));
    let remains = pesos(500_000 - 600);
    let of_another = Wish { by: UserId(8), ..wanted(None) };
    let mine = Refund { origin: by(8, KEY), ..made(remains) };
    assert_eq!(wishing(&file, &of_another), Wishing::Made(mine));
    let another_key = Wish { key: IdempotencyKey::new("k2").unwrap(), ..wanted(None) };
    assert_eq!(
        wishing(&file, &another_key),
        Wishing::Made(Refund { origin: operators("k2", 1), ..made(remains) })
    );
}

fn by(user: i64, key: &str) -> RefundOrigin {
    let key = IdempotencyKey::new(key).unwrap();
    RefundOrigin::Operator { by: UserId(user), key, fingerprint: Fingerprint([1; 32]) }
}

#[test]
fn who_saw_another_remainder_is_told_who_was_quicker() {
    let seen = |minor: i64| Wish { seen: Some(pesos(minor)), ..wanted(None) };
    let quick = refund(1, 200_000, RefundState::Pending);
    let failed = refund(2, 1_000, RefundState::Failed);
    let file = completed(vec![quick.clone(), failed.clone()]);
    let moved = |remaining, latest| Wishing::Moved { remaining: pesos(remaining), latest };
    assert_eq!(wishing(&file, &seen(500_000)), moved(300_000, Some(quick)));
    assert_eq!(wishing(&file, &seen(300_000)), Wishing::Made(made(pesos(300_000))));
    // Nothing is taken up: the last one that was tried.
    assert_eq!(wishing(&completed(vec![failed.clone()]), &seen(400_000)), moved(500_000, Some(failed)));
    assert_eq!(wishing(&completed(Vec::new()), &seen(400_000)), moved(500_000, None));
    // All of it is back by now.
    let whole = refund(3, 500_000, RefundState::Succeeded);
    let back = captured(Status::Refunded, Disposition::Settled, vec![whole.clone()]);
    assert_eq!(wishing(&back, &seen(500_000)), moved(0, Some(whole)));
    assert_eq!(wishing(&back, &seen(0)), Wishing::NotRefundable(Status::Refunded));
    assert_eq!(wishing(&back, &wanted(None)), Wishing::NotRefundable(Status::Refunded));
    for status in Status::ALL.into_iter().filter(|s| !matches!(s, Status::Refunded | Status::Completed)) {
        let file = captured(status, Disposition::Settled, Vec::new());
        assert_eq!(wishing(&file, &seen(1)), Wishing::NotRefundable(status), "{status}");
    }
}

#[test]
fn what_settles_nothing_goes_back_whole_and_what_settles_never() {
    for disposition in [Disposition::Surplus, Disposition::Mismatch] {
        let file = captured(Status::Completed, disposition, Vec::new());
        let expected = refund(20, 500_000, RefundState::Requested);
        let changes = vec![Change::NewRefund(expected.clone())];
        let decision = decided(MADE, changes, vec![requested(&expected, "automatic", None)]);
        let found = give_back(&file, INTENT, name(20), MADE, &origin(), encode);
        assert_eq!(found, (decision, Some(expected)), "{disposition:?}");
        assert!(may_be_given_back(&file, INTENT, MADE));
        assert!(!may_be_given_back(&file, "pi_2", MADE));
    }
    let settled = completed(Vec::new());
    assert_eq!(give_back(&settled, INTENT, name(20), MADE, &origin(), encode), (nothing(MADE), None));
    assert!(!may_be_given_back(&settled, INTENT, MADE));
}

#[test]
fn its_own_refund_is_known_again_after_an_unclear_commit() {
    let own = refund(20, 500_000, RefundState::Requested);
    let file = captured(Status::Completed, Disposition::Surplus, vec![own.clone()]);
    assert_eq!(give_back(&file, INTENT, name(20), MADE, &origin(), encode), (nothing(MADE), Some(own)));
    assert_eq!(give_back(&file, INTENT, name(21), MADE, &origin(), encode), (nothing(MADE), None));
}

#[test]
fn an_automatic_refund_is_tried_five_times_an_hour_apart_and_then_left_to_the_operator() {
    let hour = Duration::from_secs(3600);
    let failed = |number| refund(number, 500_000, RefundState::Failed);
    let tried =
        |times: u128| captured(Status::Completed, Disposition::Surplus, (1..=times).map(failed).collect());
    let may = |times, pause| may_be_given_back(&tried(times), INTENT, MADE.whole_second().plus(pause));
    for times in 1..5 {
        assert!(may(times, hour), "{times}");
        assert!(!may(times, hour.saturating_sub(Duration::from_micros(1))), "{times}");
    }
    assert!(!may(5, hour) && !may(5, hour * 100));
    // An operator's and the dashboard's do not count as tries, nor hold it back.
    let others = [operators(KEY, 1), RefundOrigin::Dashboard].map(|origin| Refund { origin, ..failed(1) });
    let others = others.into_iter().cycle().take(6).collect();
    assert!(may_be_given_back(&captured(Status::Completed, Disposition::Surplus, others), INTENT, MADE));
}

#[test]
fn by_itself_goes_back_what_remains() {
    let part = Refund { origin: RefundOrigin::Dashboard, ..refund(1, 499_999, RefundState::Pending) };
    let file = captured(Status::Completed, Disposition::Surplus, vec![part]);
    let (_, made) = give_back(&file, INTENT, name(20), MADE, &origin(), encode);
    assert_eq!(made, Some(refund(20, 1, RefundState::Requested)));
    let whole = Refund { origin: RefundOrigin::Dashboard, ..refund(1, 500_000, RefundState::Succeeded) };
    let later = after(Duration::from_secs(7200));
    assert!(!may_be_given_back(
        &captured(Status::Completed, Disposition::Surplus, vec![whole]),
        INTENT,
        later
    ));
}
