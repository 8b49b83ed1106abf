//! Looking at the database as a whole.

use super::TestDatabase;
use super::ground::{assert_whole_payments, consult, count, create, key, made, migrated, paying, rows, wish};
use crate::domain::{InvoiceId, PaymentId, UserId};

/// The contract's part 8, to the letter.
pub async fn the_verification_queries_answer_as_printed(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    consult(store, 5, 1).await;
    database.set_next_ids(100, 50, 1).await;
    let receipt = made(create(store, &wish(5, 1, "k")).await);
    assert_eq!((receipt.payment.id, receipt.invoice.id), (PaymentId(100), InvoiceId(50)));

    let payment = "SELECT p.id, p.user_id, p.consultation_id, p.amount, p.status, p.created_at FROM payments p WHERE p.id = 100;";
    let found = rows(store, payment).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("100 | 1 | 5 | 5000.00 | pending | 2024-01-15 10:30:00"), "{}", found[0]);
    let invoice = "SELECT id, payment_id, invoice_number, status FROM invoices WHERE payment_id = 100;";
    assert_eq!(rows(store, invoice).await, ["50 | 100 | INV-20240115103000-000100 | pending"]);
    let taxes = "SELECT id, payment_id, tax_type, tax_amount FROM tax_records WHERE payment_id = 100;";
    assert_eq!(rows(store, taxes).await, ["1 | 100 | VAT | 600.00", "2 | 100 | PPh | 750.00"]);
    let doubles = "SELECT consultation_id, user_id, COUNT(*) AS payment_count FROM payments
 WHERE status IN ('pending', 'processing', 'completed')
 GROUP BY consultation_id, user_id HAVING COUNT(*) > 1;";
    assert_eq!(rows(store, doubles).await, [""; 0]);

    let next = paying(store, 6, 1, "next").await;
    assert_eq!((next.payment.id, next.invoice.id), (PaymentId(101), InvoiceId(51)), "it goes on from there");
}

pub async fn a_query_changes_nothing(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    paying(store, 5, 1, "k").await;
    for sql in [
        "DELETE FROM idempotency_keys",
        "UPDATE payments SET status = 'completed'",
        "UPDATE payments SET status = 'completed' RETURNING id",
        "DROP TABLE captures",
        "CREATE TABLE more (id INTEGER)",
        "SELECT nothing FROM nowhere",
        "SELEKT 1",
    ] {
        let answer = store.query(sql).await;
        assert!(answer.is_err(), "{sql}: {answer:?}");
    }
    assert_whole_payments(store, 1).await;
    assert_eq!(count(store, "captures").await, 0);
    assert_eq!(rows(store, "SELECT status FROM payments").await, ["pending"]);
}

pub async fn a_query_tells_columns_rows_and_nulls(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    paying(store, 5, 1, "k").await;
    let sql = "SELECT id AS number, currency, NULL AS blank, 2 AS two FROM payments";
    let table = store.query(sql).await.unwrap();
    assert_eq!(table.columns, ["number", "currency", "blank", "two"]);
    assert_eq!(table.rows, [["1", "PHP", "", "2"]]);
    let empty = store.query("SELECT id, tax_rate FROM tax_records WHERE id < 0").await.unwrap();
    assert_eq!(empty.columns, ["id", "tax_rate"], "columns are named without a row");
    assert_eq!(empty.rows, Vec::<Vec<String>>::new());
}

pub async fn the_installation_has_one_name(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    store.ready().await.unwrap();
    let name = store.installation().await.unwrap();
    assert_eq!(name.get_version_num(), 4, "it is random");
    assert_eq!(store.installation().await, Ok(name));
    let other = database.open().await;
    other.migrate().await.unwrap();
    assert_eq!(other.installation().await, Ok(name), "every server on this database has the same");
    assert_eq!(count(store, "installation").await, 1);
    let second = "INSERT INTO installation (id) VALUES ('00000000-0000-4000-8000-000000000001')";
    assert!(database.execute(second).await.is_err(), "a second name is refused");
}

pub async fn statements_are_counted(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let receipt = paying(store, 5, 1, "k").await;
    let before = store.statements();
    assert!(before > 0);
    assert_eq!(store.statements(), before, "counting sends none");
    store.payment(receipt.payment.id).await.unwrap();
    assert_eq!(store.statements(), before + 1, "one read is one statement");
    store.key(UserId(1), &key("k")).await.unwrap();
    assert_eq!(store.statements(), before + 2);
    create(store, &wish(5, 1, "other")).await;
    assert!(store.statements() > before + 2, "a write sends some");
}
