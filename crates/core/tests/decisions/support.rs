//! A payment's file as a test wants it.

use sekali_core::decision::{Change, Decision};
use sekali_core::domain::{
    Actor, Capture, CheckoutSession, ConsultationId, Currency, Disposition, Entry, Fingerprint, Head,
    IdempotencyKey, Invoice, InvoiceId, InvoiceStatus, Money, Origin, Payment, PaymentFile, PaymentId,
    PaymentMethod, Refund, RefundOrigin, RefundState, SessionState, Status, Timestamp, UserId, What,
};
use std::time::Duration;
use uuid::Uuid;

/// When everything in a file was made, and a little more: rows get the whole second.
pub(crate) const MADE: Timestamp = Timestamp::from_micros(1_705_314_600_000_007);
pub(crate) const OPERATOR: UserId = UserId(9);
pub(crate) const SESSION: Uuid = Uuid::from_u128(1);
/// The capture of most files.
pub(crate) const INTENT: &str = "pi_1";

pub(crate) fn after(pause: Duration) -> Timestamp {
    MADE.plus(pause)
}

pub(crate) const fn pesos(minor: i64) -> Money {
    Money::new(minor, Currency::PHP)
}

/// Of every payment here.
pub(crate) const AMOUNT: Money = pesos(500_000);

pub(crate) const fn name(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn origin() -> Origin {
    Origin::of(Actor::Reconciler)
}

/// A payment with nothing that hangs on it.
pub(crate) fn file(status: Status) -> PaymentFile {
    let (id, made) = (PaymentId(100), MADE.whole_second());
    let payment = Payment {
        id,
        reference: name(7),
        user: UserId(1),
        consultation: ConsultationId(5),
        amount: AMOUNT,
        method: PaymentMethod::Stripe,
        status,
        submitted: false,
        cancel_requested: false,
        refunded: pesos(0),
        dispute: None,
        created_at: made,
        updated_at: made,
    };
    let invoice = Invoice {
        id: InvoiceId(1),
        payment: id,
        number: "INV-20240115103000-000100".into(),
        amount: AMOUNT,
        status: InvoiceStatus::of(status),
        issued_at: made,
    };
    PaymentFile {
        payment,
        invoice,
        taxes: Vec::new(),
        sessions: Vec::new(),
        captures: Vec::new(),
        refunds: Vec::new(),
        disputes: Vec::new(),
        head: Head::default(),
    }
}

/// A payment with one session.
pub(crate) fn with_session(status: Status, state: SessionState) -> PaymentFile {
    PaymentFile { sessions: vec![session(state)], ..file(status) }
}

/// Named by Stripe, unless it is not made yet.
pub(crate) fn session(state: SessionState) -> CheckoutSession {
    CheckoutSession {
        id: SESSION,
        payment: PaymentId(100),
        state,
        request: "mode=payment".into(),
        gateway_id: (state != SessionState::Creating).then(|| "cs_1".to_owned()),
        ending: None,
        created_at: MADE.whole_second(),
    }
}

pub(crate) fn capture(disposition: Disposition) -> Capture {
    Capture {
        payment_intent: INTENT.into(),
        session: SESSION,
        amount: AMOUNT,
        disposition,
        created_at: MADE.whole_second(),
    }
}

/// Paid, with these refunds.
pub(crate) fn completed(refunds: Vec<Refund>) -> PaymentFile {
    captured(Status::Completed, Disposition::Settled, refunds)
}

/// Money has come through a session, which is complete.
pub(crate) fn captured(status: Status, disposition: Disposition, refunds: Vec<Refund>) -> PaymentFile {
    let captures = vec![capture(disposition)];
    PaymentFile { captures, refunds, ..with_session(status, SessionState::Complete) }
}

/// One of Sekali's own, which Stripe knows as soon as it is more than requested.
pub(crate) fn refund(number: u128, minor: i64, state: RefundState) -> Refund {
    Refund {
        id: name(number),
        payment_intent: INTENT.into(),
        amount: pesos(minor),
        state,
        origin: RefundOrigin::Automatic,
        reason: None,
        request: encode(name(number), INTENT, pesos(minor)),
        gateway_id: (state != RefundState::Requested).then(|| format!("re_{number}")),
        replaces: None,
        failure: None,
        created_at: MADE.whole_second(),
    }
}

pub(crate) fn operators(key: &str, fingerprint: u8) -> RefundOrigin {
    let key = IdempotencyKey::new(key).unwrap();
    RefundOrigin::Operator { by: OPERATOR, key, fingerprint: Fingerprint([fingerprint; 32]) }
}

/// What stands for a request's bytes.
pub(crate) fn encode(id: Uuid, intent: &str, amount: Money) -> String {
    format!("{id} {intent} {amount}")
}

/// What is written when nothing but this follows.
pub(crate) fn decided(at: Timestamp, changes: Vec<Change>, noted: Vec<What>) -> Decision {
    let entries = noted.into_iter().map(|what| Entry { what, origin: origin() }).collect();
    Decision { at, changes, entries }
}

pub(crate) fn nothing(at: Timestamp) -> Decision {
    decided(at, Vec::new(), Vec::new())
}

pub(crate) fn moved(from: SessionState, to: SessionState, gateway_id: Option<&str>) -> Change {
    Change::Session { id: SESSION, from, to, gateway_id: gateway_id.map(str::to_owned) }
}
