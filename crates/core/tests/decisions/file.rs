//! What a file says of itself.

use crate::support::{AMOUNT, INTENT, SESSION, capture, completed, file, name, pesos, refund, session};
use sekali_core::domain::{
    Capture, CheckoutSession, Disposition, PaymentFile, RefundState, SessionState, Status,
};

#[test]
fn each_part_is_found_by_its_own_name() {
    let other = Capture { payment_intent: "pi_2".into(), ..capture(Disposition::Surplus) };
    let mut file = PaymentFile {
        captures: vec![other.clone(), capture(Disposition::Settled)],
        ..file(Status::Completed)
    };
    assert_eq!(file.capture("pi_2"), Some(&other));
    assert_eq!(file.capture("pi_3"), None);
    assert_eq!(file.settled(), Some(&capture(Disposition::Settled)));
    file.captures.pop();
    assert_eq!(file.settled(), None);

    let second = CheckoutSession { id: name(2), ..session(SessionState::Open) };
    file.sessions = vec![session(SessionState::Expired), second.clone()];
    assert_eq!((file.session(name(2)), file.session(name(3))), (Some(&second), None));
    assert_eq!(file.session(SESSION).map(|found| found.state), Some(SessionState::Expired));
    assert_eq!(file.live_session(), Some(&second));
    file.sessions.pop();
    assert_eq!(file.live_session(), None);

    file.refunds = vec![refund(1, 5, RefundState::Failed), refund(2, 6, RefundState::Pending)];
    assert_eq!(file.refund(name(2)).map(|found| found.amount), Some(pesos(6)));
    assert_eq!(file.refund(name(3)), None);
    assert_eq!(file.refunds_of(INTENT).count(), 2);
    assert_eq!(file.refunds_of("pi_2").count(), 0);
}

#[test]
fn what_remains_and_what_is_back_are_counted_over_the_captures_own_refunds() {
    let amounts = [1, 10, 100, 1_000, 10_000];
    let states = RefundState::ALL.into_iter().zip(amounts);
    let mut refunds: Vec<_> =
        (1..).zip(states).map(|(number, (state, minor))| refund(number, minor, state)).collect();
    let mut elsewhere = refund(9, 70_000, RefundState::Succeeded);
    elsewhere.payment_intent = "pi_2".into();
    refunds.push(elsewhere);
    let file = completed(refunds);
    let capture = capture(Disposition::Settled);
    // Requested 0.01, pending 0.10, succeeded 1.00, failed 10.00, canceled 100.00.
    assert_eq!(file.remaining(&capture), pesos(AMOUNT.minor - 111));
    assert_eq!(file.given_back(&capture), pesos(100));
}

#[test]
fn its_receipt_is_the_payment_with_its_invoice() {
    let file = file(Status::Completed);
    let receipt = file.receipt();
    assert_eq!((receipt.payment, receipt.invoice), (file.payment, file.invoice));
}
