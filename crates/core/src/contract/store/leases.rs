//! One at a time.

use super::TestDatabase;
use super::ground::{AT, at_once, later, migrated};
use crate::domain::Timestamp;
use crate::ports::store::Store;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const LASTS: Duration = Duration::from_secs(30);
const ME: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

async fn acquire(store: &dyn Store, holder: Uuid, now: Timestamp) -> bool {
    store.acquire_lease("reconciler", holder, now, LASTS).await.expect("a lease can be asked for")
}

pub async fn a_lease_is_held_by_one_until_it_runs_out(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert!(acquire(store, ME, AT).await);
    assert!(!acquire(store, OTHER, later(29)).await);
    assert!(acquire(store, ME, later(20)).await, "one's own lasts longer");
    let almost = Timestamp::from_micros(later(50).as_micros() - 1);
    assert!(!acquire(store, OTHER, almost).await);
    assert!(acquire(store, OTHER, later(50)).await, "it has run out");
    assert!(!acquire(store, ME, later(51)).await);
    let another = store.acquire_lease("sweeper", ME, later(51), LASTS).await;
    assert_eq!(another, Ok(true), "another name is another lease");
}

pub async fn a_lease_is_given_back_by_its_holder(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    store.release_lease("reconciler", ME).await.expect("nobody has it");
    assert!(acquire(store, ME, AT).await);
    store.release_lease("reconciler", OTHER).await.expect("it is not theirs");
    assert!(!acquire(store, OTHER, later(1)).await, "so it is still mine");
    store.release_lease("reconciler", ME).await.unwrap();
    assert!(acquire(store, OTHER, later(2)).await);
}

pub async fn a_lease_that_was_taken_by_a_clock_ahead_is_free(database: &dyn TestDatabase) {
    let store = &*migrated(database).await;
    assert!(acquire(store, ME, later(86_400)).await, "a day ahead");
    assert!(acquire(store, OTHER, AT).await, "nobody waits a day for it");
    assert!(!acquire(store, ME, later(29)).await);
    let hour = Duration::from_secs(3600);
    assert_eq!(store.acquire_lease("reconciler", OTHER, later(10), hour).await, Ok(true));
    assert!(!acquire(store, ME, later(11)).await, "an hour is the longest that is meant");
}

pub async fn twenty_who_want_a_lease_are_one_holder(database: &dyn TestDatabase) {
    let store = migrated(database).await;
    let stores = [Arc::clone(&store), database.open().await];
    for round in 0..5 {
        let racers = (0..20_u128).map(|i| {
            let store = Arc::clone(&stores[usize::from(i % 2 == 0)]);
            async move { acquire(&*store, Uuid::from_u128(100 + i), later(round * 30)).await }
        });
        let holders = at_once(racers.collect()).await.into_iter().filter(|held| *held).count();
        assert_eq!(holders, 1, "round {round}");
    }
}
