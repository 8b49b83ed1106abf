//! Steps 1 and 4: what the cache knows of a key.

use super::{Caught, Duplicate, Pay, PayError, PayRequest, Written};
use crate::ports::coordination::{CACHE_TTL, cache_key};
use crate::ports::{CachedPayment, Current, Lookup};

impl Pay {
    /// Looks the key up in the cache. `None`: not there, or the cache is out of reach.
    pub(super) async fn recall(
        &self,
        request: &PayRequest,
        caught: Caught,
    ) -> Result<Option<Duplicate>, PayError> {
        let found = self.cache.lookup(request.user.id, &request.key).await;
        let result = match &found {
            Ok(Some(_)) => "hit",
            Ok(None) => "miss",
            Err(_) => "unreachable",
        };
        metrics::counter!("sekali_cache_lookups_total", "result" => result).increment(1);
        match found {
            Ok(Some(found)) => self.answer_from(request, found, caught).await,
            Ok(None) | Err(_) => Ok(None),
        }
    }

    async fn answer_from(
        &self,
        request: &PayRequest,
        found: Lookup,
        caught: Caught,
    ) -> Result<Option<Duplicate>, PayError> {
        let Lookup { cached, current } = found;
        if cached.fingerprint != request.fingerprint() {
            return Err(PayError::KeyReused);
        }
        let Current::Known { status, can_be_paid } = current else {
            return self.answer_as_it_changes(cached).await;
        };
        tracing::info!(
            idempotency_key = request.key.as_str(),
            payment_id = cached.receipt.payment.id.0,
            "Payment: Returning cached response"
        );
        Ok(Some(Duplicate { same_key: true, receipt: cached.receipt, status, can_be_paid, caught }))
    }

    /// The payment's status is changing this moment: only the database knows it. One that the database does
    /// not have (it was restored from a backup) is a miss.
    async fn answer_as_it_changes(&self, cached: CachedPayment) -> Result<Option<Duplicate>, PayError> {
        let receipt = self.store.payment(cached.receipt.payment.id).await?;
        let same = receipt.filter(|receipt| receipt.payment.reference == cached.receipt.payment.reference);
        Ok(same.map(Duplicate::of_key))
    }

    /// Keeps what the key has made. A failure costs nothing but speed: the payment is committed.
    pub(super) async fn remember(&self, request: &PayRequest, written: &Written) {
        let Some(receipt) = written.made_by_this_key() else { return };
        let entry = CachedPayment { fingerprint: request.fingerprint(), receipt: receipt.clone() };
        if self.cache.store(request.user.id, &request.key, &entry).await.is_ok() {
            tracing::debug!(
                cache_key = cache_key(request.user.id, &request.key),
                ttl = CACHE_TTL.as_secs(),
                "Payment result cached"
            );
        }
    }
}
