//! What the cases stand on: a consultation, a payment, what becomes of it, and how to look at the rows.

use super::TestDatabase;
pub(super) use super::deciding::*;
use crate::domain::{
    Actor, ConsultationId, Currency, Decimal, Entry, Fingerprint, Head, IdempotencyKey, Money, Origin,
    PaymentId, PaymentMethod, Receipt, RecordedEvent, TaxRule, Terms, Timestamp, UserId, What, tax,
};
use crate::ports::store::{CreateOutcome, NewPayment, PutOutcome, Store, StoreError};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Barrier;
use uuid::Uuid;

/// The contract's moment, 2024-01-15T10:30:00Z.
pub(super) const AT: Timestamp = Timestamp::from_seconds(1_705_314_600);
/// The contract's fee, in centavos.
pub(super) const FEE: i64 = 500_000;

/// So many seconds after [`AT`].
pub(super) fn later(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(AT.as_seconds() + seconds)
}

/// A UUID that no other call gives.
pub(super) fn fresh_uuid() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    uuid::Builder::from_random_bytes(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
        .into_uuid()
}

/// The database's store, migrated.
pub(super) async fn migrated(database: &dyn TestDatabase) -> Arc<dyn Store> {
    let store = database.open().await;
    store.migrate().await.expect("an empty database can be migrated");
    store
}

pub(super) fn money(amount: &str, code: &str) -> Money {
    let currency = Currency::from_code(code).expect("a currency");
    let decimal = Decimal::parse_digits(amount).expect("a decimal");
    Money::from_decimal(decimal, currency).unwrap_or_else(|_| panic!("{amount} is no amount in {code}"))
}

pub(super) fn php(minor: i64) -> Money {
    Money::new(minor, Currency::PHP)
}

pub(super) fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).expect("a key")
}

/// A wish to pay 5000.00 PHP with the default taxes, under a reference of its own.
pub(super) fn wish(consultation: i64, user: i64, name: &str) -> NewPayment {
    wish_for(consultation, user, name, Terms { fee: php(FEE), tax_exempt: false })
}

pub(super) fn wish_for(consultation: i64, user: i64, name: &str, terms: Terms) -> NewPayment {
    let (consultation, key, reference) = (ConsultationId(consultation), key(name), fresh_uuid());
    NewPayment {
        reference,
        user: UserId(user),
        consultation,
        created: created(reference, terms.fee, &key, AT),
        key,
        fingerprint: Fingerprint::of(consultation, terms.fee.to_decimal(), PaymentMethod::Stripe),
        method: PaymentMethod::Stripe,
        terms,
        taxes: tax::taxes(&TaxRule::defaults(), terms.fee, terms.tax_exempt),
        at: AT,
    }
}

/// The first entry of a payment's record.
pub(super) fn created(reference: Uuid, fee: Money, key: &IdempotencyKey, at: Timestamp) -> RecordedEvent {
    let method = PaymentMethod::Stripe.as_str().to_owned();
    let what = What::Created { amount: fee.into(), method, key_hash: crate::domain::record::key_hash(key) };
    let entry = Entry { what, origin: origin() };
    RecordedEvent::after(Head::default(), PaymentId(0), reference, at, &entry)
}

/// Nobody in particular.
pub(super) fn origin() -> Origin {
    Origin::of(Actor::Sekali)
}

/// Puts a consultation at 5000.00 PHP.
pub(super) async fn consult(store: &dyn Store, id: i64, patient: i64) {
    let put = put(store, id, patient, php(FEE)).await;
    assert!(matches!(put, PutOutcome::Created(_)), "consultation {id} is new, but: {put:?}");
}

pub(super) async fn put(store: &dyn Store, id: i64, patient: i64, fee: Money) -> PutOutcome {
    let put = store.put_consultation(ConsultationId(id), UserId(patient), fee, None, AT).await;
    put.expect("the consultation can be put")
}

/// Creates one payment, going on after a conflict as the flow does: three attempts at most.
pub(super) async fn create(store: &dyn Store, new: &NewPayment) -> CreateOutcome {
    let mut outcomes = create_all(store, std::slice::from_ref(new)).await;
    assert_eq!(outcomes.len(), 1, "one outcome for one item");
    outcomes.remove(0)
}

pub(super) async fn create_all(store: &dyn Store, batch: &[NewPayment]) -> Vec<CreateOutcome> {
    for _ in 0..2 {
        match store.create_payments(batch).await {
            Err(StoreError::Conflict(_)) => {}
            other => return other.expect("payments can be created"),
        }
    }
    store.create_payments(batch).await.expect("the third attempt at the latest succeeds")
}

/// The receipt of a payment that was just made.
pub(super) fn made(outcome: CreateOutcome) -> Receipt {
    match outcome {
        CreateOutcome::Created(receipt) => receipt,
        other => panic!("Created was expected, but: {other:?}"),
    }
}

/// A new consultation and its payment.
pub(super) async fn paying(store: &dyn Store, consultation: i64, user: i64, name: &str) -> Receipt {
    consult(store, consultation, user).await;
    made(create(store, &wish(consultation, user, name)).await)
}

/// The payment as it is now.
pub(super) async fn now(store: &dyn Store, receipt: &Receipt) -> Receipt {
    let found = store.payment(receipt.payment.id).await.expect("a payment can be read");
    found.unwrap_or_else(|| panic!("payment {} is gone", receipt.payment.id))
}

/// The rows of a query, columns joined by ` | `.
pub(super) async fn rows(store: &dyn Store, sql: &str) -> Vec<String> {
    let table = store.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    table.rows.iter().map(|row| row.join(" | ")).collect()
}

/// How many rows of `table` (which may go on with a WHERE) there are.
pub(super) async fn count(store: &dyn Store, table: &str) -> u64 {
    let found = rows(store, &format!("SELECT count(*) FROM {table}")).await;
    found[0].parse().unwrap_or_else(|_| panic!("{table}: {} is no count", found[0]))
}

/// Asserts how many payments there are, and that each has all that is written with one: an invoice,
/// two taxes, a key, the first entry of its record, and its place in the outbox.
pub(super) async fn assert_whole_payments(store: &dyn Store, expected: u64) {
    for (table, each) in [
        ("payments", 1),
        ("invoices", 1),
        ("tax_records", 2),
        ("idempotency_keys", 1),
        ("payment_events WHERE seq = 1 AND kind = 'created'", 1),
        ("outbox", 1),
    ] {
        assert_eq!(count(store, table).await, expected * each, "rows in {table}");
    }
}

/// Lets every future start at the same moment, each in a task of its own.
pub(super) async fn at_once<T, F>(futures: Vec<F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let gate = Arc::new(Barrier::new(futures.len()));
    let tasks: Vec<_> = futures
        .into_iter()
        .map(|future| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                gate.wait().await;
                future.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(task.await.expect("a racer panicked"));
    }
    results
}

/// [`create`] for every wish at once, spread over the stores.
pub(super) async fn create_at_once(stores: &[Arc<dyn Store>], wishes: Vec<NewPayment>) -> Vec<CreateOutcome> {
    let racers = wishes.into_iter().enumerate().map(|(i, wish)| {
        let store = Arc::clone(&stores[i % stores.len()]);
        async move { create(store.as_ref(), &wish).await }
    });
    at_once(racers.collect()).await
}
