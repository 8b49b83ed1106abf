//! From an empty database to this program's, once.

use super::TestDatabase;
use super::ground::{at_once, count, paying};
use crate::ports::SchemaState;
use crate::ports::store::Store;
use std::sync::Arc;

pub async fn a_new_database_is_brought_up_to_date_once(database: &dyn TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.schema().await, Ok(SchemaState::Empty));
    assert!(store.ready().await.is_err(), "without tables it cannot take payments");
    let steps = store.migrate().await.unwrap();
    assert!(!steps.is_empty(), "the steps that ran are named");
    assert_eq!(store.schema().await, Ok(SchemaState::Current));
    assert_eq!(store.ready().await, Ok(()));
    assert_eq!(store.migrate().await, Ok(Vec::new()), "a second time there is nothing to do");
    let noted = u64::try_from(steps.len()).unwrap();
    assert_eq!(count(&*store, "sekali_migrations WHERE applied_at IS NOT NULL").await, noted);
    paying(&*store, 5, 1, "k").await;
}

pub async fn servers_that_start_together_migrate_once(database: &dyn TestDatabase) {
    let mut racers = Vec::new();
    for _ in 0..6 {
        let store = database.open().await;
        racers.push(async move {
            let steps = store.migrate().await.expect("one after the other");
            store.ready().await.expect("whoever returns has a database to work with");
            steps
        });
    }
    let ran: Vec<_> = at_once(racers).await.into_iter().flatten().collect();
    let store = database.open().await;
    let noted = count(&*store, "sekali_migrations").await;
    assert_eq!(u64::try_from(ran.len()).unwrap(), noted, "each step ran once: {ran:?}");
    assert_eq!(store.schema().await, Ok(SchemaState::Current));
}

pub async fn a_newer_database_is_left_alone(database: &dyn TestDatabase) {
    let store: Arc<dyn Store> = database.open().await;
    store.migrate().await.unwrap();
    let newer =
        "INSERT INTO sekali_migrations (version, name, applied_at) VALUES (9999, 'later', CURRENT_TIMESTAMP)";
    database.execute(newer).await.unwrap();
    assert_eq!(store.schema().await, Ok(SchemaState::Newer { version: 9999 }));
    assert!(store.migrate().await.is_err(), "a newer program's database is not touched");
    assert!(store.ready().await.is_err());
}
