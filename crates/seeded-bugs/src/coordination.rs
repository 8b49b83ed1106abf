//! Cache, lock and status board with a bug.

use async_trait::async_trait;
use sekali_core::domain::{IdempotencyKey, Payment, PaymentId, UserId};
use sekali_core::ports::{
    CachedPayment, CoordinationDown, IdempotencyCache, Lock, LockAttempt, LockName, LockToken, Lookup, Rate,
    RateLimit, StatusBoard, Turnstile,
};
use std::sync::Arc;

/// Everybody gets it.
pub(crate) struct LockThatExpires(pub(crate) Arc<dyn Turnstile>);

#[async_trait]
impl Lock for LockThatExpires {
    async fn try_acquire(&self, _: LockName, _: &LockToken) -> Result<LockAttempt, CoordinationDown> {
        Ok(LockAttempt::Acquired)
    }

    async fn release(&self, _: LockName, _: &LockToken) -> Result<bool, CoordinationDown> {
        Ok(true)
    }
}

#[async_trait]
impl IdempotencyCache for LockThatExpires {
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        self.0.lookup(user, key).await
    }

    async fn store(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown> {
        self.0.store(user, key, entry).await
    }
}

#[async_trait]
impl RateLimit for LockThatExpires {
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        self.0.take(bucket, limit).await
    }
}

impl Turnstile for LockThatExpires {}

/// Keeps keys, whoever's they are.
pub(crate) struct CacheOfEverybody(pub(crate) Arc<dyn Turnstile>);

const EVERYBODY: UserId = UserId(1);

#[async_trait]
impl IdempotencyCache for CacheOfEverybody {
    async fn lookup(&self, _: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        self.0.lookup(EVERYBODY, key).await
    }

    async fn store(
        &self,
        _: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown> {
        self.0.store(EVERYBODY, key, entry).await
    }
}

#[async_trait]
impl Lock for CacheOfEverybody {
    async fn try_acquire(&self, name: LockName, token: &LockToken) -> Result<LockAttempt, CoordinationDown> {
        self.0.try_acquire(name, token).await
    }

    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown> {
        self.0.release(name, token).await
    }
}

#[async_trait]
impl RateLimit for CacheOfEverybody {
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        self.0.take(bucket, limit).await
    }
}

impl Turnstile for CacheOfEverybody {}

/// Hears nothing, and so tells nothing.
pub(crate) struct BoardThatIsNotTold;

#[async_trait]
impl StatusBoard for BoardThatIsNotTold {
    async fn changing(&self, _: PaymentId) -> Result<(), CoordinationDown> {
        Ok(())
    }

    async fn publish(&self, _: &Payment) -> Result<(), CoordinationDown> {
        Ok(())
    }
}
