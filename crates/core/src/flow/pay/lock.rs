//! Steps 2 and 5: one request at a time for a patient and a consultation, as far as that can be had.

use super::together::Word;
use super::{Caught, Duplicate, Pay, PayError, PayRequest, Twin, Written};
use crate::domain::IdempotencyKey;
use crate::domain::idempotency::hex;
use crate::ports::coordination::{CACHE_TTL, LOCK_TTL, cache_key};
use crate::ports::{CoordinationDown, GivenBack, LockName, LockToken};
use futures_channel::oneshot::Receiver;
use futures_util::future::{Either, select};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The first wait; each further one is half as long again, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// Keeps a waiter from sleeping long past the release.
const LONGEST_WAIT: Duration = Duration::from_millis(25);
/// Where whoever gives a lock back tells of it, a waiter looks so often all the same: a lock may expire, and
/// word may be lost.
const LOOK_ANYHOW: Duration = Duration::from_millis(250);
/// After this the request goes on with the database alone (contract, part 2).
pub(super) const PATIENCE: Duration = LOCK_TTL;

/// What a request goes to the turnstile with.
pub(super) struct Ticket {
    pub(super) name: LockName,
    pub(super) token: LockToken,
}

/// What it finds there.
#[derive(Debug)]
pub(super) enum Found {
    /// The key was answered before.
    Answer(Duplicate),
    /// It holds the lock now.
    Lock,
    /// Somebody else does.
    Holder(LockToken),
    /// Cache and lock are out of reach, or know a payment that the database does not have.
    Nobody,
}

/// How a request came past step 2.
#[derive(Debug)]
pub(super) enum Turn {
    /// It holds the lock.
    Held,
    /// It goes on without: the lock is out of reach, or was held for too long.
    Without,
    /// While it waited, the one before it answered the same key.
    AnsweredMeanwhile(Duplicate),
}

/// How a waiter waits.
struct Waiting {
    /// What it listens to.
    given_back: Option<GivenBack>,
    /// Its next pause where there is nothing to listen to.
    pause: Duration,
}

impl Pay {
    /// A token that nobody else has, for the lock of this request.
    pub(super) fn ticket(&self, request: &PayRequest) -> Ticket {
        let random = (u128::from(self.random.next_u64()) << 64) | u128::from(self.random.next_u64());
        let name = LockName { consultation: request.consultation, user: request.user.id };
        Ticket { name, token: LockToken::new(random, &tag(&request.key)) }
    }

    /// Waits as long as need be for whoever was `found` to hold the lock, and looks into the cache each time that
    /// the lock may be free. It has waited since `since`.
    pub(super) async fn take_turn(
        &self,
        request: &PayRequest,
        ticket: &Ticket,
        mut found: Found,
        since: Duration,
    ) -> Result<Turn, PayError> {
        let name = ticket.name;
        let mut waiting = Waiting { given_back: None, pause: FIRST_WAIT };
        for attempts in 1_u32.. {
            match found {
                Found::Lock => {
                    tracing::debug!(lock_key = %name, attempts, "Lock acquired");
                    return Ok(Turn::Held);
                }
                Found::Answer(duplicate) => return Ok(Turn::AnsweredMeanwhile(duplicate)),
                Found::Nobody => return Ok(Turn::Without),
                Found::Holder(other) if request.twin == Twin::Refuse && other.is_for(&tag(&request.key)) => {
                    return Err(PayError::InFlight);
                }
                Found::Holder(_) => {}
            }
            if attempts == 1 {
                metrics::counter!("sekali_lock_waits_total").increment(1);
            }
            let left = PATIENCE.saturating_sub(self.clock.monotonic().saturating_sub(since));
            if left.is_zero() {
                metrics::counter!("sekali_lock_timeouts_total").increment(1);
                tracing::warn!(lock_key = %name, attempts, "Lock not acquired in time, going on with the database alone");
                return Ok(Turn::Without);
            }
            self.wait(name, &mut waiting, left).await;
            found = self.enter(request, ticket, Caught::Lock).await?;
        }
        Ok(Turn::Without)
    }

    /// Until the lock may be free, or for a while where nobody tells. A first word is listened for before the lock is
    /// looked at once more: it may just have been given back.
    async fn wait(&self, name: LockName, waiting: &mut Waiting, left: Duration) {
        let begun = self.clock.monotonic();
        let listened = waiting.given_back.take();
        let told = listened.is_some();
        if let Some(given_back) = listened {
            select(given_back, self.clock.sleep(LOOK_ANYHOW.min(left))).await;
        }
        waiting.given_back = self.turnstile.given_back(name);
        if !told && waiting.given_back.is_none() {
            let pause = waiting.pause;
            self.clock.sleep(pause / 2 + self.random.jitter(pause)).await;
            waiting.pause = (pause * 3 / 2).min(LONGEST_WAIT);
        }
        self.probe.waited(self.clock.monotonic().saturating_sub(begun));
    }

    /// Waits for word of the same press, which is under way on this server; `None`: there was none in time.
    pub(super) async fn wait_for(&self, word: Receiver<Word>, since: Duration) -> Option<Word> {
        metrics::counter!("sekali_lock_waits_total").increment(1);
        let word = match select(word, self.clock.sleep(PATIENCE)).await {
            Either::Left((word, _)) => word.ok(),
            Either::Right(_) => None,
        };
        self.probe.waited(self.clock.monotonic().saturating_sub(since));
        word
    }

    /// Keeps what the key has made, and gives the lock back, if it was taken and is still ours. What fails of it
    /// costs nothing but speed: the payment is committed.
    pub(super) async fn end_turn(
        &self,
        request: &PayRequest,
        ticket: &Ticket,
        turn: &Turn,
        written: Option<&Written>,
    ) {
        let (name, token) = (ticket.name, &ticket.token);
        let entry = written.and_then(|written| Self::entry(request, written));
        match (turn, entry) {
            (Turn::Held, Some(entry)) => {
                let left = self.turnstile.leave(name, &request.key, &entry, token).await;
                log_cached(request, &left);
                log_released(name, &left);
            }
            (Turn::Held, None) => log_released(name, &self.turnstile.release(name, token).await),
            (_, Some(entry)) => {
                log_cached(request, &self.turnstile.store(name.user, &request.key, &entry).await);
            }
            (_, None) => {}
        }
    }
}

fn log_cached<T>(request: &PayRequest, outcome: &Result<T, CoordinationDown>) {
    if outcome.is_ok() {
        tracing::debug!(
            cache_key = cache_key(request.user.id, &request.key),
            ttl = CACHE_TTL.as_secs(),
            "Payment result cached"
        );
    }
}

fn log_released(name: LockName, outcome: &Result<bool, CoordinationDown>) {
    match outcome {
        Ok(true) => tracing::debug!(lock_key = %name, "Lock released"),
        Ok(false) => {
            metrics::counter!("sekali_lock_lost_total").increment(1);
            tracing::warn!(lock_key = %name, "Lock had expired before it was released");
        }
        Err(_) => {}
    }
}

/// Tells whether a lock is held for the same key, without showing the key in the lock.
fn tag(key: &IdempotencyKey) -> String {
    hex(&Sha256::digest(key.as_str().as_bytes())[..8])
}
