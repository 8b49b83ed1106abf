//! What both databases have to do alike, below everything else.

use serde::{Deserialize, Serialize};

use super::deliveries::{self, Attempt, New, Times};
use super::keys::{self, Claim, KeyedRequest};
use super::objects::{self, Document, Filter, Links};
use super::{Access, Database, Storage, StorageError, Tx, Value};
use crate::failure::Failure;
use crate::model::event::Event;

crate::on_both_storages!(
    documents,
    rollback,
    reads_do_not_write,
    writers_run_alone,
    keys_are_claimed_once,
    leases,
    reopened,
    newer_tables_are_refused,
    older_tables_are_brought_up_to_date,
);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Note {
    id: String,
    created: i64,
    link: Option<String>,
    due: Option<i64>,
    text: String,
}

impl Document for Note {
    const KIND: &'static str = "note";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    fn due(&self) -> Option<i64> {
        self.due
    }
}

fn note(id: &str, created: i64, link: Option<&str>, due: Option<i64>) -> Note {
    Note { id: id.to_owned(), created, link: link.map(str::to_owned), due, text: "é '\"".to_owned() }
}

async fn write<T: Send + 'static>(
    database: &Database,
    job: impl FnOnce(&mut dyn Tx) -> Result<T, StorageError> + Send + 'static,
) -> T {
    database.transact(Access::Write, |tx| Ok(job(tx)?)).await.unwrap()
}

async fn documents(storage: Storage) {
    let database = Database::open(&storage).await.unwrap();
    write(&database, |tx| {
        objects::insert(tx, &note("a", 1, Some("x.one"), Some(5)))?;
        objects::insert(tx, &note("b", 2, Some("x.two"), None))?;
        objects::insert(tx, &note("c", 3, None, Some(4)))?;
        assert!(objects::insert(tx, &note("d", 4, None, None)).is_ok());
        let changed = Note { text: "new".to_owned(), ..note("b", 2, Some("y"), Some(9)) };
        objects::update(tx, &changed)?;
        assert_eq!(objects::find::<Note>(tx, "b")?, Some(changed));
        assert_eq!(objects::find::<Note>(tx, "nothing")?, None);
        assert!(matches!(objects::get::<Note>(tx, "nothing"), Err(StorageError::Corrupt(_))));
        let nothing = objects::update(tx, &note("nothing", 1, None, None));
        assert!(matches!(nothing, Err(StorageError::Rows { rows: 0, .. })));

        let ids = |found: Vec<Note>| found.into_iter().map(|note| note.id).collect::<Vec<_>>();
        assert_eq!(ids(objects::due(tx, 5, 10)?), ["c", "a"]);
        assert_eq!(ids(objects::due(tx, 5, 1)?), ["c"]);
        let all = Filter::of(Links::Any);
        assert_eq!(ids(objects::list(tx, &all, 10)?), ["d", "c", "b", "a"]);
        let starting = Filter { links: Links::StartingWith("x.".to_owned()), ..all.clone() };
        assert_eq!(ids(objects::list(tx, &starting, 10)?), ["a"]);
        let either = Links::OneOf(vec!["y".to_owned(), "x.one".to_owned()]);
        assert_eq!(ids(objects::list(tx, &Filter { links: either, ..all.clone() }, 10)?), ["b", "a"]);
        let newer = Filter { newer_than: objects::sequence::<Note>(tx, "a")?, ..all };
        assert_eq!(ids(objects::list(tx, &newer, 2)?), ["c", "b"]);
        Ok(())
    })
    .await;
    let twice = |tx: &mut dyn Tx| Ok(objects::insert(tx, &note("a", 1, None, None))?);
    assert!(database.transact(Access::Write, twice).await.is_err());
}

async fn rollback(storage: Storage) {
    let database = Database::open(&storage).await.unwrap();
    let fails = |tx: &mut dyn Tx| -> Result<(), Failure> {
        objects::insert(tx, &note("a", 1, None, None))?;
        Err(StorageError::Corrupt("on purpose".to_owned()).into())
    };
    assert!(database.transact(Access::Write, fails).await.is_err());
    let panics = |tx: &mut dyn Tx| -> Result<(), Failure> {
        objects::insert(tx, &note("a", 1, None, None))?;
        panic!("on purpose")
    };
    assert!(database.transact(Access::Write, panics).await.is_err());
    assert_eq!(write(&database, |tx| objects::find::<Note>(tx, "a")).await, None);
    write(&database, |tx| objects::insert(tx, &note("a", 1, None, None))).await;
}

async fn reads_do_not_write(storage: Storage) {
    let database = Database::open(&storage).await.unwrap();
    let seen = database.transact(Access::Read, |tx| Ok(objects::find::<Note>(tx, "a")?)).await.unwrap();
    assert_eq!(seen, None);
    write(&database, |tx| objects::insert(tx, &note("a", 1, None, None))).await;
    let seen = database.transact(Access::Read, |tx| Ok(objects::find::<Note>(tx, "a")?)).await.unwrap();
    assert!(seen.is_some());
}

/// Two servers that each read a number and write the next one lose no step.
async fn writers_run_alone(storage: Storage) {
    let one = Database::open(&storage).await.unwrap();
    let other = Database::open(&storage).await.unwrap();
    write(&one, |tx| objects::insert(tx, &note("counter", 0, None, None))).await;
    let steps = (0..40).map(|step| {
        let database = if step % 2 == 0 { one.clone() } else { other.clone() };
        tokio::spawn(async move {
            write(&database, |tx| {
                let mut counter: Note = objects::get(tx, "counter")?;
                counter.created += 1;
                objects::update(tx, &counter)
            })
            .await;
        })
    });
    for step in futures_util::future::join_all(steps).await {
        step.unwrap();
    }
    let counter: Note = write(&one, |tx| objects::get(tx, "counter")).await;
    assert_eq!(counter.created, 40);
}

fn request(key: &str, fingerprint: &str, owner: &str) -> KeyedRequest {
    let scope = "s".to_owned();
    KeyedRequest { key: key.to_owned(), scope, fingerprint: fingerprint.to_owned(), owner: owner.to_owned() }
}

async fn keys_are_claimed_once(storage: Storage) {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let database = Database::open(&storage).await.unwrap();
    write(&database, |tx| {
        let (first, second, third) = (request("k", "f", "1"), request("k", "f", "2"), request("k", "f", "3"));
        assert_eq!(keys::claim(tx, &first, at(1000))?, Claim::Won);
        assert_eq!(keys::claim(tx, &second, at(1000))?, Claim::InFlight);
        assert_eq!(keys::claim(tx, &request("k", "g", "2"), at(1000))?, Claim::Mismatch);
        // The first one's server died: the second takes over, and the first can no longer answer.
        assert_eq!(keys::claim(tx, &second, at(15_999))?, Claim::InFlight);
        assert_eq!(keys::claim(tx, &second, at(16_000))?, Claim::Won);
        assert!(matches!(keys::answer(tx, &first, 200, "{}"), Err(StorageError::Rows { .. })));
        keys::release(tx, &first)?;
        assert_eq!(keys::claim(tx, &third, at(16_000))?, Claim::InFlight);
        keys::answer(tx, &second, 200, "{}")?;
        keys::release(tx, &second)?;
        let answered = Claim::Answered { status: 200, body: "{}".to_owned(), owner: "2".to_owned() };
        assert_eq!(keys::claim(tx, &third, at(16_000 + DAY - 1))?, answered);
        assert_eq!(keys::claim(tx, &third, at(16_000 + DAY))?, Claim::Won);
        keys::release(tx, &third)?;
        assert_eq!(keys::claim(tx, &first, at(16_000 + DAY))?, Claim::Won);
        Ok(())
    })
    .await;
}

/// Both clocks show the same.
fn at(now: i64) -> Times {
    Times { now, real: now }
}

fn new<'a>(event_id: &'a str, thread: &'a str) -> New<'a> {
    New { event_id, endpoint: 0, thread, next_at_ms: 100, overtaken: false }
}

async fn leases(storage: Storage) {
    let database = Database::open(&storage).await.unwrap();
    write(&database, |tx| {
        for (event, thread) in [("e1", "s1"), ("e2", "s1"), ("e3", "s2")] {
            deliveries::enqueue(tx, new(event, thread))?;
        }
        assert!(deliveries::claim(tx, at(99), 10)?.is_none());
        let first = deliveries::claim(tx, at(100), 10)?.unwrap();
        assert_eq!(first.event_id, "e1");
        // e2 is of the same thread, and waits.
        let third = deliveries::claim(tx, at(100), 10)?.unwrap();
        assert_eq!(third.event_id, "e3");
        assert!(!deliveries::waiting(tx, at(100))?);
        assert!(deliveries::record(tx, &first, Attempt::Failed { next_at_ms: 200 })?);
        assert!(!deliveries::record(tx, &first, Attempt::Delivered)?, "that attempt is over");
        let second = deliveries::claim(tx, at(100), 10)?.unwrap();
        assert_eq!(second.event_id, "e2");
        assert!(deliveries::record(tx, &second, Attempt::Delivered)?);
        deliveries::release(tx, &third)?;
        let third = deliveries::claim(tx, at(100), 10)?.unwrap();
        assert_eq!((third.event_id.as_str(), third.attempts), ("e3", 0));
        assert!(deliveries::record(tx, &third, Attempt::GivenUp)?);
        let again = deliveries::claim(tx, at(200), 10)?.unwrap();
        assert_eq!((again.event_id.as_str(), again.attempts), ("e1", 1));
        // Its server dies; the lease ends.
        assert!(deliveries::claim(tx, at(209), 10)?.is_none());
        assert_eq!(deliveries::claim(tx, at(210), 10)?, Some(again));
        Ok(())
    })
    .await;
}

async fn reopened(storage: Storage) {
    let kept = note("a", 1, None, None);
    let written = kept.clone();
    let database = Database::open(&storage).await.unwrap();
    write(&database, move |tx| objects::insert(tx, &written)).await;
    drop(database);
    // Two at once: neither may migrate in the other's way.
    let (one, other) = tokio::join!(Database::open(&storage), Database::open(&storage));
    for database in [one.unwrap(), other.unwrap()] {
        assert_eq!(write(&database, |tx| objects::get::<Note>(tx, "a")).await, kept);
    }
}

async fn newer_tables_are_refused(storage: Storage) {
    let database = Database::open(&storage).await.unwrap();
    write(&database, |tx| tx.execute("UPDATE schema_version SET version = $1", &[Value::from(999)])).await;
    let refused = Database::open(&storage).await;
    assert!(matches!(refused, Err(StorageError::TooNew { found: 999, .. })));
}

/// What the first version of the tables held.
const OLDER: &str = "
    CREATE TABLE schema_version (version BIGINT NOT NULL);
    INSERT INTO schema_version (version) VALUES (1);
    INSERT INTO objects (kind, id, created, link, due, body) VALUES
        ('event', 'evt_1', 1, 'a.b', NULL, '{\"id\":\"evt_1\",\"created\":1,\"type\":\"a.b\",\"object\":{},\"request_id\":null,\"idempotency_key\":null,\"pending\":true}'),
        ('event', 'evt_2', 1, 'a.b', NULL, '{\"id\":\"evt_2\",\"created\":1,\"type\":\"a.b\",\"object\":{},\"request_id\":null,\"idempotency_key\":null,\"pending\":false}');
    INSERT INTO deliveries (event_id, thread, attempts, next_at, lease_until, state) VALUES
        ('evt_2', 'cs_1', 1, 0, 0, 'delivered'), ('evt_1', 'cs_1', 2, 50, 0, 'pending');";

async fn make_older(storage: &Storage) {
    let tables = |serial: &str| include_str!("migrations/0001_initial.sql").replace("{serial}", serial);
    match storage {
        Storage::Sqlite { path } => {
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.execute_batch(&tables("INTEGER PRIMARY KEY AUTOINCREMENT")).unwrap();
            connection.execute_batch(OLDER).unwrap();
        }
        Storage::Postgres { url } => {
            let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
            let connection = tokio::spawn(connection);
            let schema = "CREATE SCHEMA stripe_simulator; SET search_path TO stripe_simulator;";
            let tables = tables("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY");
            client.batch_execute(&format!("{schema}{tables}{OLDER}")).await.unwrap();
            drop(client);
            connection.await.unwrap().unwrap();
        }
    }
}

async fn older_tables_are_brought_up_to_date(storage: Storage) {
    make_older(&storage).await;
    let database = Database::open(&storage).await.unwrap();
    write(&database, |tx| {
        let pending = |event: Event| event.pending;
        assert_eq!(pending(objects::get(tx, "evt_1")?), 1);
        assert_eq!(pending(objects::get(tx, "evt_2")?), 0);
        assert!(deliveries::claim(tx, at(49), 10)?.is_none());
        let waiting = deliveries::claim(tx, at(50), 10)?.unwrap();
        assert_eq!((waiting.event_id.as_str(), waiting.endpoint, waiting.attempts), ("evt_1", 0, 2));
        assert_eq!(deliveries::outstanding(tx, "evt_1")?, 1);
        assert_eq!(deliveries::outstanding(tx, "evt_2")?, 0);
        deliveries::enqueue(tx, new("evt_3", "cs_1"))
    })
    .await;
}
