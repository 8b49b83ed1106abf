//! The record of a payment: every decision that was taken about it, in order, each with a hash over
//! itself and the one before it. What stands in it is never changed, so it can be shown as proof.

use super::idempotency::hex;
use super::{Money, PaymentId, Status, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The patient who pays.
    Patient,
    /// An operator.
    Admin,
    /// The host application.
    Service,
    /// A webhook of Stripe's.
    Webhook,
    /// The patient's browser, come back from Stripe.
    Callback,
    /// The reconciler, which asks Stripe by itself.
    Reconciler,
    /// Sekali itself.
    Sekali,
}

/// What led to a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who.
    pub by: Actor,
    /// The caller's number, where the caller has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Stripe's event: `evt_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

impl Origin {
    /// Nobody but the service.
    pub const fn of(by: Actor) -> Self {
        Self { by, user: None, request_id: None, event: None }
    }

    /// A user's request.
    pub fn request(by: Actor, user: UserId, request_id: Option<String>) -> Self {
        Self { user: Some(user), request_id, ..Self::of(by) }
    }

    /// A webhook.
    pub fn webhook(event: &str) -> Self {
        Self { event: Some(event.to_owned()), ..Self::of(Actor::Webhook) }
    }
}

/// An amount as the record writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// In whole units, with the currency's own number of decimals: `5000.00`.
    pub amount: String,
    /// `PHP`.
    pub currency: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.to_string(), currency: money.currency.code().to_owned() }
    }
}

/// What was decided, or noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are named after what they hold")]
pub enum What {
    /// The payment was made.
    Created { amount: Amount, method: String, key_hash: String },
    /// It was made before there was a record.
    Imported {},
    /// The button was pressed again, and no second payment was made.
    Duplicate { times: u64, caught: String, key_hash: String },
    /// A Checkout Session is to be opened.
    CheckoutIntended { session: Uuid },
    /// Stripe has opened it.
    SessionOpened { session: Uuid, gateway_id: String },
    /// A card was declined; the session goes on.
    CardDeclined { session: Uuid, payment_intent: String, code: String },
    /// The payer has confirmed; the money is on its way.
    Submitted { session: Uuid, gateway_id: String },
    /// Somebody wants it cancelled; its session is being ended.
    CancelRequested { session: Option<Uuid> },
    /// The money is there.
    Completed { session: Uuid, gateway_id: String, payment_intent: String, amount: Amount },
    /// It can no longer be paid, and was not.
    Ended { to: String, reason: EndReason, session: Option<Uuid>, gateway_id: Option<String> },
    /// Money came that is not what was awaited.
    Mismatched { session: Uuid, gateway_id: String, payment_intent: String, amount: Amount },
    /// Money came that was not awaited.
    SurplusCaptured { session: Uuid, gateway_id: String, payment_intent: String, amount: Amount },
    /// A refund is to be made.
    RefundRequested {
        refund: Uuid,
        payment_intent: String,
        amount: Amount,
        /// `operator`, `automatic` or `dashboard`.
        wanted_by: String,
        reason: Option<String>,
        key_hash: Option<String>,
        replaces: Option<Uuid>,
    },
    /// Stripe has it.
    RefundPending { refund: Uuid, gateway_id: Option<String>, amount: Amount },
    /// The money is back. `refunded` is what of the payment is back in all; `None` for money that did
    /// not pay it.
    RefundSucceeded {
        refund: Uuid,
        gateway_id: Option<String>,
        amount: Amount,
        refunded: Option<Amount>,
        status: String,
    },
    /// It did not arrive, was refused, or was called back. `refunded` is what of the payment is back in all
    /// after a refund that had succeeded came back; `None` otherwise.
    RefundFailed {
        refund: Uuid,
        gateway_id: Option<String>,
        amount: Amount,
        reason: Option<String>,
        refunded: Option<Amount>,
        status: String,
    },
    /// The payer's bank has opened a dispute, or it goes on.
    Disputed {
        dispute: String,
        payment_intent: String,
        amount: Amount,
        state: String,
        reason: String,
        status: String,
    },
    /// An operator had Stripe asked how it stands.
    ReconcileAsked {},
    /// An operator had a webhook worked off again.
    EventReplayed { event: String, event_kind: String },
}

/// Why a payment ended without money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// It was asked for.
    Cancelled,
    /// The session ran out at Stripe.
    SessionExpired,
    /// Nobody went on to pay it in time.
    NeverStarted,
    /// Stripe refused to take it.
    Refused,
    /// Stripe has never made the session, and cannot any more.
    NeverOpened,
    /// The bank did not pay.
    BankFailed,
    /// The money that came was not what was awaited, and went back.
    WrongMoneyReturned,
}

impl What {
    /// Its name in the column `kind`, and in the JSON text.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Imported {} => "imported",
            Self::Duplicate { .. } => "duplicate",
            Self::CheckoutIntended { .. } => "checkout_intended",
            Self::SessionOpened { .. } => "session_opened",
            Self::CardDeclined { .. } => "card_declined",
            Self::Submitted { .. } => "submitted",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::Completed { .. } => "completed",
            Self::Ended { .. } => "ended",
            Self::Mismatched { .. } => "mismatched",
            Self::SurplusCaptured { .. } => "surplus_captured",
            Self::RefundRequested { .. } => "refund_requested",
            Self::RefundPending { .. } => "refund_pending",
            Self::RefundSucceeded { .. } => "refund_succeeded",
            Self::RefundFailed { .. } => "refund_failed",
            Self::Disputed { .. } => "disputed",
            Self::ReconcileAsked {} => "reconcile_asked",
            Self::EventReplayed { .. } => "event_replayed",
        }
    }

    /// What the host application is told of it, by the event's type; `None`: nothing.
    pub fn announces(&self) -> Option<&'static str> {
        match self {
            Self::Created { .. } => Some("payment.created"),
            Self::CheckoutIntended { .. } => Some("payment.processing"),
            Self::Completed { .. } => Some("payment.completed"),
            Self::Ended { to, .. } => match Status::parse(to)? {
                Status::Failed => Some("payment.failed"),
                Status::Cancelled => Some("payment.cancelled"),
                Status::Expired => Some("payment.expired"),
                _ => None,
            },
            // A refund that came back changes what is refunded, too.
            Self::RefundSucceeded { refunded: Some(_), .. }
            | Self::RefundFailed { refunded: Some(_), .. } => Some("payment.refunded"),
            Self::Disputed { .. } => Some("payment.disputed"),
            _ => None,
        }
    }

    /// The payment's status right after it, for events that are announced.
    pub fn status(&self) -> Option<&str> {
        match self {
            Self::Created { .. } => Some("pending"),
            Self::CheckoutIntended { .. } => Some("processing"),
            Self::Completed { .. } => Some("completed"),
            Self::Ended { to, .. } => Some(to),
            Self::RefundSucceeded { status, .. }
            | Self::RefundFailed { status, .. }
            | Self::Disputed { status, .. } => Some(status),
            _ => None,
        }
    }
}

/// One entry, before it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// What led to it.
    pub origin: Origin,
}

impl Entry {
    /// The JSON text that is kept, and hashed.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Where a payment's record ends: the number of its last entry, and that one's hash. A record that has
/// none yet ends at number 0 with a hash of zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Counted from 1 in each payment.
    pub seq: i64,
    /// SHA-256.
    pub hash: [u8; 32],
}

/// One entry as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Whose record.
    pub payment: PaymentId,
    /// Counted from 1 in each payment.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// [`What::kind`].
    pub kind: String,
    /// [`Entry::text`].
    pub data: String,
    /// [`What::announces`].
    pub announces: Option<String>,
    /// Of the entry before it.
    pub previous: [u8; 32],
    /// Of this one: [`hash`].
    pub hash: [u8; 32],
}

impl RecordedEvent {
    /// The entry that follows `head` in the record of the payment with this `reference`.
    pub fn after(head: Head, payment: PaymentId, reference: Uuid, at: Timestamp, entry: &Entry) -> Self {
        let (seq, kind, data) = (head.seq + 1, entry.what.kind(), entry.text());
        Self {
            payment,
            seq,
            at,
            kind: kind.to_owned(),
            announces: entry.what.announces().map(str::to_owned),
            previous: head.hash,
            hash: hash(&head.hash, reference, seq, at, kind, &data),
            data,
        }
    }

    /// The record's end after this entry.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// The hash in lower-case hexadecimal digits.
    pub fn hash_hex(&self) -> String {
        hex(&self.hash)
    }

    /// The entry, if this version of the program knows its form.
    pub fn entry(&self) -> Option<Entry> {
        serde_json::from_str(&self.data).ok()
    }

    /// Whether it follows `head`, and is as it was written.
    pub fn follows(&self, head: Head, reference: Uuid) -> bool {
        self.seq == head.seq + 1
            && self.previous == head.hash
            && self.hash == hash(&head.hash, reference, self.seq, self.at, &self.kind, &self.data)
    }
}

/// SHA-256 over six lines: the previous hash (hexadecimal), the payment's reference, the entry's number,
/// its time in microseconds since 1970, its kind, its JSON text. The reference stands for the payment, as
/// its number is not known before it is written, and comes again after a backup is restored.
pub fn hash(
    previous: &[u8; 32],
    reference: Uuid,
    seq: i64,
    at: Timestamp,
    kind: &str,
    data: &str,
) -> [u8; 32] {
    let text = format!("{}\n{reference}\n{seq}\n{}\n{kind}\n{data}", hex(previous), at.as_micros());
    Sha256::digest(text.as_bytes()).into()
}

/// What stands in the record in a key's place: enough to find a key that one has, and no more.
pub fn key_hash(key: &super::IdempotencyKey) -> String {
    hex(&Sha256::digest(key.as_str().as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    fn entry() -> Entry {
        let amount = Money::new(500_000, Currency::PHP).into();
        let what = What::Created { amount, method: "stripe".into(), key_hash: "ab".into() };
        Entry { what, origin: Origin::request(Actor::Patient, UserId(1), Some("r1".into())) }
    }

    fn first() -> RecordedEvent {
        let at = Timestamp::from_seconds(1_705_314_600);
        RecordedEvent::after(Head::default(), PaymentId(100), Uuid::from_u128(7), at, &entry())
    }

    #[test]
    fn an_entry_is_kept_as_flat_json_and_read_back() {
        let expected = r#"{"kind":"created","amount":{"amount":"5000.00","currency":"PHP"},"method":"stripe","key_hash":"ab","origin":{"by":"patient","user":1,"request_id":"r1"}}"#;
        assert_eq!(entry().text(), expected);
        assert_eq!(first().entry(), Some(entry()));
        assert_eq!(first().announces.as_deref(), Some("payment.created"));
    }

    #[test]
    fn whatever_is_changed_breaks_the_chain() {
        let reference = Uuid::from_u128(7);
        let one = first();
        let two = RecordedEvent::after(one.head(), one.payment, reference, one.at, &entry());
        assert!(one.follows(Head::default(), reference) && two.follows(one.head(), reference));

        assert!(!two.follows(Head::default(), reference), "an entry is missing");
        assert!(!one.follows(Head::default(), Uuid::from_u128(8)), "another payment's");
        let changed = [
            RecordedEvent { data: two.data.replace("5000", "4000"), ..two.clone() },
            RecordedEvent { at: two.at.plus(std::time::Duration::from_micros(1)), ..two.clone() },
            RecordedEvent { kind: "ended".into(), ..two.clone() },
            RecordedEvent { seq: 3, ..two.clone() },
            RecordedEvent { hash: [0; 32], ..two.clone() },
        ];
        for event in changed {
            assert!(!event.follows(one.head(), reference), "{event:?}");
        }
    }

    #[test]
    fn the_hash_is_the_documented_one() {
        // Computed with sha256sum over the six lines.
        let text = format!("{}\n{}\n1\n1705314600000000\ncreated\n{{}}", "0".repeat(64), Uuid::from_u128(7));
        let expected: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let at = Timestamp::from_seconds(1_705_314_600);
        assert_eq!(hash(&[0; 32], Uuid::from_u128(7), 1, at, "created", "{}"), expected);
    }

    #[test]
    fn a_key_stands_there_as_the_beginning_of_its_digest() {
        // printf key-5 | sha256sum
        let key = crate::domain::IdempotencyKey::new("key-5").unwrap();
        assert_eq!(key_hash(&key), "043e30951bc4eac6");
    }

    /// One of each kind.
    fn all() -> Vec<What> {
        let (id, text) = (Uuid::from_u128(8), String::new);
        let amount = || Amount::from(Money::new(500_000, Currency::PHP));
        vec![
            What::Created { amount: amount(), method: text(), key_hash: text() },
            What::Imported {},
            What::Duplicate { times: 2, caught: text(), key_hash: text() },
            What::CheckoutIntended { session: id },
            What::SessionOpened { session: id, gateway_id: text() },
            What::CardDeclined { session: id, payment_intent: text(), code: text() },
            What::Submitted { session: id, gateway_id: text() },
            What::CancelRequested { session: Some(id) },
            What::Completed { session: id, gateway_id: text(), payment_intent: text(), amount: amount() },
            What::Ended { to: text(), reason: EndReason::Refused, session: Some(id), gateway_id: None },
            What::Mismatched { session: id, gateway_id: text(), payment_intent: text(), amount: amount() },
            What::SurplusCaptured {
                session: id,
                gateway_id: text(),
                payment_intent: text(),
                amount: amount(),
            },
            What::RefundRequested {
                refund: id,
                payment_intent: text(),
                amount: amount(),
                wanted_by: text(),
                reason: Some(text()),
                key_hash: None,
                replaces: Some(id),
            },
            What::RefundPending { refund: id, gateway_id: None, amount: amount() },
            What::RefundSucceeded {
                refund: id,
                gateway_id: None,
                amount: amount(),
                refunded: Some(amount()),
                status: text(),
            },
            What::RefundFailed {
                refund: id,
                gateway_id: None,
                amount: amount(),
                reason: None,
                refunded: None,
                status: text(),
            },
            What::Disputed {
                dispute: text(),
                payment_intent: text(),
                amount: amount(),
                state: text(),
                reason: text(),
                status: text(),
            },
            What::ReconcileAsked {},
            What::EventReplayed { event: text(), event_kind: text() },
        ]
    }

    #[test]
    fn every_kind_is_read_back_and_names_no_member_twice() {
        for what in all() {
            let entry = Entry { what, origin: Origin::webhook("evt_1") };
            let text = entry.text();
            assert!(text.starts_with(&format!(r#"{{"kind":"{}""#, entry.what.kind())), "{text}");
            assert_eq!(serde_json::from_str::<Entry>(&text).ok(), Some(entry), "{text}");
            let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
            let written = serde_json::to_string(&members).unwrap();
            assert_eq!(written.len(), text.len(), "{text}: a member that stands there twice is lost");
        }
    }

    #[test]
    fn the_host_is_told_of_each_transition_under_its_own_name() {
        let ended = |to: Status| What::Ended {
            to: to.as_str().into(),
            reason: EndReason::Refused,
            session: None,
            gateway_id: None,
        };
        for status in Status::ALL {
            let told = match status {
                Status::Failed => Some("payment.failed"),
                Status::Cancelled => Some("payment.cancelled"),
                Status::Expired => Some("payment.expired"),
                // None of them is an end without money.
                Status::Pending | Status::Processing | Status::Completed | Status::Refunded => None,
            };
            assert_eq!(ended(status).announces(), told, "{status}");
            assert_eq!(ended(status).status(), Some(status.as_str()));
        }
        let told: Vec<_> = all().iter().filter_map(What::announces).collect();
        let expected = [
            "payment.created",
            "payment.processing",
            "payment.completed",
            "payment.refunded",
            "payment.disputed",
        ];
        assert_eq!(told, expected, "and of nothing else");
        let refunded = What::RefundFailed {
            refund: Uuid::from_u128(8),
            gateway_id: None,
            amount: Money::new(1, Currency::PHP).into(),
            reason: None,
            refunded: Some(Money::new(0, Currency::PHP).into()),
            status: "completed".into(),
        };
        assert_eq!((refunded.announces(), refunded.status()), (Some("payment.refunded"), Some("completed")));
    }

    #[test]
    fn every_kind_stands_in_its_text() {
        let what = What::Ended {
            to: "expired".into(),
            reason: EndReason::SessionExpired,
            session: None,
            gateway_id: None,
        };
        assert_eq!((what.announces(), what.status()), (Some("payment.expired"), Some("expired")));
        let text = Entry { what: what.clone(), origin: Origin::of(Actor::Reconciler) }.text();
        assert!(text.starts_with(&format!(r#"{{"kind":"{}""#, what.kind())), "{text}");
    }
}
