//! What `sekali verify` asks the database: the invariants that SQL can state. Each query runs word
//! for word on both databases, and brings the rows that break the invariant: none, when it holds.

use crate::domain::{Head, PaymentId};
use crate::ports::{AuditStore, StoreError, Table};

/// One question to the database.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Which of the promised invariants it is part of: `I1` to `I11` (docs/guarantee.md).
    pub part_of: &'static str,
    /// What must hold, as one sentence.
    pub invariant: &'static str,
    /// Brings the rows that break it.
    pub sql: &'static str,
}

/// What a check brought.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// The offending rows.
    pub rows: Table,
}

impl Finding {
    /// Whether the invariant holds.
    pub fn holds(&self) -> bool {
        self.rows.rows.is_empty()
    }
}

/// Every check, in the order in which they are shown. The first is the contract's own (part 8).
pub const CHECKS: &[Check] = &[
    Check {
        part_of: "I1",
        invariant: "a consultation has at most one active payment of its patient",
        sql: "SELECT consultation_id, user_id, COUNT(*) AS payment_count FROM payments
 WHERE status IN ('pending', 'processing', 'completed')
 GROUP BY consultation_id, user_id HAVING COUNT(*) > 1",
    },
    Check {
        part_of: "I1",
        invariant: "a consultation has at most one active payment, whoever pays",
        sql: "SELECT consultation_id, COUNT(*) AS payment_count FROM payments
 WHERE status IN ('pending', 'processing', 'completed')
 GROUP BY consultation_id HAVING COUNT(*) > 1",
    },
    Check {
        part_of: "I3",
        invariant: "every payment has exactly one invoice",
        sql: "SELECT p.id AS payment_id, COUNT(i.id) AS invoices FROM payments p
 LEFT JOIN invoices i ON i.payment_id = p.id GROUP BY p.id HAVING COUNT(i.id) <> 1",
    },
    Check {
        part_of: "I3",
        invariant: "an invoice has its payment's amount and currency",
        sql: "SELECT p.id AS payment_id, p.amount_minor, i.amount_minor AS invoiced, p.currency, i.currency AS invoice_currency
 FROM payments p JOIN invoices i ON i.payment_id = p.id
 WHERE i.amount_minor <> p.amount_minor OR i.currency <> p.currency",
    },
    Check {
        part_of: "I3",
        invariant: "an invoice's status follows its payment's",
        sql: "SELECT p.id AS payment_id, p.status, i.status AS invoice_status
 FROM payments p JOIN invoices i ON i.payment_id = p.id
 WHERE i.status <> CASE p.status WHEN 'pending' THEN 'pending' WHEN 'processing' THEN 'pending'
   WHEN 'completed' THEN 'paid' WHEN 'refunded' THEN 'refunded' ELSE 'void' END",
    },
    Check {
        part_of: "I3",
        invariant: "a tax is its rate of the payment, rounded half up",
        sql: "SELECT t.id AS tax_id, t.payment_id, t.tax_type, t.tax_rate_ppm, t.tax_amount_minor, p.amount_minor
 FROM tax_records t JOIN payments p ON p.id = t.payment_id
 WHERE 2 * (t.tax_amount_minor * 1000000 - p.amount_minor * t.tax_rate_ppm) > 1000000
    OR 2 * (t.tax_amount_minor * 1000000 - p.amount_minor * t.tax_rate_ppm) <= -1000000",
    },
    Check {
        part_of: "I3",
        invariant: "a tax is recorded once for a payment",
        sql: "SELECT payment_id, tax_type, COUNT(*) AS records FROM tax_records
 GROUP BY payment_id, tax_type HAVING COUNT(*) > 1",
    },
    Check {
        part_of: "I7",
        invariant: "an idempotency key belongs to the user whose payment it made",
        sql: "SELECT k.payment_id, k.user_id, p.user_id AS payer FROM idempotency_keys k
 JOIN payments p ON p.id = k.payment_id WHERE p.user_id <> k.user_id",
    },
    Check {
        part_of: "I5",
        invariant: "a payment was made by at most one key",
        sql: "SELECT payment_id, COUNT(*) AS keys_of_it FROM idempotency_keys GROUP BY payment_id HAVING COUNT(*) > 1",
    },
    Check {
        part_of: "I2",
        invariant: "a consultation has at most one live Checkout Session",
        sql: "SELECT consultation_id, COUNT(*) AS sessions FROM checkout_sessions
 WHERE state IN ('creating', 'open', 'submitted') GROUP BY consultation_id HAVING COUNT(*) > 1",
    },
    Check {
        part_of: "I2",
        invariant: "a live Checkout Session belongs to a payment that is being processed",
        sql: "SELECT s.id AS session_id, s.state, s.payment_id, p.status FROM checkout_sessions s
 JOIN payments p ON p.id = s.payment_id
 WHERE s.state IN ('creating', 'open', 'submitted') AND p.status <> 'processing'",
    },
    Check {
        part_of: "I9",
        invariant: "a payment that is being processed has a session that tells how it ends, or money that does not match it",
        sql: "SELECT p.id AS payment_id, p.consultation_id, p.created_at FROM payments p
 WHERE p.status = 'processing'
   AND NOT EXISTS (SELECT 1 FROM checkout_sessions s WHERE s.payment_id = p.id
                   AND s.state IN ('creating', 'open', 'submitted'))
   AND NOT EXISTS (SELECT 1 FROM captures c WHERE c.payment_id = p.id AND c.disposition = 'mismatch')",
    },
    Check {
        part_of: "I6",
        invariant: "a payment is completed or refunded if and only if exactly one capture settled it",
        sql: "SELECT p.id AS payment_id, p.status, COUNT(c.payment_intent) AS settled FROM payments p
 LEFT JOIN captures c ON c.payment_id = p.id AND c.disposition = 'settled'
 GROUP BY p.id, p.status
 HAVING COUNT(c.payment_intent) <> CASE WHEN p.status IN ('completed', 'refunded') THEN 1 ELSE 0 END",
    },
    Check {
        part_of: "I8",
        invariant: "a settled capture has its payment's amount and currency",
        sql: "SELECT c.payment_intent, c.payment_id, c.amount_minor, p.amount_minor AS due, c.currency, p.currency AS currency_due
 FROM captures c JOIN payments p ON p.id = c.payment_id
 WHERE c.disposition = 'settled' AND (c.amount_minor <> p.amount_minor OR c.currency <> p.currency)",
    },
    Check {
        part_of: "I8",
        invariant: "money that settles no payment is back, or an operator is told of it",
        sql: "SELECT c.payment_intent, c.payment_id, c.disposition, c.amount_minor, c.currency FROM captures c
 WHERE c.disposition <> 'settled'
   AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.object = c.payment_intent AND k.closed_at IS NULL
                   AND k.kind IN ('surplus', 'mismatch'))
   AND c.amount_minor <> (SELECT coalesce(SUM(r.amount_minor), 0) FROM refunds r
                          WHERE r.payment_intent = c.payment_intent AND r.state = 'succeeded')",
    },
    Check {
        part_of: "I2",
        invariant: "refunds that are requested, under way or done never exceed their capture",
        sql: "SELECT c.payment_intent, c.payment_id, c.amount_minor, SUM(r.amount_minor) AS refunds
 FROM captures c JOIN refunds r ON r.payment_intent = c.payment_intent AND r.state IN ('requested', 'pending', 'succeeded')
 GROUP BY c.payment_intent, c.payment_id, c.amount_minor HAVING SUM(r.amount_minor) > c.amount_minor",
    },
    Check {
        part_of: "I2",
        invariant: "a capture knows what its refunds take up",
        sql: "SELECT c.payment_intent, c.refunding_minor FROM captures c
 WHERE c.refunding_minor <> (SELECT coalesce(SUM(r.amount_minor), 0) FROM refunds r
   WHERE r.payment_intent = c.payment_intent AND r.state IN ('requested', 'pending', 'succeeded'))",
    },
    Check {
        part_of: "I2",
        invariant: "what of a payment is refunded is what refunds of its money came to",
        sql: "SELECT p.id AS payment_id, p.refunded_minor FROM payments p
 WHERE p.refunded_minor <> (SELECT coalesce(SUM(r.amount_minor), 0) FROM refunds r
   JOIN captures c ON c.payment_intent = r.payment_intent AND c.disposition = 'settled'
   WHERE r.payment_id = p.id AND r.state = 'succeeded')",
    },
    Check {
        part_of: "I3",
        invariant: "a refunded tax is its rate of what is refunded, rounded half up",
        sql: "SELECT t.id AS tax_id, t.payment_id, t.tax_refunded_minor, p.refunded_minor
 FROM tax_records t JOIN payments p ON p.id = t.payment_id
 WHERE 2 * (t.tax_refunded_minor * 1000000 - p.refunded_minor * t.tax_rate_ppm) > 1000000
    OR 2 * (t.tax_refunded_minor * 1000000 - p.refunded_minor * t.tax_rate_ppm) <= -1000000",
    },
    Check {
        part_of: "I6",
        invariant: "a payment is refunded when all of it is back, and is short of that only after a bounce that is shown",
        sql: "SELECT p.id AS payment_id, p.status, p.refunded_minor, p.amount_minor FROM payments p
 WHERE (p.status = 'completed' AND p.refunded_minor = p.amount_minor)
    OR (p.status = 'refunded' AND p.refunded_minor <> p.amount_minor
        AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.payment_id = p.id AND k.kind = 'refund_bounced'))",
    },
    Check {
        part_of: "I10",
        invariant: "every payment has a record without gaps",
        sql: "SELECT p.id AS payment_id, COUNT(e.seq) AS entries, MAX(e.seq) AS last_entry FROM payments p
 LEFT JOIN payment_events e ON e.payment_id = p.id
 GROUP BY p.id HAVING COUNT(e.seq) = 0 OR COUNT(e.seq) <> MAX(e.seq)",
    },
    Check {
        part_of: "I10",
        invariant: "the record of a payment that has ended says how",
        sql: "SELECT p.id AS payment_id, p.status FROM payments p
 WHERE p.status IN ('completed', 'refunded', 'failed', 'cancelled', 'expired')
   AND NOT EXISTS (SELECT 1 FROM payment_events e WHERE e.payment_id = p.id AND (e.kind = 'imported'
     OR (e.kind = 'completed' AND p.status IN ('completed', 'refunded'))
     OR (e.kind = 'ended' AND p.status IN ('failed', 'cancelled', 'expired'))))",
    },
    Check {
        part_of: "I11",
        invariant: "the outbox reaches the last entry that the host is to be told of",
        sql: "SELECT e.payment_id, MAX(e.seq) AS announced, MAX(o.last_seq) AS reached FROM payment_events e
 LEFT JOIN outbox o ON o.payment_id = e.payment_id WHERE e.announces IS NOT NULL
 GROUP BY e.payment_id HAVING COUNT(o.last_seq) = 0 OR MAX(e.seq) <> MAX(o.last_seq) OR MAX(o.delivered_seq) > MAX(o.last_seq)",
    },
];

/// Runs every check.
pub async fn verify(store: &dyn AuditStore) -> Result<Vec<Finding>, StoreError> {
    let mut findings = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        findings.push(Finding { check: *check, rows: store.query(check.sql).await? });
    }
    Ok(findings)
}

/// Entries of the record that are read at once.
const PAGE: u32 = 1000;

/// What following every payment's record brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Entries that were read.
    pub entries: u64,
    /// Payments they belong to.
    pub payments: u64,
    /// Where an entry does not follow the one before it, or is not as it was written: payment and number.
    /// The first such entry of each payment.
    pub broken: Vec<(PaymentId, i64)>,
}

/// Follows every payment's record, entry by entry: each hash is worked out again. `progress` is told how many
/// entries were read so far.
pub async fn verify_records(store: &dyn AuditStore, progress: &dyn Fn(u64)) -> Result<Records, StoreError> {
    let mut found = Records::default();
    let (mut after, mut head, mut is_broken) = ((PaymentId(0), 0), Head::default(), false);
    loop {
        let page = store.records(after, PAGE).await?;
        let Some((_, last)) = page.last() else { return Ok(found) };
        let next = (last.payment, last.seq);
        for (reference, event) in &page {
            if event.payment != after.0 {
                (head, is_broken) = (Head::default(), false);
                found.payments += 1;
            }
            if !is_broken && !event.follows(head, *reference) {
                is_broken = true;
                found.broken.push((event.payment, event.seq));
            }
            head = event.head();
            after = (event.payment, event.seq);
            found.entries += 1;
        }
        after = next;
        progress(found.entries);
    }
}
