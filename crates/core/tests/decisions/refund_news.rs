//! What Stripe says of a refund, wherever it was made.

use crate::support::{
    AMOUNT, INTENT, MADE, captured, completed, decided, encode, name, nothing, operators, origin, pesos,
    refund, session,
};
use sekali_core::decision::refund::{Recording, RefundNews, never_arrived, record};
use sekali_core::decision::{Change, Decision};
use sekali_core::domain::record::EndReason;
use sekali_core::domain::{
    Disposition, Money, PaymentFile, Refund, RefundOrigin, RefundState, SessionState, Status, TaxLine, What,
    file::TaxRecord,
};
use sekali_core::ports::CaseKind;
use uuid::Uuid;

const FRESH: Uuid = name(30);
const REPLACEMENT: Uuid = name(31);

/// Of Sekali's own refund `number`, by Stripe's name for it.
fn news(number: u128, minor: i64, state: RefundState) -> RefundNews {
    RefundNews {
        gateway_id: format!("re_{number}"),
        payment_intent: INTENT.into(),
        refund: None,
        amount: pesos(minor),
        state,
        failure: (state == RefundState::Failed).then(|| "declined".to_owned()),
        fresh: FRESH,
        replacement: REPLACEMENT,
        at: MADE,
    }
}

fn told(file: &PaymentFile, news: &RefundNews) -> (Decision, Recording) {
    record(file, news, &origin(), encode)
}

fn moved(refund: &Refund, to: RefundState) -> Change {
    Change::Refund {
        id: refund.id,
        from: refund.state,
        to,
        gateway_id: Some("re_1".into()),
        failure: (to == RefundState::Failed).then(|| "declined".to_owned()),
    }
}

fn pending(number: u128, amount: Money) -> What {
    What::RefundPending { refund: name(number), gateway_id: Some("re_1".into()), amount: amount.into() }
}

fn succeeded(refund: Uuid, amount: Money, refunded: Option<i64>, status: Status) -> What {
    let (refunded, status) = (refunded.map(|minor| pesos(minor).into()), status.as_str().to_owned());
    What::RefundSucceeded { refund, gateway_id: Some("re_1".into()), amount: amount.into(), refunded, status }
}

fn failed(amount: Money, reason: Option<&str>, refunded: Option<i64>, status: Status) -> What {
    What::RefundFailed {
        refund: name(1),
        gateway_id: Some("re_1".into()),
        amount: amount.into(),
        reason: reason.map(str::to_owned),
        refunded: refunded.map(|minor| pesos(minor).into()),
        status: status.as_str().into(),
    }
}

fn asked_for(refund: &Refund) -> What {
    What::RefundRequested {
        refund: refund.id,
        payment_intent: INTENT.into(),
        amount: refund.amount.into(),
        wanted_by: refund.origin.as_str().into(),
        reason: None,
        key_hash: None,
        replaces: refund.replaces,
    }
}

/// Cases about these refunds, which nobody need look at any more.
fn closed(numbers: &[u128]) -> Vec<Change> {
    let kinds = [CaseKind::RefundStuck, CaseKind::RefundBounced];
    let of = |number: &u128| kinds.map(|kind| Change::CloseCase { kind, object: name(*number).to_string() });
    numbers.iter().flat_map(of).collect()
}

fn back(minor: i64) -> Change {
    Change::Refunded { minor, taxes: Vec::new() }
}

fn wholly_refunded() -> Change {
    Change::Status { from: Status::Completed, to: Status::Refunded }
}

fn stuck(detail: &str) -> Change {
    Change::OpenCase { kind: CaseKind::RefundStuck, object: name(1).to_string(), detail: detail.into() }
}

fn bounced(detail: &str) -> Change {
    Change::OpenCase { kind: CaseKind::RefundBounced, object: name(1).to_string(), detail: detail.into() }
}

#[test]
fn a_part_and_then_the_whole() {
    let first = refund(1, 100_000, RefundState::Requested);
    let by_name = RefundNews { refund: Some(name(1)), ..news(1, 100_000, RefundState::Pending) };
    let on_its_way =
        decided(MADE, vec![moved(&first, RefundState::Pending)], vec![pending(1, pesos(100_000))]);
    let file = completed(vec![first.clone()]);
    assert_eq!(told(&file, &by_name), (on_its_way, Recording::Changed));

    let first = refund(1, 100_000, RefundState::Pending);
    let mut changes = vec![moved(&first, RefundState::Succeeded)];
    changes.extend(closed(&[1]));
    changes.push(back(100_000));
    let noted = vec![succeeded(name(1), pesos(100_000), Some(100_000), Status::Completed)];
    let found = told(&completed(vec![first.clone()]), &news(1, 100_000, RefundState::Succeeded));
    assert_eq!(found, (decided(MADE, changes, noted), Recording::Changed));

    let before = refund(2, 400_000, RefundState::Succeeded);
    let mut changes = vec![moved(&first, RefundState::Succeeded)];
    changes.extend(closed(&[2, 1]));
    changes.extend([back(500_000), wholly_refunded()]);
    let noted = vec![succeeded(name(1), pesos(100_000), Some(500_000), Status::Refunded)];
    let found = told(&completed(vec![before, first]), &news(1, 100_000, RefundState::Succeeded));
    assert_eq!(found, (decided(MADE, changes, noted), Recording::Changed));
}

#[test]
fn the_taxes_go_back_in_proportion() {
    let line = |name: &str, rate_ppm, minor| TaxLine { name: name.into(), rate_ppm, amount: pesos(minor) };
    let record = |line| TaxRecord { line, refunded_minor: 0 };
    let mut file = completed(vec![refund(1, 1_003, RefundState::Pending)]);
    file.taxes = vec![record(line("VAT", 120_000, 60_000)), record(line("PPh", 150_000, 75_000))];
    let (decision, _) = told(&file, &news(1, 1_003, RefundState::Succeeded));
    assert!(
        decision.changes.contains(&Change::Refunded { minor: 1_003, taxes: vec![120, 150] }),
        "{decision:?}"
    );
}

#[test]
fn only_later_news_counts() {
    for from in RefundState::ALL {
        for to in RefundState::ALL {
            let file = completed(vec![refund(1, 100_000, from)]);
            let named = RefundNews { refund: Some(name(1)), ..news(1, 100_000, to) };
            let (decision, recording) = told(&file, &named);
            assert_eq!(recording == Recording::Changed, from.may_become(to), "{from:?} to {to:?}");
            assert_eq!(decision.is_empty(), !from.may_become(to), "{from:?} to {to:?}");
        }
    }
    let elsewhere = RefundNews { payment_intent: "pi_2".into(), ..news(1, 1, RefundState::Succeeded) };
    assert_eq!(told(&completed(Vec::new()), &elsewhere), (nothing(MADE), Recording::NoCapture));
}

#[test]
fn one_of_another_name_is_another_refund() {
    // Stripe has one more under the same metadata: what it is called decides.
    let file = completed(vec![refund(1, 100_000, RefundState::Succeeded)]);
    let second = RefundNews { refund: Some(name(1)), ..news(9, 5, RefundState::Pending) };
    let (decision, recording) = told(&file, &second);
    assert_eq!(recording, Recording::Changed);
    assert!(matches!(&decision.changes[0], Change::NewRefund(new) if new.id == FRESH), "{decision:?}");
    // One whose name at Stripe is not known yet is not met by another's name of ours.
    let file = completed(vec![refund(1, 100_000, RefundState::Requested)]);
    let other = RefundNews { refund: Some(name(2)), ..news(9, 5, RefundState::Pending) };
    assert!(matches!(&told(&file, &other).0.changes[0], Change::NewRefund(_)));
}

#[test]
fn one_that_was_made_elsewhere_is_found_if_it_fits() {
    let ours = refund(2, 100_000, RefundState::Requested);
    let file = completed(vec![ours.clone()]);
    let fits = news(1, 400_000, RefundState::Succeeded);
    let made = Refund {
        id: FRESH,
        origin: RefundOrigin::Dashboard,
        request: String::new(),
        gateway_id: Some("re_1".into()),
        ..refund(1, 400_000, RefundState::Succeeded)
    };
    let mut changes = vec![Change::NewRefund(made.clone())];
    changes.extend(closed(&[2]));
    changes.extend([
        Change::CloseCase { kind: CaseKind::RefundStuck, object: FRESH.to_string() },
        Change::CloseCase { kind: CaseKind::RefundBounced, object: FRESH.to_string() },
        back(400_000),
    ]);
    let noted = vec![asked_for(&made), succeeded(FRESH, pesos(400_000), Some(400_000), Status::Completed)];
    assert_eq!(told(&file, &fits), (decided(MADE, changes, noted), Recording::Changed));

    let one_more = news(1, 400_001, RefundState::Succeeded);
    assert_eq!(told(&file, &one_more), (nothing(MADE), Recording::DoesNotFit));
    // What has failed takes nothing up, and is only remembered.
    let (decision, recording) = told(&file, &news(1, 400_001, RefundState::Failed));
    assert_eq!((decision.changes.len(), recording), (1, Recording::Changed));
    assert!(
        matches!(&decision.changes[0], Change::NewRefund(new) if new.failure.as_deref() == Some("declined"))
    );
    let (decision, _) = told(&file, &news(1, 1, RefundState::Pending));
    assert_eq!(decision.changes.len(), 1, "on its way: nothing is back yet");
}

#[test]
fn what_was_written_off_and_then_appears_counts_again_if_it_fits() {
    let written_off = Refund { gateway_id: None, ..refund(1, 100_000, RefundState::Failed) };
    let appears = |state| RefundNews { refund: Some(name(1)), ..news(1, 100_000, state) };
    let beside = |minor| completed(vec![written_off.clone(), refund(2, minor, RefundState::Pending)]);
    for state in [RefundState::Pending, RefundState::Succeeded] {
        let (decision, recording) = told(&beside(400_000), &appears(state));
        assert_eq!(recording, Recording::Changed, "{state:?}");
        assert_eq!(decision.changes[0], moved(&written_off, state));
        assert_eq!(told(&beside(400_001), &appears(state)), (nothing(MADE), Recording::DoesNotFit));
    }
    for state in [RefundState::Failed, RefundState::Canceled] {
        assert_eq!(told(&beside(1), &appears(state)), (nothing(MADE), Recording::Unchanged), "{state:?}");
    }
    // One that Stripe has named has failed for good.
    let known = completed(vec![refund(1, 100_000, RefundState::Failed)]);
    assert_eq!(told(&known, &appears(RefundState::Succeeded)), (nothing(MADE), Recording::Unchanged));
}

#[test]
fn what_fails_is_the_operators_and_what_is_called_back_is_not() {
    let words = "the refund of 1000.00 PHP of pi_1 failed";
    for from in [RefundState::Requested, RefundState::Pending] {
        let ours = Refund { gateway_id: Some("re_1".into()), ..refund(1, 100_000, from) };
        let file = completed(vec![ours.clone()]);
        let changes = vec![moved(&ours, RefundState::Failed), stuck(&format!("{words} (declined)"))];
        let noted = vec![failed(pesos(100_000), Some("declined"), None, Status::Completed)];
        let found = told(&file, &news(1, 100_000, RefundState::Failed));
        assert_eq!(found, (decided(MADE, changes, noted), Recording::Changed), "{from:?}");

        let silent = RefundNews { failure: None, ..news(1, 100_000, RefundState::Failed) };
        let case = told(&file, &silent).0.changes[1].clone();
        assert_eq!(case, stuck(&format!("{words} (no reason given)")));

        let noted = vec![failed(pesos(100_000), None, None, Status::Completed)];
        let called_back = decided(MADE, vec![moved(&ours, RefundState::Canceled)], noted);
        let found = told(&file, &news(1, 100_000, RefundState::Canceled));
        assert_eq!(found, (called_back, Recording::Changed), "{from:?}");
    }
}

#[test]
fn one_that_bounces_is_made_again_once() {
    let words = "the refund of 1000.00 PHP came back from the payer's bank (declined)";
    let ours = refund(1, 100_000, RefundState::Succeeded);
    let again = Refund { replaces: Some(name(1)), ..refund(31, 100_000, RefundState::Requested) };
    let bounces = news(1, 100_000, RefundState::Failed);
    let found = told(&completed(vec![ours.clone()]), &bounces);
    let changes = vec![
        moved(&ours, RefundState::Failed),
        back(0),
        bounced(&format!("{words}; it is being made again")),
        Change::NewRefund(again.clone()),
    ];
    let noted = vec![failed(pesos(100_000), Some("declined"), Some(0), Status::Completed), asked_for(&again)];
    assert_eq!(found, (decided(MADE, changes, noted), Recording::Changed));

    let left = |file: &PaymentFile| {
        let (decision, recording) = told(file, &bounces);
        assert_eq!(recording, Recording::Changed);
        assert!(
            !decision.changes.iter().any(|change| matches!(change, Change::NewRefund(_))),
            "{decision:?}"
        );
        assert!(decision.changes.contains(&bounced(&format!("{words}; it is not made again by itself"))));
    };
    left(&completed(vec![Refund { replaces: Some(name(8)), ..ours.clone() }]));
    for state in [RefundState::Requested, RefundState::Pending, RefundState::Succeeded] {
        left(&completed(vec![ours.clone(), refund(2, 5, state)]));
    }
    // What came before it, or has failed since, makes up for nothing.
    let made_again = |file: &PaymentFile| {
        let (decision, _) = told(file, &bounces);
        assert!(decision.changes.contains(&Change::NewRefund(again.clone())), "{decision:?}");
    };
    made_again(&completed(vec![refund(2, 5, RefundState::Succeeded), ours.clone()]));
    made_again(&completed(vec![ours.clone(), refund(2, 5, RefundState::Failed)]));
    let mut elsewhere = refund(2, 5, RefundState::Succeeded);
    elsewhere.payment_intent = "pi_2".into();
    made_again(&completed(vec![ours, elsewhere]));
}

#[test]
fn a_bounce_without_a_reason_says_so() {
    let ours = refund(1, 100_000, RefundState::Succeeded);
    let silent = RefundNews { failure: None, ..news(1, 100_000, RefundState::Failed) };
    let (decision, _) = told(&completed(vec![ours]), &silent);
    let detail =
        "the refund of 1000.00 PHP came back from the payer's bank (no reason given); it is being made again";
    assert!(decision.changes.contains(&bounced(detail)), "{decision:?}");
}

#[test]
fn money_that_settles_nothing_is_dealt_with_when_all_of_it_is_back() {
    for (disposition, kind) in
        [(Disposition::Surplus, CaseKind::Surplus), (Disposition::Mismatch, CaseKind::Mismatch)]
    {
        let ours = refund(1, 300_000, RefundState::Pending);
        let succeeds = news(1, 300_000, RefundState::Succeeded);
        let part = captured(Status::Completed, disposition, vec![ours.clone()]);
        let noted = vec![succeeded(name(1), pesos(300_000), None, Status::Completed)];
        let changes = vec![moved(&ours, RefundState::Succeeded)];
        assert_eq!(told(&part, &succeeds), (decided(MADE, changes, noted.clone()), Recording::Changed));

        let rest = refund(2, 200_000, RefundState::Succeeded);
        let whole = captured(Status::Completed, disposition, vec![rest, ours.clone()]);
        let mut changes = vec![moved(&ours, RefundState::Succeeded)];
        changes.extend(closed(&[2, 1]));
        changes.push(Change::CloseCase { kind, object: INTENT.into() });
        assert_eq!(told(&whole, &succeeds), (decided(MADE, changes, noted), Recording::Changed));
    }
}

#[test]
fn stray_money_that_bounces_is_a_case_again() {
    let ours = refund(1, 500_000, RefundState::Succeeded);
    for (disposition, kind) in
        [(Disposition::Surplus, CaseKind::Surplus), (Disposition::Mismatch, CaseKind::Mismatch)]
    {
        let file = captured(Status::Completed, disposition, vec![ours.clone()]);
        let again = Refund { replaces: Some(name(1)), ..refund(31, 500_000, RefundState::Requested) };
        let detail =
            "the refund of 5000.00 PHP came back from the payer's bank (declined); it is being made again";
        let changes = vec![
            moved(&ours, RefundState::Failed),
            bounced(detail),
            Change::OpenCase {
                kind,
                object: INTENT.into(),
                detail: "5000.00 PHP that settle no payment came back".into(),
            },
            Change::NewRefund(again.clone()),
        ];
        // What of the payment is back has not changed.
        let noted = vec![failed(AMOUNT, Some("declined"), None, Status::Completed), asked_for(&again)];
        let found = told(&file, &news(1, 500_000, RefundState::Failed));
        assert_eq!(found, (decided(MADE, changes, noted), Recording::Changed), "{disposition:?}");
    }
}

#[test]
fn a_payment_whose_wrong_money_is_all_back_has_failed() {
    let ours = refund(1, 500_000, RefundState::Pending);
    let ends = |file: &PaymentFile, minor| {
        let (decision, _) = told(file, &news(1, minor, RefundState::Succeeded));
        let over = Change::Status { from: Status::Processing, to: Status::Failed };
        let what = What::Ended {
            to: "failed".into(),
            reason: EndReason::WrongMoneyReturned,
            session: Some(session(SessionState::Complete).id),
            gateway_id: None,
        };
        let noted = decision.entries.iter().any(|entry| entry.what == what);
        assert_eq!(decision.changes.last() == Some(&over), noted, "{decision:?}");
        noted
    };
    let wrong = |status| captured(status, Disposition::Mismatch, vec![ours.clone()]);
    assert!(ends(&wrong(Status::Processing), 500_000));
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Processing) {
        assert!(!ends(&wrong(status), 500_000), "{status}");
    }
    let mut live = wrong(Status::Processing);
    live.sessions.push(sekali_core::domain::CheckoutSession { id: name(2), ..session(SessionState::Open) });
    assert!(!ends(&live, 500_000), "money can still come");
    let part = captured(Status::Processing, Disposition::Mismatch, vec![refund(1, 1, RefundState::Pending)]);
    assert!(!ends(&part, 1));
    let surplus = captured(Status::Processing, Disposition::Surplus, vec![ours]);
    assert!(!ends(&surplus, 500_000));
}

#[test]
fn what_stripe_never_had_takes_up_nothing_and_only_who_was_not_told_has_a_case() {
    for told_already in [false, true] {
        let file = completed(vec![Refund {
            origin: operators("k", 1),
            ..refund(1, 100_000, RefundState::Requested)
        }]);
        let mut changes = vec![Change::Refund {
            id: name(1),
            from: RefundState::Requested,
            to: RefundState::Failed,
            gateway_id: None,
            failure: Some("no balance".into()),
        }];
        if !told_already {
            changes.push(stuck("the refund of 1000.00 PHP of pi_1 failed (no balance)"));
        }
        let noted = vec![What::RefundFailed {
            refund: name(1),
            gateway_id: None,
            amount: pesos(100_000).into(),
            reason: Some("no balance".into()),
            refunded: None,
            status: "completed".into(),
        }];
        let found = never_arrived(&file, name(1), "no balance", told_already, MADE, &origin());
        assert_eq!(found, (decided(MADE, changes, noted), Recording::Changed));
    }
    for state in RefundState::ALL.into_iter().filter(|state| *state != RefundState::Requested) {
        let file = completed(vec![refund(1, 100_000, state)]);
        let found = never_arrived(&file, name(1), "x", false, MADE, &origin());
        assert_eq!(found, (nothing(MADE), Recording::Unchanged), "{state:?}");
    }
    let unknown = never_arrived(&completed(Vec::new()), name(1), "x", false, MADE, &origin());
    assert_eq!(unknown, (nothing(MADE), Recording::Unchanged));
}
