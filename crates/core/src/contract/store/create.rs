//! One payment at a time: what is written, what is refused, and what is looked at first.

use super::TestDatabase;
use super::ground::{
    AT, assert_whole_payments, consult, count, create, expired, intend, key, made, migrated, money, now,
    paid, paying, php, put, rows, settle, wish, wish_for,
};
use crate::decision::settle::Settling;
use crate::domain::{
    Consultation, ConsultationId, Fingerprint, InvoiceStatus, PaymentMethod, Receipt, Status, Terms, UserId,
    invoice_number,
};
use crate::ports::store::{CreateOutcome, Store};

pub async fn a_payment_is_written_with_taxes_invoice_and_key(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    let new = wish(5, 1, "k");
    let receipt = made(create(store, &new).await);

    let Receipt { payment, invoice } = &receipt;
    assert_eq!(
        (payment.reference, payment.user, payment.consultation),
        (new.reference, UserId(1), new.consultation)
    );
    assert_eq!((payment.amount, payment.method), (php(500_000), PaymentMethod::Stripe));
    assert_eq!((payment.status, payment.submitted), (Status::Pending, false));
    assert_eq!((payment.created_at, payment.updated_at), (AT, AT));
    assert_eq!((invoice.payment, invoice.amount), (payment.id, payment.amount));
    assert_eq!((invoice.status, invoice.issued_at), (InvoiceStatus::Pending, AT));
    assert_eq!(invoice.number, invoice_number(AT, payment.id));

    assert_eq!(now(store, &receipt).await, receipt, "it is read as it was answered");
    let found = store.key(UserId(1), &key("k")).await.unwrap();
    assert_eq!(found, Some((new.fingerprint, receipt.clone())), "the key names it");
    let taxes = "SELECT payment_id, tax_type, tax_rate_ppm, tax_amount_minor, tax_amount FROM tax_records ORDER BY id";
    let id = payment.id;
    assert_eq!(
        rows(store, taxes).await,
        [format!("{id} | VAT | 120000 | 60000 | 600.00"), format!("{id} | PPh | 150000 | 75000 | 750.00")],
        "the taxes stand in the order of the rules"
    );
    assert_whole_payments(store, 1).await;
}

pub async fn the_same_write_again_is_created_with_the_same_ids(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    let new = wish(5, 1, "k");
    let first = made(create(store, &new).await);
    assert_eq!(made(create(store, &new).await), first, "an unclear commit, repeated");
    assert_whole_payments(store, 1).await;

    // The host may have changed its record since: the write that was made stays made.
    database.execute("UPDATE konsultasis SET fee = '1.00', patient_id = 2").await.unwrap();
    assert_eq!(made(create(store, &new).await), first, "the key comes before the terms");
}

pub async fn a_known_key_answers_with_its_payment_and_stores_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    consult(store, 6, 1).await;
    let first = wish(5, 1, "k");
    let receipt = made(create(store, &first).await);

    let expected = CreateOutcome::KeyUsed { fingerprint: first.fingerprint, receipt: receipt.clone() };
    assert_eq!(create(store, &wish(5, 1, "k")).await, expected, "the same request again");
    let another = wish(6, 1, "k");
    assert_ne!(another.fingerprint, first.fingerprint);
    assert_eq!(create(store, &another).await, expected, "another request: the key's own fingerprint is told");
    assert_whole_payments(store, 1).await;

    let session = intend(store, &receipt).await;
    settle(store, &receipt, &paid(session)).await;
    let CreateOutcome::KeyUsed { receipt: seen, .. } = create(store, &wish(5, 1, "k")).await else {
        panic!("the key is used");
    };
    assert_eq!(seen.payment.status, Status::Completed, "the payment is shown as it is now");
}

pub async fn a_key_belongs_to_its_user(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let one = paying(store, 5, 1, "k").await;
    assert_eq!(store.key(UserId(2), &key("k")).await, Ok(None), "another user's key shows nothing");
    let two = paying(store, 6, 2, "k").await;
    assert_ne!(one.payment.id, two.payment.id);
    assert_eq!(store.key(UserId(1), &key("k")).await.unwrap().unwrap().1, one);
    assert_eq!(store.key(UserId(2), &key("k")).await.unwrap().unwrap().1, two);
    assert_eq!(store.key(UserId(1), &key("K")).await, Ok(None), "keys are told apart to the letter");
    assert_eq!(store.key(UserId(1), &key("k ")).await, Ok(None), "and to the blank");
    assert_whole_payments(store, 2).await;
}

pub async fn a_key_that_lost_stores_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let winner = paying(store, 5, 1, "winner").await;
    let loser = wish(5, 1, "loser");
    assert_eq!(create(store, &loser).await, CreateOutcome::Active(winner.clone()));
    assert_eq!(store.key(UserId(1), &key("loser")).await, Ok(None));
    assert_whole_payments(store, 1).await;

    expire(store, &winner).await;
    assert_eq!(made(create(store, &loser).await).payment.status, Status::Pending, "its key is free to pay");
    assert_whole_payments(store, 2).await;
}

pub async fn a_spent_key_stays_spent_and_a_new_one_pays_again(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let first = paying(store, 5, 1, "first").await;
    expire(store, &first).await;
    let CreateOutcome::KeyUsed { receipt, .. } = create(store, &wish(5, 1, "first")).await else {
        panic!("the key of an expired payment is spent");
    };
    assert_eq!((receipt.payment.id, receipt.payment.status), (first.payment.id, Status::Expired));
    let second = made(create(store, &wish(5, 1, "second")).await);
    assert!(second.payment.id > first.payment.id, "ids go up");
    assert_eq!(create(store, &wish(5, 1, "third")).await, CreateOutcome::Active(second));
}

/// Each state has one more thing wrong than what it is expected to answer.
pub async fn what_is_looked_at_first(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "used").await;
    database
        .execute("INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES (7, 1, '5000.50', 'JPY')")
        .await
        .unwrap();

    for other in [404, 7, 5] {
        let outcome = create(store, &wish(other, 1, "used")).await;
        assert!(
            matches!(outcome, CreateOutcome::KeyUsed { .. }),
            "the key before consultation {other}: {outcome:?}"
        );
    }
    assert_eq!(create(store, &wish(404, 9, "a")).await, CreateOutcome::NoConsultation);
    assert_eq!(
        create(store, &wish(7, 9, "a")).await,
        CreateOutcome::NotThePatient,
        "before an unpriced record"
    );
    assert_eq!(
        create(store, &wish(5, 9, "a")).await,
        CreateOutcome::NotThePatient,
        "before an active payment"
    );
    let outcome = create(store, &wish(7, 1, "a")).await;
    assert!(matches!(outcome, CreateOutcome::Unpriced(_)), "before other terms: {outcome:?}");
    let free = Terms { fee: php(1), tax_exempt: false };
    let outcome = create(store, &wish_for(5, 1, "a", free)).await;
    assert!(matches!(outcome, CreateOutcome::OtherTerms(_)), "before an active payment: {outcome:?}");
    assert_eq!(create(store, &wish(5, 1, "a")).await, CreateOutcome::Active(receipt));

    database.execute("UPDATE konsultasis SET currency = 'ZZZ' WHERE id = 5").await.unwrap();
    let outcome = create(store, &wish(5, 1, "a")).await;
    assert!(matches!(outcome, CreateOutcome::Unpriced(_)), "a currency that is none: {outcome:?}");
    assert_whole_payments(store, 1).await;
}

pub async fn a_fee_is_compared_as_a_number(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    for (id, fee) in [(1, "'5000.00'"), (2, "'5000'"), (3, "5000"), (4, "5000.00"), (5, "'5000.0000'")] {
        let insert = format!("INSERT INTO konsultasis (id, patient_id, fee) VALUES ({id}, 1, {fee})");
        database.execute(&insert).await.unwrap();
        let receipt = made(create(store, &wish(id, 1, &format!("k{id}"))).await);
        assert_eq!(receipt.payment.amount, php(500_000), "{fee}");
    }
}

pub async fn other_terms_are_told(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    let terms = Terms { fee: php(500_000), tax_exempt: false };
    let record = Consultation { id: ConsultationId(5), patient: UserId(1), terms };
    let others = [
        Terms { fee: php(500_001), ..terms },
        Terms { fee: money("5000", "IDR"), ..terms },
        Terms { tax_exempt: true, ..terms },
    ];
    for other in others {
        let outcome = create(store, &wish_for(5, 1, "k", other)).await;
        assert_eq!(outcome, CreateOutcome::OtherTerms(record.clone()), "asked with {other:?}");
    }
    assert_whole_payments(store, 0).await;
    made(create(store, &wish_for(5, 1, "k", record.terms)).await);
}

pub async fn amounts_are_exact_in_every_currency(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let table = [
        ("5000", "JPY", "5000 | 0 | JPY", ["600", "750"]),
        ("10", "JPY", "10 | 0 | JPY", ["1", "2"]),
        ("1.234", "KWD", "1.234 | 3 | KWD", ["0.148", "0.185"]),
        ("150000.50", "IDR", "150000.50 | 2 | IDR", ["18000.06", "22500.08"]),
        ("0.01", "PHP", "0.01 | 2 | PHP", ["0.00", "0.00"]),
        ("0.30", "PHP", "0.30 | 2 | PHP", ["0.04", "0.05"]),
        ("10000.07", "USD", "10000.07 | 2 | USD", ["1200.01", "1500.01"]),
        ("1.0001", "CLF", "1.0001 | 4 | CLF", ["0.1200", "0.1500"]),
        ("9999999999.99", "PHP", "9999999999.99 | 2 | PHP", ["1200000000.00", "1500000000.00"]),
    ];
    for (row, (amount, code, payment, taxes)) in table.into_iter().enumerate() {
        let id = i64::try_from(row).unwrap() + 1;
        let fee = money(amount, code);
        put(store, id, 1, fee).await;
        let new = wish_for(id, 1, &format!("k{id}"), Terms { fee, tax_exempt: false });
        let receipt = made(create(store, &new).await);
        assert_eq!((receipt.payment.amount, receipt.invoice.amount), (fee, fee));
        assert_eq!(now(store, &receipt).await, receipt);
        let p = receipt.payment.id;
        for (table, column) in [("payments", "id"), ("invoices", "payment_id")] {
            let sql = format!("SELECT amount, currency_decimals, currency FROM {table} WHERE {column} = {p}");
            assert_eq!(rows(store, &sql).await, [payment], "{table}");
        }
        let sql = format!("SELECT tax_amount FROM tax_records WHERE payment_id = {p} ORDER BY id");
        assert_eq!(rows(store, &sql).await, taxes, "taxes on {amount} {code}");
    }
}

pub async fn an_exempt_consultation_has_no_tax_records(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let exempt = Terms { fee: php(500_000), tax_exempt: true };
    let id = ConsultationId(5);
    store.put_consultation(id, UserId(1), exempt.fee, Some(true), AT).await.unwrap();
    made(create(store, &wish_for(5, 1, "k", exempt)).await);
    assert_eq!(count(store, "payments").await, 1);
    assert_eq!(count(store, "invoices").await, 1);
    assert_eq!(count(store, "tax_records").await, 0);
    let fingerprint = Fingerprint::of(id, exempt.fee.to_decimal(), PaymentMethod::Stripe);
    assert_eq!(store.key(UserId(1), &key("k")).await.unwrap().unwrap().0, fingerprint);
}

/// Brings a pending payment to `expired`.
async fn expire(store: &dyn Store, receipt: &Receipt) {
    let session = intend(store, receipt).await;
    let (_, settling) = settle(store, receipt, &expired(session)).await;
    assert_eq!(settling, Settling::Changed, "it expires");
}
