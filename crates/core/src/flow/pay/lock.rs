//! Steps 2 and 5: one request at a time for a patient and a consultation, as far as that can be had.

use super::{Caught, Duplicate, Pay, PayError, PayRequest, Twin};
use crate::domain::IdempotencyKey;
use crate::domain::idempotency::hex;
use crate::ports::coordination::LOCK_TTL;
use crate::ports::{LockAttempt, LockName, LockToken};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The first wait; each further one is half as long again, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(2);
/// Keeps a waiter from sleeping long past the release.
const LONGEST_WAIT: Duration = Duration::from_millis(25);
/// After this the request goes on with the database alone (contract, part 2).
const PATIENCE: Duration = LOCK_TTL;

/// How a request came past step 2.
#[derive(Debug)]
pub(super) enum Turn {
    /// It holds the lock.
    Held(LockToken),
    /// It goes on without: the lock is out of reach, or was held for too long.
    Without,
    /// While it waited, the one before it answered the same key.
    AnsweredMeanwhile(Duplicate),
}

impl Pay {
    /// Takes the lock, waiting for it as long as need be.
    pub(super) async fn take_turn(&self, request: &PayRequest) -> Result<Turn, PayError> {
        let name = name(request);
        let tag = tag(&request.key);
        let random = (u128::from(self.random.next_u64()) << 64) | u128::from(self.random.next_u64());
        let token = LockToken::new(random, &tag);
        let begun = self.clock.monotonic();
        let mut wait = FIRST_WAIT;

        for attempts in 1_u32.. {
            match self.lock.try_acquire(name, &token).await {
                Ok(LockAttempt::Acquired) => {
                    tracing::debug!(lock_key = %name, attempts, "Lock acquired");
                    return self.recheck(request, token, attempts).await;
                }
                Ok(LockAttempt::Held(other)) if request.twin == Twin::Refuse && other.is_for(&tag) => {
                    return Err(PayError::InFlight);
                }
                Ok(LockAttempt::Held(_)) => {}
                Err(_) => return Ok(Turn::Without),
            }
            if attempts == 1 {
                metrics::counter!("sekali_lock_waits_total").increment(1);
            }
            if self.clock.monotonic().saturating_sub(begun) >= PATIENCE {
                metrics::counter!("sekali_lock_timeouts_total").increment(1);
                tracing::warn!(lock_key = %name, attempts, "Lock not acquired in time, going on with the database alone");
                return Ok(Turn::Without);
            }
            self.clock.sleep(wait / 2 + self.random.jitter(wait)).await;
            wait = (wait * 3 / 2).min(LONGEST_WAIT);
            if let Some(duplicate) = self.recall(request, Caught::Lock).await? {
                return Ok(Turn::AnsweredMeanwhile(duplicate));
            }
        }
        Ok(Turn::Without)
    }

    /// Between the last look into the cache and the lock, the one before us may have answered.
    async fn recheck(&self, request: &PayRequest, token: LockToken, attempts: u32) -> Result<Turn, PayError> {
        if attempts == 1 {
            return Ok(Turn::Held(token));
        }
        match self.recall(request, Caught::Lock).await {
            Ok(None) => Ok(Turn::Held(token)),
            other => {
                self.end_turn(request, Turn::Held(token)).await;
                other.map(|duplicate| duplicate.map_or(Turn::Without, Turn::AnsweredMeanwhile))
            }
        }
    }

    /// Gives the lock back, if it was taken and is still ours.
    pub(super) async fn end_turn(&self, request: &PayRequest, turn: Turn) {
        let Turn::Held(token) = turn else { return };
        let name = name(request);
        match self.lock.release(name, &token).await {
            Ok(true) => tracing::debug!(lock_key = %name, "Lock released"),
            Ok(false) => {
                metrics::counter!("sekali_lock_lost_total").increment(1);
                tracing::warn!(lock_key = %name, "Lock had expired before it was released");
            }
            Err(_) => {}
        }
    }
}

fn name(request: &PayRequest) -> LockName {
    LockName { consultation: request.consultation, user: request.user.id }
}

/// Tells whether a lock is held for the same key, without showing the key in the lock.
fn tag(key: &IdempotencyKey) -> String {
    hex(&Sha256::digest(key.as_str().as_bytes())[..8])
}
