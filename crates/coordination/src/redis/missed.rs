//! What other servers were not told while this one was cut off.

use sekali_core::domain::PaymentId;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// More than one server settles in an outage of minutes. Payments beyond it show their old status on
/// other servers until the cache's entries end, as the documentation says.
const MOST: usize = 10_000;

/// Payments whose status changed, or may have, without a word on the board. On return each gets a
/// tombstone, so that servers that were not cut off themselves stop showing the old status.
#[derive(Default)]
pub(super) struct Missed(Mutex<HashSet<PaymentId>>);

impl Missed {
    pub(super) fn add(&self, payment: PaymentId) {
        let mut payments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if payments.len() < MOST {
            payments.insert(payment);
        }
    }

    /// Takes one out.
    pub(super) fn next(&self) -> Option<PaymentId> {
        let mut payments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let payment = *payments.iter().next()?;
        payments.remove(&payment);
        Some(payment)
    }
}
