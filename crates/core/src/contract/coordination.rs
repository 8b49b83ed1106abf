//! What every cache, lock, board and rate limit does.
//!
//! An adapter's test calls [`passes`] with a way to open a fresh, empty adapter.
#![expect(clippy::unwrap_used, reason = "in a suite of assertions a panic is a failed test")]

use crate::domain::{
    ConsultationId, Currency, Fingerprint, IdempotencyKey, Invoice, InvoiceId, InvoiceStatus, Money, Payment,
    PaymentId, PaymentMethod, Receipt, Status, Timestamp, UserId,
};
use crate::ports::coordination::{CACHE_TTL, LOCK_TTL, STATUS_TTL};
use crate::ports::{
    CachedPayment, Count, Current, Entered, LockAttempt, LockName, LockToken, Rate, RateLimit, StatusBoard,
    Turnstile,
};
use async_trait::async_trait;
use futures_util::FutureExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// All ports in one.
pub trait Coordination: Turnstile + StatusBoard + RateLimit {}
impl<T: Turnstile + StatusBoard + RateLimit> Coordination for T {}

/// An adapter under test.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The adapter, empty at first.
    fn coordination(&self) -> Arc<dyn Coordination>;

    /// Makes so much time pass for every entry.
    async fn advance(&self, duration: Duration);
}

const USER: UserId = UserId(1);
const NAME: LockName = LockName { consultation: ConsultationId(5), user: USER };
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// A payment as the suite stores it.
pub fn cached(payment: i64, status: Status) -> CachedPayment {
    let at = Timestamp::from_micros(1_705_314_600_000_001);
    let amount = Money::new(500_000, Currency::PHP);
    let payment = Payment {
        id: PaymentId(payment),
        reference: Uuid::from_u128(7),
        user: USER,
        consultation: ConsultationId(5),
        amount,
        method: PaymentMethod::Stripe,
        status,
        submitted: false,
        cancel_requested: false,
        refunded: Money::new(0, amount.currency),
        dispute: None,
        created_at: at,
        updated_at: at.plus(SECOND),
    };
    let invoice = Invoice {
        id: InvoiceId(50),
        payment: payment.id,
        number: "INV-20240115103000-000100".to_owned(),
        amount,
        status: InvoiceStatus::of(status),
        issued_at: at,
    };
    CachedPayment { fingerprint: Fingerprint([0xa5; 32]), receipt: Receipt { payment, invoice } }
}

fn payment(id: i64, status: Status) -> Payment {
    cached(id, status).receipt.payment
}

fn key(text: &str) -> IdempotencyKey {
    IdempotencyKey::new(text).unwrap()
}

fn known(status: Status) -> Current {
    Current::of(&payment(1, status))
}

async fn current(coordination: &dyn Coordination) -> Current {
    coordination.lookup(USER, &key("k")).await.unwrap().unwrap().current
}

/// Runs the whole suite, each part on an adapter of its own.
pub async fn passes<B: Bench>(open: impl AsyncFn() -> B) {
    an_answer_comes_back_as_it_was_stored(&open().await).await;
    keys_belong_to_their_user(&open().await).await;
    an_answer_ends(&open().await).await;
    the_board_overrides_a_stored_status(&open().await).await;
    a_late_word_does_not_turn_the_status_back(&open().await).await;
    a_tombstone_lasts_until_its_own_change_is_published(&open().await).await;
    a_tombstone_outlives_every_answer(&open().await).await;
    a_lock_has_one_holder(&open().await).await;
    a_lock_that_expired_is_not_its_first_holders_to_release(&open().await).await;
    of_many_who_try_one_gets_the_lock(&open().await).await;
    a_key_that_is_known_leaves_the_lock_alone(&open().await).await;
    who_leaves_keeps_an_answer_and_gives_the_lock_back(&open().await).await;
    who_leaves_late_keeps_an_answer_and_nobody_elses_lock(&open().await).await;
    nobody_gets_the_lock_of_a_key_that_is_known(&open().await).await;
    who_is_over_the_limit_comes_no_further(&open().await).await;
    several_are_counted_at_once(&open().await).await;
    who_waits_is_told_when_the_lock_is_given_back(&open().await).await;
    a_limit_counts_exactly(&open().await).await;
    a_window_begins_with_its_first_request(&open().await).await;
}

async fn an_answer_comes_back_as_it_was_stored(bench: &dyn Bench) {
    let coordination = bench.coordination();
    assert_eq!(coordination.lookup(USER, &key("k")).await.unwrap(), None);
    for (n, status) in (100..).zip(Status::ALL) {
        let mut entry = cached(n, status);
        entry.receipt.payment.submitted = status == Status::Processing;
        coordination.store(USER, &key("k"), &entry).await.unwrap();
        let found = coordination.lookup(USER, &key("k")).await.unwrap().unwrap();
        assert_eq!(found.current, Current::of(&entry.receipt.payment));
        assert_eq!(found.cached, entry);
    }
    let odd = key(&format!(r#"a b:*?[\]{{}}"'%s{}"#, "~".repeat(200)));
    let mut large = cached(i64::MAX, Status::Pending);
    large.receipt.invoice.number = "9".repeat(100_000);
    coordination.store(USER, &odd, &large).await.unwrap();
    coordination.publish(&payment(i64::MAX, Status::Completed)).await.unwrap();
    let found = coordination.lookup(USER, &odd).await.unwrap().unwrap();
    assert_eq!((found.cached, found.current), (large, known(Status::Completed)));
}

async fn keys_belong_to_their_user(bench: &dyn Bench) {
    let coordination = bench.coordination();
    coordination.store(USER, &key("1:k"), &cached(100, Status::Pending)).await.unwrap();
    assert_eq!(coordination.lookup(UserId(2), &key("1:k")).await.unwrap(), None);
    assert_eq!(coordination.lookup(UserId(11), &key("k")).await.unwrap(), None);
    assert_eq!(coordination.lookup(USER, &key("1:K")).await.unwrap(), None);
    assert!(coordination.lookup(USER, &key("1:k")).await.unwrap().is_some());
}

async fn an_answer_ends(bench: &dyn Bench) {
    let coordination = bench.coordination();
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    bench.advance(CACHE_TTL.saturating_sub(SECOND)).await;
    assert!(coordination.lookup(USER, &key("k")).await.unwrap().is_some());
    coordination.store(USER, &key("later"), &cached(101, Status::Pending)).await.unwrap();
    bench.advance(SECOND).await;
    assert_eq!(coordination.lookup(USER, &key("k")).await.unwrap(), None);
    assert!(coordination.lookup(USER, &key("later")).await.unwrap().is_some());
}

async fn the_board_overrides_a_stored_status(bench: &dyn Bench) {
    let coordination = bench.coordination();
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    coordination.store(USER, &key("other"), &cached(101, Status::Pending)).await.unwrap();
    assert_eq!(current(&*coordination).await, known(Status::Pending));

    coordination.changing(PaymentId(100)).await.unwrap();
    assert_eq!(current(&*coordination).await, Current::Changing);
    let mut submitted = payment(100, Status::Processing);
    submitted.submitted = true;
    coordination.publish(&submitted).await.unwrap();
    let confirmed = Current::Known { status: Status::Processing, can_be_paid: false };
    assert_eq!(current(&*coordination).await, confirmed);

    let other = coordination.lookup(USER, &key("other")).await.unwrap().unwrap();
    assert_eq!(other.current, known(Status::Pending), "another payment's word is not this one's");
    let found = coordination.lookup(USER, &key("k")).await.unwrap().unwrap();
    assert_eq!(found.cached, cached(100, Status::Pending), "what was stored does not change");
}

async fn a_late_word_does_not_turn_the_status_back(bench: &dyn Bench) {
    let coordination = bench.coordination();
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    coordination.changing(PaymentId(100)).await.unwrap();
    coordination.changing(PaymentId(100)).await.unwrap();
    coordination.publish(&payment(100, Status::Completed)).await.unwrap();
    coordination.publish(&payment(100, Status::Processing)).await.unwrap();
    assert_eq!(current(&*coordination).await, known(Status::Completed));

    coordination.publish(&payment(100, Status::Refunded)).await.unwrap();
    assert_eq!(current(&*coordination).await, known(Status::Refunded), "published without announcement");

    coordination.publish(&payment(101, Status::Processing)).await.unwrap();
    coordination.store(USER, &key("k"), &cached(101, Status::Expired)).await.unwrap();
    assert_eq!(current(&*coordination).await, known(Status::Expired), "an answer stored since knows better");
}

async fn a_tombstone_lasts_until_its_own_change_is_published(bench: &dyn Bench) {
    let coordination = bench.coordination();
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    coordination.changing(PaymentId(100)).await.unwrap();
    coordination.changing(PaymentId(100)).await.unwrap();
    coordination.publish(&payment(100, Status::Processing)).await.unwrap();
    assert_eq!(current(&*coordination).await, Current::Changing, "the other change is still under way");
    coordination.publish(&payment(100, Status::Completed)).await.unwrap();
    assert_eq!(current(&*coordination).await, known(Status::Completed));
}

async fn a_tombstone_outlives_every_answer(bench: &dyn Bench) {
    let coordination = bench.coordination();
    coordination.changing(PaymentId(100)).await.unwrap();
    bench.advance(STATUS_TTL.saturating_sub(SECOND)).await;
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    assert_eq!(current(&*coordination).await, Current::Changing);
    bench.advance(SECOND).await;
    assert_eq!(current(&*coordination).await, known(Status::Pending));
}

async fn a_lock_has_one_holder(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "other"));
    assert!(mine.is_for("tag") && !mine.is_for("other") && !mine.is_for("ta"));
    assert_eq!(coordination.try_acquire(NAME, &mine).await.unwrap(), LockAttempt::Acquired);

    let LockAttempt::Held(holder) = coordination.try_acquire(NAME, &yours).await.unwrap() else {
        panic!("a lock that is held was acquired");
    };
    assert_eq!(holder, mine);
    assert!(holder.is_for("tag") && !holder.is_for("other"));

    let elsewhere = LockName { consultation: ConsultationId(6), user: USER };
    assert_eq!(coordination.try_acquire(elsewhere, &yours).await.unwrap(), LockAttempt::Acquired);

    assert!(!coordination.release(NAME, &yours).await.unwrap(), "a token that is not its holder's");
    assert_eq!(coordination.try_acquire(NAME, &yours).await.unwrap(), LockAttempt::Held(mine.clone()));
    assert!(coordination.release(NAME, &mine).await.unwrap());
    assert!(!coordination.release(NAME, &mine).await.unwrap(), "released twice");
    assert_eq!(coordination.try_acquire(NAME, &yours).await.unwrap(), LockAttempt::Acquired);
}

async fn a_lock_that_expired_is_not_its_first_holders_to_release(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (first, second) = (LockToken::new(1, "tag"), LockToken::new(2, "tag"));
    assert_eq!(coordination.try_acquire(NAME, &first).await.unwrap(), LockAttempt::Acquired);
    bench.advance(LOCK_TTL.saturating_sub(SECOND)).await;
    assert_eq!(coordination.try_acquire(NAME, &second).await.unwrap(), LockAttempt::Held(first.clone()));
    bench.advance(SECOND).await;
    assert!(!coordination.release(NAME, &first).await.unwrap(), "nobody's");
    assert_eq!(coordination.try_acquire(NAME, &second).await.unwrap(), LockAttempt::Acquired);
    assert!(!coordination.release(NAME, &first).await.unwrap(), "the second one's");
    assert!(coordination.release(NAME, &second).await.unwrap());
}

async fn of_many_who_try_one_gets_the_lock(bench: &dyn Bench) {
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..50 {
        let coordination = bench.coordination();
        tries.spawn(async move { coordination.try_acquire(NAME, &LockToken::new(n, "tag")).await.unwrap() });
    }
    let attempts = tries.join_all().await;
    let acquired = attempts.iter().filter(|attempt| **attempt == LockAttempt::Acquired).count();
    assert_eq!(acquired, 1);
    let holders: BTreeSet<_> = attempts
        .iter()
        .filter_map(|attempt| match attempt {
            LockAttempt::Held(token) => Some(&token.0),
            LockAttempt::Acquired => None,
        })
        .collect();
    assert_eq!(holders.len(), 1, "everybody sees the same holder");
}

async fn a_key_that_is_known_leaves_the_lock_alone(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "other"));
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    coordination.publish(&payment(100, Status::Completed)).await.unwrap();
    let Entered::Known(found) = coordination.enter(NAME, &key("k"), &mine).await.unwrap() else {
        panic!("a key that is known was not found");
    };
    assert_eq!((found.cached, found.current), (cached(100, Status::Pending), known(Status::Completed)));
    let strangers = LockName { user: UserId(2), ..NAME };
    assert_eq!(coordination.enter(strangers, &key("k"), &yours).await.unwrap(), Entered::Acquired);
    assert_eq!(coordination.enter(NAME, &key("other"), &yours).await.unwrap(), Entered::Acquired);
    assert_eq!(coordination.enter(NAME, &key("third"), &mine).await.unwrap(), Entered::Held(yours.clone()));
    assert!(matches!(coordination.enter(NAME, &key("k"), &mine).await.unwrap(), Entered::Known(_)));
    bench.advance(LOCK_TTL).await;
    assert_eq!(coordination.enter(NAME, &key("third"), &mine).await.unwrap(), Entered::Acquired);
}

async fn who_leaves_keeps_an_answer_and_gives_the_lock_back(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "other"));
    assert_eq!(coordination.enter(NAME, &key("k"), &mine).await.unwrap(), Entered::Acquired);
    assert!(coordination.leave(NAME, &key("k"), &cached(100, Status::Pending), &mine).await.unwrap());
    let found = coordination.lookup(USER, &key("k")).await.unwrap().unwrap();
    assert_eq!(found.cached, cached(100, Status::Pending));
    assert_eq!(coordination.try_acquire(NAME, &yours).await.unwrap(), LockAttempt::Acquired);
    bench.advance(CACHE_TTL).await;
    assert_eq!(coordination.lookup(USER, &key("k")).await.unwrap(), None);
}

async fn who_leaves_late_keeps_an_answer_and_nobody_elses_lock(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "other"));
    assert_eq!(coordination.enter(NAME, &key("k"), &mine).await.unwrap(), Entered::Acquired);
    bench.advance(LOCK_TTL).await;
    assert_eq!(coordination.enter(NAME, &key("other"), &yours).await.unwrap(), Entered::Acquired);
    assert!(!coordination.leave(NAME, &key("k"), &cached(100, Status::Pending), &mine).await.unwrap());
    assert!(coordination.lookup(USER, &key("k")).await.unwrap().is_some());
    assert_eq!(coordination.try_acquire(NAME, &mine).await.unwrap(), LockAttempt::Held(yours));
}

/// Each looks and tries at one moment, so only the first ever gets the lock of its key.
async fn nobody_gets_the_lock_of_a_key_that_is_known(bench: &dyn Bench) {
    let mut presses = tokio::task::JoinSet::new();
    for n in 0..50 {
        let coordination = bench.coordination();
        presses.spawn(async move {
            let token = LockToken::new(n, "tag");
            loop {
                match coordination.enter(NAME, &key("k"), &token).await.unwrap() {
                    Entered::Known(_) => return 0,
                    Entered::Held(_) => tokio::task::yield_now().await,
                    Entered::Acquired => {
                        let entry = cached(100, Status::Pending);
                        assert!(coordination.leave(NAME, &key("k"), &entry, &token).await.unwrap());
                        return 1;
                    }
                }
            }
        });
    }
    assert_eq!(presses.join_all().await.iter().sum::<i32>(), 1);
}

async fn who_is_over_the_limit_comes_no_further(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "other"));
    let enter = async |limit: u32, text: &str, token: &LockToken| {
        let count = Count { bucket: "user:1", limit, times: 1 };
        let (rates, entered) = coordination.enter_counted(count, NAME, &key(text), token).await.unwrap();
        assert_eq!(rates.len(), 1);
        (rates[0], entered)
    };
    coordination.store(USER, &key("k"), &cached(100, Status::Pending)).await.unwrap();
    coordination.publish(&payment(100, Status::Completed)).await.unwrap();
    let (rate, entered) = enter(4, "k", &mine).await;
    assert_eq!((rate.limit, rate.remaining, rate.is_over()), (4, 3, false));
    let Some(Entered::Known(found)) = entered else { panic!("a key that is known was not found") };
    assert_eq!((found.cached, found.current), (cached(100, Status::Pending), known(Status::Completed)));
    let (rate, entered) = enter(4, "new", &mine).await;
    assert_eq!((rate.remaining, entered), (2, Some(Entered::Acquired)));
    let (rate, entered) = enter(4, "other", &yours).await;
    assert_eq!((rate.remaining, entered), (1, Some(Entered::Held(mine.clone()))));
    assert!(coordination.release(NAME, &mine).await.unwrap());

    assert_eq!(
        coordination.take("user:1", 4).await.unwrap().remaining,
        0,
        "counted together with all others"
    );
    for text in ["k", "another"] {
        let (rate, entered) = enter(4, text, &mine).await;
        assert_eq!((rate.remaining, entered), (0, None), "{text}");
        assert!(rate.retry_after.is_some_and(|wait| wait <= MINUTE && wait > Duration::ZERO));
    }
    assert_eq!(
        coordination.try_acquire(NAME, &yours).await.unwrap(),
        LockAttempt::Acquired,
        "nobody took it"
    );
    bench.advance(MINUTE).await;
    let (rate, entered) = enter(4, "k", &mine).await;
    assert_eq!(rate.remaining, 3);
    assert!(matches!(entered, Some(Entered::Known(_))));
}

async fn several_are_counted_at_once(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let token = LockToken::new(1, "tag");
    let count = |times| Count { bucket: "user:1", limit: 5, times };
    let left = |rates: &[Rate]| rates.iter().map(|rate| (rate.remaining, rate.is_over())).collect::<Vec<_>>();
    let rates = coordination.take_all(count(2)).await.unwrap();
    assert_eq!(left(&rates), [(4, false), (3, false)]);

    // Some of them are over the limit: the others go in.
    let (rates, entered) = coordination.enter_counted(count(4), NAME, &key("k"), &token).await.unwrap();
    assert_eq!(left(&rates), [(2, false), (1, false), (0, false), (0, true)]);
    assert_eq!(entered, Some(Entered::Acquired));
    assert!(coordination.release(NAME, &token).await.unwrap());

    let (rates, entered) = coordination.enter_counted(count(2), NAME, &key("k"), &token).await.unwrap();
    assert_eq!(left(&rates), [(0, true), (0, true)]);
    assert!(rates.iter().all(|rate| rate.retry_after.is_some_and(|wait| wait <= MINUTE)));
    assert_eq!(entered, None);
    assert_eq!(
        coordination.try_acquire(NAME, &token).await.unwrap(),
        LockAttempt::Acquired,
        "nobody took it"
    );
}

async fn who_waits_is_told_when_the_lock_is_given_back(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let (mine, yours) = (LockToken::new(1, "tag"), LockToken::new(2, "other"));
    // An adapter may need a moment until it hears anything.
    let soon = async || {
        while coordination.given_back(NAME).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(MINUTE, soon()).await.unwrap();
    for leaves in [false, true] {
        assert_eq!(coordination.enter(NAME, &key("new"), &mine).await.unwrap(), Entered::Acquired);
        let mut told = coordination.given_back(NAME).unwrap();
        assert_eq!(
            coordination.enter(NAME, &key("other"), &yours).await.unwrap(),
            Entered::Held(mine.clone())
        );
        let waits = (&mut told).now_or_never().is_none();
        assert!(waits, "told before anything was given back");
        if leaves {
            let entry = cached(100, Status::Pending);
            assert!(coordination.leave(NAME, &key("k"), &entry, &mine).await.unwrap());
        } else {
            assert!(coordination.release(NAME, &mine).await.unwrap());
        }
        tokio::time::timeout(MINUTE, told).await.unwrap();
    }
}

async fn a_limit_counts_exactly(bench: &dyn Bench) {
    let mut takes = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let coordination = bench.coordination();
        takes.spawn(async move { coordination.take("user:1", 100).await.unwrap() });
    }
    let rates = takes.join_all().await;
    assert!(rates.iter().all(|rate| rate.limit == 100));
    let let_through: BTreeSet<_> =
        rates.iter().filter(|rate| rate.retry_after.is_none()).map(|rate| rate.remaining).collect();
    assert_eq!(let_through, (0..100).collect(), "100 are let through, each told another remainder");
    let refused: Vec<_> = rates.iter().filter(|rate| rate.retry_after.is_some()).collect();
    assert_eq!(refused.len(), 100);
    assert!(refused.iter().all(|rate| rate.remaining == 0 && rate.retry_after <= Some(MINUTE)));

    let other = bench.coordination().take("user:2", 100).await.unwrap();
    assert_eq!((other.remaining, other.retry_after), (99, None), "buckets are counted apart");
}

async fn a_window_begins_with_its_first_request(bench: &dyn Bench) {
    let coordination = bench.coordination();
    let bucket = "odd {bucket}:*\n\u{0}é";
    let first = coordination.take(bucket, 2).await.unwrap();
    assert_eq!((first.remaining, first.retry_after), (1, None));
    bench.advance(MINUTE.saturating_sub(2 * SECOND)).await;
    assert_eq!(coordination.take(bucket, 2).await.unwrap().remaining, 0);
    let over = coordination.take(bucket, 2).await.unwrap();
    let wait = over.retry_after.unwrap();
    assert!(wait <= 2 * SECOND && wait > SECOND / 2, "{wait:?} of two seconds");
    bench.advance(wait).await;
    let next = coordination.take(bucket, 2).await.unwrap();
    assert_eq!((next.remaining, next.retry_after), (1, None), "knocking did not prolong the window");
}
