//! Consultations: as Sekali's API puts them, and as the host writes them itself.

use super::TestDatabase;
use super::ground::{consult, expired, intend, later, migrated, money, paid, paying, php, put, rows, settle};
use crate::domain::{Consultation, ConsultationId, Terms, UserId};
use crate::ports::store::{PutOutcome, Store, StoreError};

const FIVE: ConsultationId = ConsultationId(5);

fn record(patient: i64, terms: Terms) -> Consultation {
    Consultation { id: FIVE, patient: UserId(patient), terms }
}

pub async fn a_consultation_is_made_and_replaced(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.consultation(FIVE).await, Ok(None));
    let terms = Terms { fee: php(500_000), tax_exempt: false };
    assert_eq!(put(store, 5, 1, terms.fee).await, PutOutcome::Created(record(1, terms)), "not exempt if new");
    assert_eq!(store.consultation(FIVE).await, Ok(Some(record(1, terms))));

    let dearer = Terms { fee: money("7", "JPY"), tax_exempt: true };
    let replaced = store.put_consultation(FIVE, UserId(2), dearer.fee, Some(true), later(5)).await;
    assert_eq!(replaced, Ok(PutOutcome::Updated(record(2, dearer))));
    let kept = put(store, 5, 2, dearer.fee).await;
    assert_eq!(kept, PutOutcome::Updated(record(2, dearer)), "None leaves the exemption as it is");
    assert_eq!(store.consultation(FIVE).await, Ok(Some(record(2, dearer))));
    let back = store.put_consultation(FIVE, UserId(2), dearer.fee, Some(false), later(6)).await;
    assert_eq!(back, Ok(PutOutcome::Updated(record(2, Terms { tax_exempt: false, ..dearer }))));

    let six =
        store.put_consultation(ConsultationId(6), UserId(1), php(1), Some(true), later(0)).await.unwrap();
    assert!(matches!(six, PutOutcome::Created(Consultation { terms: Terms { tax_exempt: true, .. }, .. })));
}

pub async fn the_hosts_own_rows_are_read(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for (id, columns, values, fee) in [
        (1, "fee, currency", "'5000.00', 'PHP'", php(500_000)),
        (2, "fee, currency", "5000, 'PHP'", php(500_000)),
        (3, "fee", "'0.5'", php(50)),
        (4, "fee, currency", "'5000', 'JPY'", money("5000", "JPY")),
        (5, "fee, currency", "'5000.000', 'JPY'", money("5000", "JPY")),
        (6, "fee, currency", "1.234, 'KWD'", money("1.234", "KWD")),
        (7, "fee, currency", "9876543210.12, 'IDR'", money("9876543210.12", "IDR")),
    ] {
        let sql = format!("INSERT INTO konsultasis (id, patient_id, {columns}) VALUES ({id}, 9, {values})");
        database.execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let expected = Consultation {
            id: ConsultationId(id),
            patient: UserId(9),
            terms: Terms { fee, tax_exempt: false },
        };
        assert_eq!(store.consultation(ConsultationId(id)).await, Ok(Some(expected)), "{sql}");
    }
    let defaults =
        "SELECT status FROM konsultasis WHERE created_at IS NOT NULL AND updated_at IS NOT NULL AND id = 3";
    assert_eq!(rows(store, defaults).await, ["scheduled"]);
}

pub async fn what_is_being_paid_keeps_patient_and_price(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let terms = Terms { fee: php(500_000), tax_exempt: false };
    let receipt = paying(store, 5, 1, "k").await;
    refuses_changes(store, "pending").await;
    let session = intend(store, &receipt).await;
    refuses_changes(store, "processing").await;
    settle(store, &receipt, &paid(session)).await;
    refuses_changes(store, "completed").await;
    assert_eq!(put(store, 5, 1, terms.fee).await, PutOutcome::Updated(record(1, terms)), "equal values");
    database.execute("UPDATE konsultasis SET fee = '5000' WHERE id = 5").await.unwrap();
    assert_eq!(put(store, 5, 1, terms.fee).await, PutOutcome::Updated(record(1, terms)), "equal as numbers");
    let exempt = store.put_consultation(FIVE, UserId(1), terms.fee, Some(true), later(9)).await.unwrap();
    assert_eq!(exempt, PutOutcome::Updated(record(1, Terms { tax_exempt: true, ..terms })));

    let other = paying(store, 6, 1, "six").await;
    let session = intend(store, &other).await;
    settle(store, &other, &expired(session)).await;
    let put = put(store, 6, 2, php(1)).await;
    assert!(matches!(put, PutOutcome::Updated(_)), "an expired payment binds nobody: {put:?}");
}

async fn refuses_changes(store: &dyn Store, status: &str) {
    for (patient, fee) in [(2, php(500_000)), (1, php(500_001)), (1, money("5000", "IDR"))] {
        assert_eq!(put(store, 5, patient, fee).await, PutOutcome::BeingPaid, "{status}: {patient} {fee:?}");
    }
    let kept = store.consultation(FIVE).await.unwrap().unwrap();
    assert_eq!(kept, record(1, Terms { fee: php(500_000), tax_exempt: false }), "nothing of it was written");
}

pub async fn a_fee_that_is_no_amount_is_an_error_until_it_is_put_right(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    for (fee, currency) in [
        ("5000.001", "PHP"),
        ("0.5", "JPY"),
        ("10000000000.00", "PHP"),
        ("99999999999999999999", "PHP"),
        ("5", "ZZZ"),
    ] {
        let sql = format!("UPDATE konsultasis SET fee = '{fee}', currency = '{currency}' WHERE id = 5");
        database.execute(&sql).await.unwrap();
        let read = store.consultation(FIVE).await;
        assert!(matches!(read, Err(StoreError::Broken(_))), "{fee} {currency}: {read:?}");
    }
    let terms = Terms { fee: php(500_000), tax_exempt: false };
    assert_eq!(put(store, 5, 1, terms.fee).await, PutOutcome::Updated(record(1, terms)));
    assert_eq!(store.consultation(FIVE).await, Ok(Some(record(1, terms))));
}
