//! Coordination is for speed: each part of it, and all of it, may be out of reach.

use crate::support::coordination::Part;
use crate::support::{Stage, created, duplicate, press};
use sekali_core::flow::pay::Caught;

#[tokio::test]
async fn a_payment_is_made_whichever_part_is_down() {
    let steps = |part| match part {
        // Nothing was acquired, so nothing is released.
        Part::TryAcquire => vec!["lookup", "try_acquire", "create", "remember"],
        _ => vec!["lookup", "try_acquire", "create", "remember", "release"],
    };
    for part in Part::ALL {
        let stage = Stage::set().await;
        stage.coordination.fail(part);
        let receipt = created(stage.pay().pay(&press("k")).await);
        assert_eq!(stage.journal.names(), steps(part), "{part:?} is down");
        assert_eq!(stage.stored(&receipt).await, receipt);
    }
}

#[tokio::test]
async fn with_everything_down_the_database_finds_the_duplicate() {
    let stage = Stage::set().await;
    for part in Part::ALL {
        stage.coordination.fail(part);
    }
    let receipt = created(stage.pay().pay(&press("k")).await);

    let again = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((again.same_key, again.caught), (true, Caught::Database));
    assert_eq!(again.receipt, receipt);
    assert_eq!(stage.journal.pauses(), [], "nobody waits for what is out of reach");
    assert_eq!(stage.count("payments").await, 1);
}

#[tokio::test]
async fn a_lock_that_cannot_be_released_keeps_only_others_waiting() {
    let stage = Stage::set().await;
    stage.coordination.fail(Part::Release);
    let receipt = created(stage.pay().pay(&press("k")).await);

    let same = duplicate(stage.pay().pay(&press("k")).await);
    assert_eq!((same.receipt, same.caught), (receipt.clone(), Caught::Cache));
    let other = duplicate(stage.pay().pay(&press("other")).await);
    assert_eq!((other.receipt, other.same_key), (receipt, false));
}
