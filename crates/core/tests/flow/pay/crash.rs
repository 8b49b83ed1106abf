//! A process that dies between any two steps, and the patient who presses again.

use crate::support::death::{DiesAt, dies};
use crate::support::{Stage, created, duplicate, press};
use sekali_core::flow::pay::Caught;
use sekali_core::ports::Point;
use std::sync::Arc;
use std::time::Duration;

/// Presses in a process that dies at the point.
async fn press_and_die(stage: &Stage, point: Point) {
    let pay = stage.pay_watched_by(Arc::new(DiesAt(point)));
    dies(async move { pay.pay(&press("k")).await }).await;
    stage.journal.clear();
}

#[tokio::test]
async fn before_the_commit_nothing_is_written_and_the_retry_pays() {
    for point in [Point::LookedUp, Point::Locked] {
        let stage = Stage::set().await;
        press_and_die(&stage, point).await;
        assert_eq!(stage.count("payments").await, 0, "{point:?}");
        assert_eq!(stage.count("idempotency_keys").await, 0, "{point:?}");

        created(stage.pay().pay(&press("k")).await);
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn after_the_commit_everything_is_written_and_the_retry_finds_it() {
    let caught = [
        (Point::Committed, Caught::Database),
        (Point::Cached, Caught::Cache),
        (Point::Unlocked, Caught::Cache),
    ];
    for (point, by) in caught {
        let stage = Stage::set().await;
        press_and_die(&stage, point).await;
        let again = duplicate(stage.pay().pay(&press("k")).await);

        assert_eq!((again.same_key, again.caught), (true, by), "{point:?}");
        assert!(again.can_be_paid);
        assert_eq!(stage.stored(&again.receipt).await, again.receipt);
        for (table, rows) in [("payments", 1), ("invoices", 1), ("tax_records", 2), ("idempotency_keys", 1)] {
            assert_eq!(stage.count(table).await, rows, "{point:?}: {table}");
        }
        stage.assert_sound(None).await;
    }
}

#[tokio::test]
async fn the_lock_of_the_dead_holds_nobody_longer_than_its_five_seconds() {
    let stage = Stage::set().await;
    press_and_die(&stage, Point::Locked).await;
    created(stage.pay().pay(&press("other")).await);
    let waited: Duration = stage.journal.pauses().iter().sum();
    assert!(waited.as_millis() >= 5000 && waited.as_millis() < 5040, "{waited:?}");
}
