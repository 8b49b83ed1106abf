//! What these tests need again and again.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use sekali_core::decision::open::{NewSession, intend};
use sekali_core::decision::settle::{News, Settlement, settle};
use sekali_core::domain::record::key_hash;
use sekali_core::domain::tax::taxes;
use sekali_core::domain::{
    Actor, ConsultationId, Currency, Decimal, Entry, Fingerprint, Head, IdempotencyKey, Money, Origin,
    PaymentId, PaymentMethod, RecordedEvent, TaxRule, Terms, Timestamp, UserId, What,
};
use sekali_core::ports::{AuditStore, CreateOutcome, Judge, NewPayment, PaymentStore, SchemaStore};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::postgres::{self, TestDatabase};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use uuid::Uuid;

pub(crate) mod proxy;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_705_314_600);
pub(crate) const ORIGIN: Origin = Origin::of(Actor::Sekali);

pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(crate) fn uuid() -> Uuid {
    Uuid::from_u64_pair(random(), random())
}

/// A migrated database and a store on it.
pub(crate) async fn migrated() -> (TestDatabase, PostgresStore) {
    migrated_with(&Options::default()).await
}

pub(crate) async fn migrated_with(options: &Options) -> (TestDatabase, PostgresStore) {
    let database = postgres::database();
    let store = PostgresStore::connect(&database.url, options).unwrap();
    store.migrate().await.unwrap();
    (database, store)
}

/// Consultations `from` to `to`, of user 1, at 5000 pesos.
pub(crate) fn insert_consultations(database: &TestDatabase, from: i64, to: i64) {
    let insert = "INSERT INTO konsultasis (id, patient_id, fee) SELECT id, 1, '5000.00'";
    database.execute(&format!("{insert} FROM generate_series({from}, {to}) AS id")).unwrap();
}

pub(crate) fn terms() -> Terms {
    Terms { fee: Money::new(500_000, Currency::PHP), tax_exempt: false }
}

pub(crate) fn new_payment(consultation: i64, key: &str) -> NewPayment {
    let (terms, consultation, reference) = (terms(), ConsultationId(consultation), uuid());
    let key = IdempotencyKey::new(key).unwrap();
    NewPayment {
        reference,
        user: UserId(1),
        consultation,
        fingerprint: Fingerprint::of(consultation, Decimal::new(5, 3), PaymentMethod::Stripe),
        method: PaymentMethod::Stripe,
        terms,
        taxes: taxes(&TaxRule::defaults(), terms.fee, false),
        created: created(reference, &key, terms.fee),
        at: NOW,
        key,
    }
}

fn created(reference: Uuid, key: &IdempotencyKey, fee: Money) -> RecordedEvent {
    let what = What::Created { amount: fee.into(), method: "stripe".into(), key_hash: key_hash(key) };
    RecordedEvent::after(Head::default(), PaymentId(0), reference, NOW, &Entry { what, origin: ORIGIN })
}

/// Makes a payment for the consultation, which has none.
pub(crate) async fn pay(store: &PostgresStore, consultation: i64) -> PaymentId {
    let new = new_payment(consultation, &format!("key of {consultation}"));
    match store.create_payments(&[new]).await.unwrap().remove(0) {
        CreateOutcome::Created(receipt) => receipt.payment.id,
        other => panic!("{other:?}"),
    }
}

/// Intends a Checkout Session of this name.
pub(crate) fn intends(session: Uuid) -> Judge {
    let new = NewSession { id: session, request: format!("client_reference_id={session}"), at: NOW };
    Arc::new(move |file| intend(file, &new, &ORIGIN).0)
}

/// Brings news of the session.
pub(crate) fn settles(session: Uuid, news: News) -> Judge {
    let settlement = Settlement { session, at: NOW, news };
    Arc::new(move |file| settle(file, &settlement, &ORIGIN).0)
}

/// The whole fee was paid at the session.
pub(crate) fn paid(session: Uuid) -> Judge {
    let (gateway_id, payment_intent) = (format!("cs_{session}"), format!("pi_{session}"));
    settles(session, News::Paid { gateway_id, payment_intent, amount: terms().fee })
}

/// The first value of a query's first row.
pub(crate) async fn text(store: &PostgresStore, sql: &str) -> String {
    store.query(sql).await.unwrap().rows[0][0].clone()
}
