//! Where a blow has landed: how far each question had come, as the database shows it right afterwards.

use super::world::Asking;
use crate::eye::Eye;
use std::collections::BTreeMap;

/// What was caught in which step, and how often.
#[derive(Clone, Debug, Default)]
pub struct Landed {
    steps: BTreeMap<&'static str, u64>,
    /// What the dead had taken up, and nobody may touch before its lease is over.
    held: BTreeMap<&'static str, i64>,
}

impl Landed {
    /// So many more.
    pub(super) fn count(&mut self, step: &'static str, times: i64) {
        if let Ok(times @ 1..) = u64::try_from(times) {
            *self.steps.entry(step).or_default() += times;
        }
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        for (step, times) in &other.steps {
            *self.steps.entry(step).or_default() += times;
        }
    }

    /// Every step with its number, in the order of their names.
    pub fn figures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.steps.iter().map(|(step, times)| (*step, *times))
    }

    /// Looks at what the server was asked, and at what it had taken up by itself.
    pub async fn look(&mut self, eye: &Eye, asked: &[Asking]) {
        if asked.is_empty() {
            self.count("nobody was asking", 1);
        }
        for asking in asked {
            let step = step(eye, asking).await;
            self.count(step, 1);
        }
        for (step, table) in
            [("webhook: kept, not worked off", "gateway_events"), ("host: not told, or not noted", "outbox")]
        {
            let sql = format!(
                "SELECT CAST(count(*) AS text) FROM {table} WHERE due_at IS NOT NULL AND leased_until IS NOT NULL"
            );
            let held = eye.text(&sql).await.and_then(|text| text.parse().ok()).unwrap_or(0);
            let before = self.held.insert(step, held).unwrap_or(0);
            self.count(step, held - before);
        }
    }
}

async fn step(eye: &Eye, asking: &Asking) -> &'static str {
    match asking {
        Asking::Press { again: true, .. } => "BAYAR again: there was a payment",
        Asking::Press { id, key, .. } => {
            let sql = format!("SELECT 'there' FROM idempotency_keys WHERE user_id = {id} AND key = '{key}'");
            match eye.text(&sql).await {
                Some(_) => "BAYAR: committed, not answered",
                None => "BAYAR: nothing committed",
            }
        }
        Asking::Way(payment) => match session(eye, *payment).await.as_deref() {
            None => "way to Stripe: no intent committed",
            Some("creating") => "way to Stripe: intent committed, session not recorded",
            Some(_) => "way to Stripe: session recorded, not answered",
        },
        Asking::Callback(payment) => match session(eye, *payment).await.as_deref() {
            Some("creating" | "open" | "submitted") => "callback: not settled",
            _ => "callback: settled, not answered",
        },
        Asking::Cancel(payment) => cancel(eye, *payment).await,
        Asking::Refund(payment, key) => {
            let sql = format!(
                "SELECT state FROM refunds WHERE payment_id = {payment} AND idempotency_key = '{key}'"
            );
            match eye.text(&sql).await.as_deref() {
                None => "refund: no intent committed",
                Some("requested") => "refund: intent committed, Stripe's answer not",
                Some(_) => "refund: recorded, not answered",
            }
        }
    }
}

async fn session(eye: &Eye, payment: i64) -> Option<String> {
    let sql = format!(
        "SELECT state FROM checkout_sessions WHERE payment_id = {payment} ORDER BY created_at DESC LIMIT 1"
    );
    eye.text(&sql).await
}

async fn cancel(eye: &Eye, payment: i64) -> &'static str {
    let sql = format!(
        "SELECT CASE WHEN status IN ('pending', 'processing') AND cancel_requested_at IS NULL THEN 'untouched'
                     WHEN status IN ('pending', 'processing') THEN 'wished' ELSE 'over' END
         FROM payments WHERE id = {payment}"
    );
    match eye.text(&sql).await.as_deref() {
        Some("wished") => "cancel: wish committed, session not ended",
        Some("over") => "cancel: over, not answered",
        _ => "cancel: nothing committed",
    }
}
