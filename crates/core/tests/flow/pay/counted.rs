//! What came of each press is counted, once, under the names that docs/operating.md lists.

use crate::support::coordination::Part;
use crate::support::counters::Counters;
use crate::support::script::Fault;
use crate::support::{PATIENT, Stage, created, decimal, duplicate, key, press};
use async_trait::async_trait;
use sekali_core::domain::UserId;
use sekali_core::flow::pay::{PayError, PayRequest, Toll, Twin};
use sekali_core::ports::{CoordinationDown, LockAttempt, LockToken, Rate, RateLimit, StoreError};
use std::time::Duration;

/// A counter of requests for which each is one too many.
struct Over;

#[async_trait]
impl RateLimit for Over {
    async fn take(&self, _: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        Ok(Rate { limit, remaining: 0, retry_after: Some(Duration::from_secs(1)) })
    }
}

/// The counters' names and how far they moved, for comparison.
fn counts(of: &[(&str, u64)]) -> Vec<(String, u64)> {
    of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_payment_and_its_duplicates_by_where_they_were_caught() {
    let stage = Stage::set().await;
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    created(stage.pay().pay(&press("k")).await);
    let first = [("sekali_cache_lookups_total result=miss", 1), ("sekali_payments_total outcome=created", 1)];
    assert_eq!(counters.moved(), counts(&first));

    duplicate(stage.pay().pay(&press("k")).await);
    stage.coordination.lookups.push(None);
    duplicate(stage.pay().pay(&press("k")).await);
    let (_, token) = stage.journal.acquired_with().remove(0);
    let found = stage.coordination.found(PATIENT, &key("k")).await;
    stage.coordination.lookups.extend([None, found]);
    stage.coordination.attempts.push(LockAttempt::Held(token));
    duplicate(stage.pay().pay(&press("k")).await);
    let all = [
        ("sekali_cache_lookups_total result=hit", 2),
        ("sekali_cache_lookups_total result=miss", 3),
        ("sekali_duplicates_total caught=cache", 1),
        ("sekali_duplicates_total caught=database", 1),
        ("sekali_duplicates_total caught=lock", 1),
        ("sekali_lock_waits_total", 1),
        ("sekali_payments_total outcome=created", 1),
    ];
    assert_eq!(counters.moved(), counts(&all));
}

#[tokio::test]
async fn what_was_refused_and_what_could_not_be_answered() {
    let stage = Stage::set().await;
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    for refused in [
        PayRequest { amount: decimal("1"), ..press("a") },
        PayRequest { user: sekali_core::domain::User { id: UserId(2), ..press("b").user }, ..press("b") },
    ] {
        stage.pay().pay(&refused).await.unwrap_err();
    }
    assert_eq!(counters.of("sekali_payments_total outcome=refused"), 2);
    stage.store.creates.push(Fault::Fails(StoreError::Unavailable("down".into())));
    stage.pay().pay(&press("c")).await.unwrap_err();
    assert_eq!(counters.of("sekali_payments_total outcome=unavailable"), 1);

    stage.coordination.fail(Part::Take);
    let toll = Toll { bucket: "user:1", limit: 1, otherwise: &Over };
    let before = counters.moved();
    assert_eq!(stage.pay().pay_counted(&press("d"), Some(&toll)).await.1, Err(PayError::OverLimit));
    assert_eq!(counters.moved(), before, "what is over the limit is counted by the limit");
}

#[tokio::test]
async fn locks_that_were_waited_for_lost_and_never_had() {
    let stage = Stage::set().await;
    let counters = Counters::default();
    let _counted = metrics::set_default_local_recorder(&counters);
    stage.coordination.attempts.push(LockAttempt::Acquired);
    created(stage.pay().pay(&press("k")).await);
    assert_eq!(counters.of("sekali_lock_lost_total"), 1);
    assert_eq!(counters.of("sekali_lock_waits_total"), 0);

    stage.coordination.hold_for_ever(LockToken::new(7, "another"));
    duplicate(stage.pay().pay(&press("other")).await);
    assert_eq!(counters.of("sekali_lock_waits_total"), 1, "one that waits, however long");
    assert_eq!(counters.of("sekali_lock_timeouts_total"), 1);

    stage.coordination.fail(Part::Lookup);
    stage.coordination.fail(Part::TryAcquire);
    let refusing = PayRequest { twin: Twin::Refuse, ..press("k") };
    duplicate(stage.pay().pay(&refusing).await);
    assert_eq!(counters.of("sekali_cache_lookups_total result=unreachable"), 1);
}
