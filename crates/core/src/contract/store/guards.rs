//! What the database refuses by itself, whoever writes: each statement below differs from one that
//! is accepted only by the thing that is wrong with it.

use super::TestDatabase;
use super::ground::{consult, count, intend, migrated, paid, paying, settle};

/// A copy of payment `of` with another reference, and one column set to something else.
fn copy_of_payment(of: i64, reference: u32, column: &str, value: &str) -> String {
    let columns = [
        "user_id",
        "consultation_id",
        "amount_minor",
        "currency",
        "currency_decimals",
        "payment_method",
        "status",
        "created_at",
        "updated_at",
    ];
    let values: Vec<_> = columns.iter().map(|c| if *c == column { value } else { *c }).collect();
    format!(
        "INSERT INTO payments (reference, {}) SELECT 'aaaaaaaa-0000-4000-8000-{reference:012}', {} \
         FROM payments WHERE id = {of}",
        columns.join(", "),
        values.join(", ")
    )
}

pub(super) async fn accepts(database: &dyn TestDatabase, sql: &str) {
    database
        .execute(sql)
        .await
        .unwrap_or_else(|error| panic!("accepted until something is wrong: {sql}: {error}"));
}

pub(super) async fn refuses(database: &dyn TestDatabase, sql: &str) {
    assert!(database.execute(sql).await.is_err(), "the database has to refuse: {sql}");
}

pub async fn the_database_refuses_a_second_active_payment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let id = paying(store, 5, 1, "k").await.payment.id.0;
    for (n, status) in ["failed", "cancelled", "expired", "refunded", "expired"].into_iter().enumerate() {
        let n = u32::try_from(n).unwrap();
        accepts(database, &copy_of_payment(id, n, "status", &format!("'{status}'"))).await;
    }
    for status in ["pending", "processing", "completed"] {
        refuses(database, &copy_of_payment(id, 50, "status", &format!("'{status}'"))).await;
        refuses(database, &format!("UPDATE payments SET status = '{status}' WHERE id > {id}")).await;
    }
    assert_eq!(count(store, "payments").await, 6);
}

pub async fn the_database_refuses_what_is_no_payment(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let id = paying(store, 5, 1, "k").await.payment.id.0;
    accepts(database, &copy_of_payment(id, 1, "status", "'expired'")).await;
    let expired = format!("(SELECT max(id) FROM payments WHERE id > {id})");
    let copy_of_expired = |column: &str, value: &str| {
        copy_of_payment(id, 2, column, value).replace(&format!("id = {id}"), &format!("id = {expired}"))
    };
    for (column, value) in [
        ("amount_minor", "0"),
        ("amount_minor", "-1"),
        ("currency_decimals", "-1"),
        ("status", "'paid'"),
        ("status", "NULL"),
        ("consultation_id", "404"),
        ("user_id", "NULL"),
    ] {
        refuses(database, &copy_of_expired(column, value)).await;
    }
    refuses(database, &copy_of_expired("amount_minor", "1").replace("000000000002", "000000000001")).await;
    accepts(database, &copy_of_expired("amount_minor", "1")).await;
    refuses(database, "UPDATE payments SET amount = 1").await;
    refuses(database, "DELETE FROM konsultasis WHERE id = 5").await;
    refuses(database, &format!("DELETE FROM payments WHERE id = {id}")).await;
    refuses(database, "UPDATE tax_records SET tax_amount_minor = -1").await;
    refuses(database, "UPDATE invoices SET status = 'completed'").await;
}

pub async fn the_database_refuses_a_second_invoice_capture_and_live_session(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let first = paying(store, 5, 1, "k").await;
    let id = first.payment.id;
    let session = intend(store, &first).await;
    let invoice = |number: &str| {
        format!(
            "INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, \
             status, issued_at, updated_at) SELECT {id}, '{number}', amount_minor, currency, \
             currency_decimals, status, issued_at, updated_at FROM invoices WHERE payment_id = {id}"
        )
    };
    refuses(database, &invoice("INV-2")).await;
    let live = |n: u32, state: &str| {
        format!(
            "INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, created_at, \
             updated_at) SELECT 'aaaaaaaa-0000-4000-8000-{n:012}', payment_id, consultation_id, '{state}', \
             request, created_at, updated_at FROM checkout_sessions WHERE id = '{session}'"
        )
    };
    for state in ["creating", "open", "submitted", "lost"] {
        refuses(database, &live(1, state)).await;
    }
    accepts(database, &live(2, "expired")).await;
    accepts(database, &live(3, "complete")).await;

    settle(store, &first, &paid(session)).await;
    let capture = |intent: &str, disposition: &str| {
        format!(
            "INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, \
             disposition, created_at) SELECT '{intent}', payment_id, session_id, amount_minor, currency, \
             '{disposition}', created_at FROM captures WHERE disposition = 'settled'"
        )
    };
    refuses(database, &capture("pi_2", "settled")).await;
    refuses(database, &capture("pi_2", "kept")).await;
    accepts(database, &capture("pi_2", "surplus")).await;
    refuses(database, &capture("pi_2", "mismatch")).await;
}

pub async fn the_database_refuses_what_is_no_consultation(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    let insert = |id: i64, fee: &str, currency: &str| {
        format!("INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES ({id}, 1, {fee}, {currency})")
    };
    accepts(database, &insert(1, "'5000.00'", "'PHP'")).await;
    accepts(database, &insert(2, "0", "'PHP'")).await;
    for (fee, currency) in [
        ("'-1'", "'PHP'"),
        ("-0.01", "'PHP'"),
        ("NULL", "'PHP'"),
        ("''", "'PHP'"),
        ("'five'", "'PHP'"),
        ("'5,000'", "'PHP'"),
        ("'5000.00.00'", "'PHP'"),
        ("'5000'", "'php'"),
        ("'5000'", "'PH'"),
        ("'5000'", "'PHPP'"),
        ("'5000'", "'P1P'"),
        ("'5000'", "NULL"),
    ] {
        refuses(database, &insert(3, fee, currency)).await;
    }
    refuses(database, &insert(1, "'1'", "'PHP'")).await;
    refuses(database, "INSERT INTO konsultasis (id, fee) VALUES (4, '1')").await;
    consult(store, 3, 1).await;
    assert_eq!(count(store, "konsultasis").await, 3);
}
