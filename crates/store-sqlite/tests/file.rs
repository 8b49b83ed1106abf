//! The file: how it is made, what is said when it cannot be used, and what others do with it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use sekali_core::domain::{
    Actor, ConsultationId, Currency, Entry, Fingerprint, Head, IdempotencyKey, Money, Origin, PaymentId,
    PaymentMethod, RecordedEvent, TaxRule, Terms, Timestamp, UserId, What, tax,
};
use sekali_core::ports::{
    AuditStore, ConsultationStore, CreateOutcome, NewPayment, PaymentStore, SchemaStore, StoreError,
};
use sekali_store_sqlite::SqliteStore;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use support::{Folder, host};
use tokio::task::JoinSet;
use uuid::Uuid;

const AT: Timestamp = Timestamp::from_seconds(1_705_314_600);
const FEE: Money = Money::new(500_000, Currency::PHP);

async fn migrated(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    store.migrate().await.unwrap();
    store
}

async fn pay(store: &SqliteStore, id: i64) -> Result<CreateOutcome, StoreError> {
    let consultation = ConsultationId(id);
    store.put_consultation(consultation, UserId(id), FEE, None, AT).await?;
    let reference = Uuid::from_u128(id.unsigned_abs().into());
    let what = What::Created { amount: FEE.into(), method: "stripe".into(), key_hash: "k".into() };
    let entry = Entry { what, origin: Origin::of(Actor::Sekali) };
    let new = NewPayment {
        reference,
        created: RecordedEvent::after(Head::default(), PaymentId(0), reference, AT, &entry),
        user: UserId(id),
        consultation,
        key: IdempotencyKey::new(format!("key-{id}")).unwrap(),
        fingerprint: Fingerprint::of(consultation, FEE.to_decimal(), PaymentMethod::Stripe),
        method: PaymentMethod::Stripe,
        terms: Terms { fee: FEE, tax_exempt: false },
        taxes: tax::taxes(&TaxRule::defaults(), FEE, false),
        at: AT,
    };
    Ok(store.create_payments(&[new]).await?.remove(0))
}

#[tokio::test]
async fn a_new_file_is_the_users_alone() {
    let folder = Folder::create();
    let store = migrated(&folder.database()).await;
    for file in std::fs::read_dir(&folder.0).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    drop(store);
    let left: Vec<_> = std::fs::read_dir(&folder.0).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left, ["sekali.db"], "after a proper end there is one file, with everything in it");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let folder = Folder::create();
    let text = folder.0.join("notes.txt");
    std::fs::write(&text, "this is no database, and long enough to be looked at as one".repeat(20)).unwrap();
    for path in [folder.0.join("no-such-folder/sekali.db"), folder.0.clone(), text.clone()] {
        let error = SqliteStore::open(&path).err().expect("it cannot be opened").to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    assert!(
        std::fs::read_to_string(&text).unwrap().starts_with("this is no database"),
        "it is left as it was"
    );
}

#[tokio::test]
async fn memory_is_a_name_like_any_other() {
    let folder = Folder::create();
    let path = folder.0.join(":memory:");
    migrated(&path).await;
    assert!(path.exists());
}

#[test]
fn servers_that_start_at_once_on_a_new_file_all_open_it() {
    for _ in 0..10 {
        let folder = Folder::create();
        let path = folder.database();
        let starters: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || SqliteStore::open(&path).map(drop))
            })
            .collect();
        for starter in starters {
            starter.join().unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn whoever_waits_too_long_for_another_process_is_told_that_nothing_was_written() {
    let folder = Folder::create();
    let store = Arc::new(migrated(&folder.database()).await);
    let other = host(&folder.database());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = store.statements();
    let mut writes = JoinSet::new();
    for id in 1..=100 {
        let store = Arc::clone(&store);
        writes.spawn(async move { pay(&store, id).await });
    }
    assert_eq!(store.consultation(ConsultationId(1)).await, Ok(None), "reads wait for nobody");
    while let Some(refused) = writes.join_next().await {
        let refused = refused.unwrap();
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
    assert_eq!(store.statements() - before, 2, "beside the read one BEGIN: nobody waited for a second one");
    other.execute_batch("COMMIT").unwrap();
    assert!(matches!(pay(&store, 1).await, Ok(CreateOutcome::Created(_))));
}

/// The child of the test below: pays without end, and says so after each acknowledged payment.
#[tokio::test]
#[ignore = "run as a process of its own, to be killed"]
async fn pay_until_killed() {
    let path = std::env::var_os("SEKALI_TEST_KILLED_DATABASE").expect("the parent names the database");
    let store = Arc::new(migrated(Path::new(&path)).await);
    for round in 0.. {
        let mut writes = JoinSet::new();
        for id in round * 8 + 1..=round * 8 + 8 {
            let store = Arc::clone(&store);
            writes.spawn(async move { (id, pay(&store, id).await) });
        }
        while let Some(write) = writes.join_next().await {
            let (id, outcome) = write.unwrap();
            assert!(matches!(outcome, Ok(CreateOutcome::Created(_))));
            let mut out = std::io::stdout().lock();
            writeln!(out, "\npaid {id}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[tokio::test]
async fn after_kill_9_every_acknowledged_payment_is_there() {
    for round in 1..=5 {
        let folder = Folder::create();
        let path = folder.database();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "pay_until_killed", "--ignored", "--nocapture"])
            .env("SEKALI_TEST_KILLED_DATABASE", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some(id) = line.strip_prefix("paid ") else { continue };
            acknowledged.push(id.parse::<i64>().unwrap());
            if acknowledged.len() == round * 7 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(acknowledged.len() >= round * 7, "the child died early: {acknowledged:?}");

        let store = migrated(&path).await;
        for id in acknowledged {
            let key = IdempotencyKey::new(format!("key-{id}")).unwrap();
            let found = store.key(UserId(id), &key).await.unwrap();
            assert!(found.is_some(), "payment of consultation {id} was acknowledged");
        }
        let check = store.query("PRAGMA integrity_check").await.unwrap();
        assert_eq!(check.rows, [["ok"]]);
        let halves = "SELECT p.id FROM payments p WHERE (SELECT count(*) FROM invoices i WHERE i.payment_id = p.id) <> 1
            OR (SELECT count(*) FROM tax_records t WHERE t.payment_id = p.id) <> 2
            OR (SELECT count(*) FROM idempotency_keys k WHERE k.payment_id = p.id) <> 1
            OR (SELECT count(*) FROM payment_events e WHERE e.payment_id = p.id) <> 1
            OR (SELECT count(*) FROM outbox o WHERE o.payment_id = p.id) <> 1";
        assert_eq!(
            store.query(halves).await.unwrap().rows,
            Vec::<Vec<String>>::new(),
            "nothing is half there"
        );
        assert!(matches!(pay(&store, 999_999).await, Ok(CreateOutcome::Created(_))), "it goes on");
    }
}
