//! A press that is counted on its way in.

use crate::support::coordination::Part;
use crate::support::{Stage, created, duplicate, press};
use async_trait::async_trait;
use sekali_core::flow::pay::{PayError, Toll};
use sekali_core::ports::{CoordinationDown, Rate, RateLimit};
use std::sync::Mutex;
use std::time::Duration;

/// A counter of this server's own, with what it says.
struct Own(Result<Rate, CoordinationDown>, Mutex<Vec<(String, u32)>>);

impl Own {
    fn says(rate: Result<Rate, CoordinationDown>) -> Self {
        Self(rate, Mutex::default())
    }

    fn asked(&self) -> Vec<(String, u32)> {
        self.1.lock().unwrap().clone()
    }
}

#[async_trait]
impl RateLimit for Own {
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        self.1.lock().unwrap().push((bucket.to_owned(), limit));
        self.0.clone()
    }
}

fn through(remaining: u32) -> Rate {
    Rate { limit: 2, remaining, retry_after: None }
}

fn over() -> Rate {
    Rate { limit: 2, remaining: 0, retry_after: Some(Duration::from_secs(60)) }
}

#[tokio::test]
async fn so_many_are_let_through_and_the_next_one_asks_nobody() {
    let stage = Stage::set().await;
    let (pay, own) = (stage.pay(), Own::says(Ok(through(9))));
    let toll = Toll { bucket: "user:1", limit: 2, otherwise: &own };
    let (rate, answer) = pay.pay_counted(&press("k"), Some(&toll)).await;
    created(answer);
    assert_eq!(rate, Some(through(1)));
    let (rate, answer) = pay.pay_counted(&press("k"), Some(&toll)).await;
    duplicate(answer);
    assert_eq!(rate, Some(through(0)));
    stage.journal.clear();
    let (rate, answer) = pay.pay_counted(&press("k"), Some(&toll)).await;
    assert_eq!(answer, Err(PayError::OverLimit));
    assert_eq!(rate, Some(over()));
    assert_eq!(stage.journal.names(), ["take"], "neither cache nor lock nor database");
    assert_eq!(own.asked(), [], "the shared counter is there");
}

#[tokio::test]
async fn with_the_turnstile_out_of_reach_this_servers_own_counter_counts() {
    let stage = Stage::set().await;
    stage.coordination.fail(Part::Take);
    for (says, told) in [(Ok(through(1)), Some(through(1))), (Err(CoordinationDown("too".into())), None)] {
        let own = Own::says(says);
        let toll = Toll { bucket: "user:1", limit: 2, otherwise: &own };
        let (rate, answer) = stage.pay().pay_counted(&press("k"), Some(&toll)).await;
        assert!(answer.is_ok(), "{answer:?}");
        assert_eq!(rate, told);
        assert_eq!(own.asked(), [("user:1".to_owned(), 2)]);
    }
    stage.journal.clear();
    let own = Own::says(Ok(over()));
    let toll = Toll { bucket: "user:1", limit: 2, otherwise: &own };
    let (rate, answer) = stage.pay().pay_counted(&press("k2"), Some(&toll)).await;
    assert_eq!((rate, answer), (Some(over()), Err(PayError::OverLimit)));
    assert_eq!(stage.journal.names(), ["take"]);
    assert_eq!(stage.count("payments").await, 1);
}
