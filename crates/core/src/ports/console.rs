//! The database as an operator looks at it: lists, searches, and how the service is doing.
//!
//! None of it decides anything about a payment, so no flow works through it. Whatever is asked here is bounded: a
//! list looks at so many rows at a time and says how far it came.

use super::StoreError;
use crate::domain::{
    Currency, IdempotencyKey, Money, Payment, PaymentId, Receipt, RecordedEvent, Status, Timestamp, UserId,
    invoice_number,
};
use async_trait::async_trait;
use uuid::Uuid;

/// Decimals that an amount of any currency fits in (ISO 4217 knows up to four).
pub const AMOUNT_DECIMALS: u32 = 4;
/// An amount stands in no index. A list that is narrowed by one looks at so many payments at a time.
pub const LOOKED_AT: u32 = 5_000;

/// Which payments a list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only in one of these states; empty: in any.
    pub statuses: Vec<Status>,
    /// Made then or later.
    pub from: Option<Timestamp>,
    /// Made before then.
    pub to: Option<Timestamp>,
    /// Of this amount or more, in 10^-[`AMOUNT_DECIMALS`] of the currency's unit.
    pub least: Option<i64>,
    /// Of this amount or less, in the same measure.
    pub most: Option<i64>,
    /// In this currency.
    pub currency: Option<Currency>,
}

impl Filter {
    /// Whether it asks for amounts or a currency, which stand in no index.
    pub fn is_by_amount(&self) -> bool {
        self.least.is_some() || self.most.is_some() || self.currency.is_some()
    }

    /// Whether an amount is among those that are asked for.
    pub fn admits_amount(&self, amount: Money) -> bool {
        let places = AMOUNT_DECIMALS.saturating_sub(amount.currency.decimals());
        let scaled = i128::from(amount.minor) * 10_i128.pow(places);
        self.least.is_none_or(|least| scaled >= i128::from(least))
            && self.most.is_none_or(|most| scaled <= i128::from(most))
            && self.currency.is_none_or(|currency| currency == amount.currency)
    }

    /// Whether a payment is among those that are asked for.
    pub fn admits(&self, payment: &Payment) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&payment.status))
            && self.from.is_none_or(|from| payment.created_at >= from)
            && self.to.is_none_or(|to| payment.created_at < to)
            && self.admits_amount(payment.amount)
    }

    /// How many rows a list of so many looks at.
    pub fn looks_at(&self, limit: u32) -> u32 {
        if self.is_by_amount() { LOOKED_AT.max(limit + 1) } else { limit + 1 }
    }

    /// The numbers of the invoices between which those payments lie that were made in the time asked for and
    /// stand behind `before`: at or after the first, before the second. An invoice's number begins with the second
    /// in which its payment was made, so that the index that keeps numbers unique is one by time as well.
    pub fn invoices(&self, before: Option<Place>) -> (String, String) {
        let number = |at: Timestamp| format!("INV-{}", at.compact());
        let from =
            self.from.map_or_else(|| format!("INV-{}", "0".repeat(14)), |from| number(next_second(from)));
        let to = self.to.map_or_else(|| format!("INV-{}", "9".repeat(14)), |to| number(next_second(to)));
        let behind = before.map(|place| invoice_number(place.at, place.payment));
        (from, behind.map_or(to.clone(), |behind| behind.min(to)))
    }

    /// The same as places: at or after the first's moment, and in front of the second.
    pub fn places(&self, before: Option<Place>) -> (Timestamp, Place) {
        let from = self.from.map_or(Timestamp::from_seconds(0), next_second);
        // Numbers begin at 1: nothing of that second is in front of this place.
        let to = self.to.map_or(LAST, |to| Place { at: next_second(to), payment: PaymentId(0) });
        (from, before.map_or(to, |before| before.min(to)))
    }
}

/// No payment stands behind the end of the year 9999, which is as far as both databases write years alike.
const LAST: Place = Place { at: Timestamp::from_seconds(253_402_300_799), payment: PaymentId(i64::MAX) };

/// Payments are made in whole seconds: those at or after a fraction of one are those at or after the next.
fn next_second(at: Timestamp) -> Timestamp {
    let whole = at.whole_second();
    if whole == at { at } else { Timestamp::from_seconds(whole.as_seconds() + 1) }
}

/// A payment's place in every list: newest first, and by number among those of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When it was made.
    pub at: Timestamp,
    /// Its number.
    pub payment: PaymentId,
}

impl Place {
    /// A payment's.
    pub fn of(payment: &Payment) -> Self {
        Self { at: payment.created_at, payment: payment.id }
    }
}

/// What a list looks at of a payment before it reads it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// Where it stands.
    pub place: Place,
    /// Its amount.
    pub amount: Money,
}

/// Part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed<T> {
    /// What was found, newest first.
    pub found: Vec<T>,
    /// Where the list goes on; `None`: it has ended.
    pub next: Option<Place>,
}

/// Picks from what an index gave, `looked` rows at most: the first `limit` whose amount is asked for.
pub fn pick(glances: &[Glance], filter: &Filter, limit: u32, looked: u32) -> Listed<PaymentId> {
    let limit = limit as usize;
    let mut places: Vec<Place> = glances
        .iter()
        .filter(|glance| filter.admits_amount(glance.amount))
        .map(|glance| glance.place)
        .take(limit + 1)
        .collect();
    let next = if places.len() > limit {
        places.truncate(limit);
        places.last().copied()
    } else {
        // All that was looked at is used up; there may be more behind it.
        glances.last().filter(|_| glances.len() >= looked as usize).map(|glance| glance.place)
    };
    Listed { found: places.into_iter().map(|place| place.payment).collect(), next }
}

/// An id that somebody has pasted, by its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needle {
    /// A payment's, consultation's or patient's number.
    Number(i64),
    /// An invoice's number.
    Invoice(String),
    /// A payment's reference, or our name for a session or a refund.
    Name(Uuid),
    /// Stripe's id of a Checkout Session, `cs_…`.
    Session(String),
    /// Stripe's id of a payment intent, `pi_…`.
    Intent(String),
    /// Stripe's id of a refund, `re_…` or `pyr_…`.
    Refund(String),
    /// Stripe's id of a dispute, `dp_…` or `du_…`.
    Dispute(String),
    /// A client's key, whoever's.
    Key(IdempotencyKey),
}

/// What an id was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named after what it is")]
pub enum FoundAs {
    Payment,
    Consultation,
    Patient,
    Invoice,
    IdempotencyKey,
    CheckoutSession,
    PaymentIntent,
    Charge,
    Refund,
    Event,
    Dispute,
    Reference,
    SessionName,
    RefundName,
}

impl FoundAs {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Payment,
        Self::Consultation,
        Self::Patient,
        Self::Invoice,
        Self::IdempotencyKey,
        Self::CheckoutSession,
        Self::PaymentIntent,
        Self::Charge,
        Self::Refund,
        Self::Event,
        Self::Dispute,
        Self::Reference,
        Self::SessionName,
        Self::RefundName,
    ];

    /// Reads [`Self::as_str`]'s word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// A word for answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Consultation => "consultation",
            Self::Patient => "patient",
            Self::Invoice => "invoice",
            Self::IdempotencyKey => "idempotency_key",
            Self::CheckoutSession => "checkout_session",
            Self::PaymentIntent => "payment_intent",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Event => "event",
            Self::Dispute => "dispute",
            Self::Reference => "reference",
            Self::SessionName => "session_name",
            Self::RefundName => "refund_name",
        }
    }
}

/// A key that made a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptKey {
    /// Whose.
    pub user: UserId,
    /// The key.
    pub key: IdempotencyKey,
    /// When it was used.
    pub at: Timestamp,
}

/// A webhook as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    /// Stripe's id.
    pub id: String,
    /// Stripe's type.
    pub kind: String,
    /// The object it is about.
    pub object: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it is tried again by itself.
    pub waits: bool,
    /// When it was dealt with.
    pub finished_at: Option<Timestamp>,
    /// The last failure.
    pub error: Option<String>,
}

/// What was made since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeSince {
    /// How many payments.
    pub payments: u64,
    /// The newest of them by their state.
    pub by_status: Vec<(Status, u64)>,
    /// The newest ones.
    pub latest: Vec<PaymentId>,
}

/// How the inbox stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxDepth {
    /// Events that are tried again by themselves.
    pub waiting: u64,
    /// When the first of them came.
    pub oldest: Option<Timestamp>,
    /// Events that were given up.
    pub given_up: u64,
    /// The newest of those.
    pub abandoned: Vec<KeptEvent>,
}

/// A new entry in some payment's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// Goes up with each entry of any record, in the order in which they are written; they are seen in the order in
    /// which they are committed, which may be another.
    pub ordinal: i64,
    /// Whose record.
    pub payment: PaymentId,
}

/// A line that a service or a command has left for operators: how a check or a pass went last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When it was left.
    pub at: Timestamp,
    /// JSON.
    pub text: String,
}

/// What the console asks, and the notes it shows.
#[async_trait]
pub trait ConsoleStore: Send + Sync {
    /// Payments, newest first, from behind `before` on: at most `limit`, and perhaps fewer although the list goes on,
    /// as it looks at [`Filter::looks_at`] rows at most.
    async fn search(
        &self,
        filter: &Filter,
        before: Option<Place>,
        limit: u32,
    ) -> Result<Listed<Receipt>, StoreError>;

    /// The payments that an id names, and as what: at most `most` of each kind, the newest.
    async fn find(&self, needle: &Needle, most: u32) -> Result<Vec<(FoundAs, PaymentId)>, StoreError>;

    /// These payments, newest first; those that are not there are left out.
    async fn receipts(&self, payments: &[PaymentId]) -> Result<Vec<Receipt>, StoreError>;

    /// The keys that made a payment, as far as they are still kept.
    async fn keys_of(&self, payment: PaymentId) -> Result<Vec<KeptKey>, StoreError>;

    /// Webhooks with these ids, or about these objects: oldest first, at most `limit`.
    async fn kept_events(
        &self,
        ids: &[String],
        objects: &[String],
        limit: u32,
    ) -> Result<Vec<KeptEvent>, StoreError>;

    /// A payment's cases, open or closed, oldest first.
    async fn cases_of(&self, payment: PaymentId) -> Result<Vec<super::Case>, StoreError>;

    /// What was made at or after `since`: all counted, the newest `looked` told apart by their state, and the newest
    /// `shown` named.
    async fn made_since(&self, since: Timestamp, looked: u32, shown: u32) -> Result<MadeSince, StoreError>;

    /// Entries about duplicates at or after `since`: newest first, at most `limit`.
    async fn duplicates_since(&self, since: Timestamp, limit: u32) -> Result<Vec<RecordedEvent>, StoreError>;

    /// How the inbox stands; at most `shown` of what was given up is named.
    async fn inbox_depth(&self, shown: u32) -> Result<InboxDepth, StoreError>;

    /// The ordinal of the newest entry of any record; 0: there is none.
    async fn newest_entry(&self) -> Result<i64, StoreError>;

    /// Entries with a higher ordinal: in their order, at most `limit`.
    async fn entries_after(&self, ordinal: i64, limit: u32) -> Result<Vec<News>, StoreError>;

    /// Leaves a note, in the place of the one before it under the same name.
    async fn leave_note(&self, name: &str, note: &Note) -> Result<(), StoreError>;

    /// The note under a name.
    async fn note(&self, name: &str) -> Result<Option<Note>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance(id: i64, minor: i64) -> Glance {
        let place = Place { at: Timestamp::from_seconds(id), payment: PaymentId(id) };
        Glance { place, amount: Money::new(minor, Currency::PHP) }
    }

    #[test]
    fn amounts_are_compared_in_their_currencys_unit() {
        let yen = Currency::from_code("JPY").unwrap();
        let filter = Filter { least: Some(50_000_000), most: Some(50_000_000), ..Filter::default() };
        assert!(filter.admits_amount(Money::new(500_000, Currency::PHP)));
        assert!(filter.admits_amount(Money::new(5_000, yen)), "yen have no decimals");
        assert!(!filter.admits_amount(Money::new(500_001, Currency::PHP)));
        let in_yen = Filter { currency: Some(yen), ..filter };
        assert!(!in_yen.admits_amount(Money::new(500_000, Currency::PHP)));
    }

    #[test]
    fn a_page_ends_where_its_limit_or_what_was_looked_at_ends() {
        let all: Vec<_> = (1..=5).rev().map(|id| glance(id, id * 100)).collect();
        let any = Filter::default();
        let full = pick(&all, &any, 4, 5);
        assert_eq!(full.found, [5, 4, 3, 2].map(PaymentId));
        assert_eq!(full.next.map(|place| place.payment), Some(PaymentId(2)));
        assert_eq!(pick(&all, &any, 5, 6).next, None, "the index had no more");

        let large = Filter { least: Some(4_000_000), ..any };
        let short = pick(&all, &large, 4, 5);
        assert_eq!(short.found, []);
        assert_eq!(short.next, Some(all[4].place), "it goes on behind the last one that was looked at");
        let last = pick(&all[..4], &large, 4, 5);
        assert_eq!((last.found.len(), last.next), (0, None));
    }

    #[test]
    fn a_time_lies_between_two_numbers_of_invoices() {
        let at = Timestamp::from_seconds(1_705_314_600);
        let filter = Filter {
            from: Some(at),
            to: Some(Timestamp::from_micros(at.as_micros() + 1)),
            ..Filter::default()
        };
        let (from, to) = filter.invoices(None);
        assert_eq!([&from[..], &to], ["INV-20240115103000", "INV-20240115103001"]);
        let number = invoice_number(at, PaymentId(1));
        assert!(from <= number && number < to);
        let behind = Place { at, payment: PaymentId(7) };
        assert_eq!(filter.invoices(Some(behind)).1, "INV-20240115103000-000007");
        let (all, _) = Filter::default().invoices(None);
        assert_eq!(all, "INV-00000000000000");
    }
}
