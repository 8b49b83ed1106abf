//! Several payments in one write.

use super::TestDatabase;
use super::ground::{
    assert_whole_payments, at_once, consult, create, create_all, made, migrated, paying, php, wish, wish_for,
};
use crate::domain::Terms;
use crate::ports::store::{CreateOutcome, NewPayment};
use std::collections::HashMap;
use std::sync::Arc;

pub async fn a_batch_answers_each_item_in_its_order(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let active = paying(store, 1, 1, "one").await;
    for id in [2, 3, 4, 5] {
        consult(store, id, 1).await;
    }
    let insert = "INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES (6, 1, '0.001', 'PHP')";
    database.execute(insert).await.unwrap();
    let batch = [
        wish(5, 1, "five"),
        wish(1, 1, "again"),
        wish(404, 1, "missing"),
        wish(3, 1, "one"),
        wish(2, 9, "stranger"),
        wish_for(4, 1, "terms", Terms { fee: php(1), tax_exempt: false }),
        wish(6, 1, "unpriced"),
        wish(7, 1, "seven"),
    ];
    consult(store, 7, 1).await;
    let outcomes = create_all(store, &batch).await;
    let words: Vec<_> = outcomes.iter().map(word).collect();
    let expected = [
        "Created",
        "Active",
        "NoConsultation",
        "KeyUsed",
        "NotThePatient",
        "OtherTerms",
        "Unpriced",
        "Created",
    ];
    assert_eq!(words, expected);
    assert_eq!(outcomes[1], CreateOutcome::Active(active.clone()));
    let fingerprint = wish(1, 1, "one").fingerprint;
    assert_eq!(outcomes[3], CreateOutcome::KeyUsed { fingerprint, receipt: active });
    for (item, outcome) in [(&batch[0], &outcomes[0]), (&batch[7], &outcomes[7])] {
        let receipt = made(outcome.clone());
        assert_eq!(receipt.payment.reference, item.reference, "each item got its own payment");
        assert_eq!(receipt.payment.consultation, item.consultation);
        assert_eq!(receipt.invoice.payment, receipt.payment.id);
    }
    assert_whole_payments(store, 3).await;
}

pub async fn an_empty_batch_does_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert_eq!(store.create_payments(&[]).await, Ok(Vec::new()));
    assert_whole_payments(store, 0).await;
}

pub async fn a_large_batch_is_written_whole(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let batch = wishes(store, 1..=64, "k").await;
    for (item, outcome) in batch.iter().zip(create_all(store, &batch).await) {
        let receipt = made(outcome);
        assert_eq!(receipt.payment.reference, item.reference);
        assert_eq!(store.payment(receipt.payment.id).await, Ok(Some(receipt)));
    }
    assert_whole_payments(store, 64).await;
}

pub async fn a_batch_repeated_is_created_again(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let batch = wishes(store, 1..=6, "k").await;
    let some = create_all(store, &batch[..3]).await;
    let all = create_all(store, &batch).await;
    assert_eq!(all[..3], some[..], "those of the first attempt are the same payments");
    assert!(all.iter().all(|outcome| word(outcome) == "Created"), "{all:?}");
    assert_whole_payments(store, 6).await;
}

pub async fn batches_that_overlap_in_opposite_orders_make_one_payment_each(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    for round in 0..10 {
        let ids = round * 10 + 1..=round * 10 + 10;
        for id in ids.clone() {
            consult(&*store, id, 1).await;
        }
        let racers = (0..6_usize).map(|racer| {
            let store = Arc::clone(&stores[racer % 2]);
            let mut batch: Vec<_> = ids.clone().map(|id| wish(id, 1, &format!("{racer}-{id}"))).collect();
            batch.rotate_left(racer);
            if racer % 2 == 1 {
                batch.reverse();
            }
            async move {
                let outcomes = create_all(&*store, &batch).await;
                batch.iter().map(|item| item.consultation.0).zip(outcomes).collect::<Vec<_>>()
            }
        });
        let mut created: HashMap<i64, u32> = HashMap::new();
        for (id, outcome) in at_once(racers.collect()).await.into_iter().flatten() {
            match word(&outcome) {
                "Created" => *created.entry(id).or_default() += 1,
                "Active" => {}
                _ => panic!("consultation {id}: {outcome:?}"),
            }
        }
        for id in ids {
            assert_eq!(created.get(&id), Some(&1), "consultation {id} has one payment");
        }
    }
    assert_whole_payments(&*store, 100).await;
    made(create(&*store, &wishes(&*store, 901..=901, "after").await[0]).await);
}

/// A consultation and a wish to pay it for each id.
async fn wishes(
    store: &dyn crate::ports::Store,
    ids: std::ops::RangeInclusive<i64>,
    prefix: &str,
) -> Vec<NewPayment> {
    let mut wishes = Vec::new();
    for id in ids {
        consult(store, id, id).await;
        wishes.push(wish(id, id, &format!("{prefix}{id}")));
    }
    wishes
}

fn word(outcome: &CreateOutcome) -> &'static str {
    match outcome {
        CreateOutcome::KeyUsed { .. } => "KeyUsed",
        CreateOutcome::NoConsultation => "NoConsultation",
        CreateOutcome::NotThePatient => "NotThePatient",
        CreateOutcome::OtherTerms(_) => "OtherTerms",
        CreateOutcome::Unpriced(_) => "Unpriced",
        CreateOutcome::Active(_) => "Active",
        CreateOutcome::Created(_) => "Created",
    }
}
