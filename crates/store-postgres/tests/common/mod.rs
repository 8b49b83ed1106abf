//! What these tests need again and again.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use sekali_core::domain::tax::taxes;
use sekali_core::domain::{
    ConsultationId, Currency, Decimal, Fingerprint, IdempotencyKey, Money, PaymentMethod, TaxRule, Terms,
    Timestamp, UserId,
};
use sekali_core::ports::{AuditStore, NewPayment, SchemaStore};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::postgres::{self, TestDatabase};
use std::hash::{BuildHasher, Hasher, RandomState};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_705_314_600);

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
    let (terms, consultation) = (terms(), ConsultationId(consultation));
    NewPayment {
        reference: uuid(),
        user: UserId(1),
        consultation,
        key: IdempotencyKey::new(key).unwrap(),
        fingerprint: Fingerprint::of(consultation, Decimal::new(5, 3), PaymentMethod::Stripe),
        method: PaymentMethod::Stripe,
        terms,
        taxes: taxes(&TaxRule::defaults(), terms.fee, false),
        at: NOW,
    }
}

/// The first value of a query's first row.
pub(crate) async fn text(store: &PostgresStore, sql: &str) -> String {
    store.query(sql).await.unwrap().rows[0][0].clone()
}
