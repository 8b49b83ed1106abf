//! A pooler hands each transaction to a session that others have used, and set as they liked: what is written
//! is as durable, and waits no longer, than on a session of our own.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{NOW, insert_consultations, intends, migrated_with, pay, uuid};
use sekali_core::domain::{ConsultationId, UserId};
use sekali_core::ports::{ConsultationStore, FileStore, InboxStore, OutboxStore, PaymentStore, SchemaStore};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_test_support::postgres::{self, Pooler, Pooling, TestDatabase};
use std::time::Duration;

const SETTINGS: [&str; 5] = [
    "synchronous_commit",
    "transaction_isolation",
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
];
/// What somebody else has left in the session.
const ALIEN: [&str; 5] = ["off", "serializable", "0", "0", "0"];
const OURS: [&str; 5] = ["on", "read committed", "10s", "15s", "30s"];
const WRITTEN_TO: [&str; 6] =
    ["konsultasis", "payments", "idempotency_keys", "checkout_sessions", "gateway_events", "outbox"];

/// Notes under which settings each of our tables is written to.
fn watch(database: &TestDatabase) {
    let shown = SETTINGS.map(|name| format!("current_setting('{name}')")).join(", ");
    let function = format!(
        "CREATE TABLE seen (at_table text, settings text[]);
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO seen VALUES (TG_TABLE_NAME, ARRAY[{shown}]); RETURN NULL; END $$"
    );
    database.execute(&function).unwrap();
    for table in WRITTEN_TO {
        let trigger = format!(
            "CREATE TRIGGER seen AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION see()"
        );
        database.execute(&trigger).unwrap();
    }
}

/// Sessions of this database begin as others would leave them.
fn alienate(database: &TestDatabase) {
    let name = database.url.rsplit('/').next().unwrap();
    for (setting, value) in SETTINGS.iter().zip(ALIEN) {
        let setting = setting.replace("transaction_isolation", "default_transaction_isolation");
        database.execute(&format!("ALTER DATABASE {name} SET {setting} = '{value}'")).unwrap();
    }
}

/// Every kind of write: a statement alone, a function, a transaction.
async fn write(store: &PostgresStore) {
    let fee = common::terms().fee;
    store.put_consultation(ConsultationId(2), UserId(1), fee, None, NOW).await.unwrap();
    let payment = pay(store, 1).await;
    store.decide(payment, intends(uuid())).await.unwrap();
    store.receive_event("evt_1", "kind", None, "{}", NOW).await.unwrap();
    store.claim_deliveries(NOW, Duration::from_secs(60), 10).await.unwrap();
    store.purge_keys(NOW.plus(Duration::from_secs(1)), 10).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_transaction_is_told_what_a_session_is_told_otherwise() {
    let options = Options { connections: 1, pooled: true, ..Options::default() };
    let (database, _) = migrated_with(&options).await;
    insert_consultations(&database, 1, 1);
    watch(&database);
    alienate(&database);
    let store = PostgresStore::connect(&database.url, &options).unwrap();
    write(&store).await;
    let seen = sees(&database).await;
    let tables: std::collections::BTreeSet<_> = seen.iter().map(|(table, _)| table.as_str()).collect();
    assert_eq!(tables, WRITTEN_TO.into());
    for (table, settings) in seen {
        assert_eq!(settings, OURS, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_ours_is_left_in_a_session() {
    let postgres = postgres::database();
    let pooler = Pooler::start(&postgres.url, Pooling::Transaction);
    let through = pooler.through(&postgres.url);
    let options = Options { connections: 1, pooled: true, ..Options::default() };
    PostgresStore::connect(&through, &options).unwrap().migrate().await.unwrap();
    insert_consultations(&postgres, 1, 1);
    alienate(&postgres);
    pooler.tell(&postgres.url, "RECONNECT").unwrap();
    // Now there is one new session, and then the next client is handed the same.
    write(&PostgresStore::connect(&through, &options).unwrap()).await;
    let (client, connection) = tokio_postgres::connect(&through, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    for (setting, alien) in SETTINGS.iter().zip(ALIEN) {
        let rows = client.simple_query(&format!("SHOW {setting}")).await.unwrap();
        let shown = rows.iter().find_map(|row| match row {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        assert_eq!(shown.as_deref(), Some(alien), "{setting}");
    }
}

async fn sees(database: &TestDatabase) -> Vec<(String, Vec<String>)> {
    let (client, connection) = tokio_postgres::connect(&database.url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = client.query("SELECT at_table, settings FROM seen", &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
