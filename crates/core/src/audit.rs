//! What `sekali verify` asks the database: the invariants that SQL can state. Each query runs word
//! for word on both databases, and brings the rows that break the invariant: none, when it holds.

use crate::ports::{AuditStore, StoreError, Table};

/// One question to the database.
#[derive(Clone, Copy, Debug)]
pub struct Check {
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
        invariant: "a consultation has at most one active payment of its patient",
        sql: "SELECT consultation_id, user_id, COUNT(*) AS payment_count FROM payments
 WHERE status IN ('pending', 'processing', 'completed')
 GROUP BY consultation_id, user_id HAVING COUNT(*) > 1",
    },
    Check {
        invariant: "a consultation has at most one active payment, whoever pays",
        sql: "SELECT consultation_id, COUNT(*) AS payment_count FROM payments
 WHERE status IN ('pending', 'processing', 'completed')
 GROUP BY consultation_id HAVING COUNT(*) > 1",
    },
    Check {
        invariant: "every payment has exactly one invoice",
        sql: "SELECT p.id AS payment_id, COUNT(i.id) AS invoices FROM payments p
 LEFT JOIN invoices i ON i.payment_id = p.id GROUP BY p.id HAVING COUNT(i.id) <> 1",
    },
    Check {
        invariant: "an invoice has its payment's amount and currency",
        sql: "SELECT p.id AS payment_id, p.amount_minor, i.amount_minor AS invoiced, p.currency, i.currency AS invoice_currency
 FROM payments p JOIN invoices i ON i.payment_id = p.id
 WHERE i.amount_minor <> p.amount_minor OR i.currency <> p.currency",
    },
    Check {
        invariant: "an invoice's status follows its payment's",
        sql: "SELECT p.id AS payment_id, p.status, i.status AS invoice_status
 FROM payments p JOIN invoices i ON i.payment_id = p.id
 WHERE i.status <> CASE p.status WHEN 'pending' THEN 'pending' WHEN 'processing' THEN 'pending'
   WHEN 'completed' THEN 'paid' WHEN 'refunded' THEN 'refunded' ELSE 'void' END",
    },
    Check {
        invariant: "a tax is its rate of the payment, rounded half up",
        sql: "SELECT t.id AS tax_id, t.payment_id, t.tax_type, t.tax_rate_ppm, t.tax_amount_minor, p.amount_minor
 FROM tax_records t JOIN payments p ON p.id = t.payment_id
 WHERE 2 * (t.tax_amount_minor * 1000000 - p.amount_minor * t.tax_rate_ppm) > 1000000
    OR 2 * (t.tax_amount_minor * 1000000 - p.amount_minor * t.tax_rate_ppm) <= -1000000",
    },
    Check {
        invariant: "a tax is recorded once for a payment",
        sql: "SELECT payment_id, tax_type, COUNT(*) AS records FROM tax_records
 GROUP BY payment_id, tax_type HAVING COUNT(*) > 1",
    },
    Check {
        invariant: "an idempotency key belongs to the user whose payment it made",
        sql: "SELECT k.payment_id, k.user_id, p.user_id AS payer FROM idempotency_keys k
 JOIN payments p ON p.id = k.payment_id WHERE p.user_id <> k.user_id",
    },
    Check {
        invariant: "a payment was made by at most one key",
        sql: "SELECT payment_id, COUNT(*) AS keys_of_it FROM idempotency_keys GROUP BY payment_id HAVING COUNT(*) > 1",
    },
    Check {
        invariant: "a consultation has at most one live Checkout Session",
        sql: "SELECT consultation_id, COUNT(*) AS sessions FROM checkout_sessions
 WHERE state IN ('creating', 'open', 'submitted') GROUP BY consultation_id HAVING COUNT(*) > 1",
    },
    Check {
        invariant: "a live Checkout Session belongs to a payment that is being processed",
        sql: "SELECT s.id AS session_id, s.state, s.payment_id, p.status FROM checkout_sessions s
 JOIN payments p ON p.id = s.payment_id
 WHERE s.state IN ('creating', 'open', 'submitted') AND p.status <> 'processing'",
    },
    Check {
        invariant: "a payment is completed or refunded if and only if exactly one capture settled it",
        sql: "SELECT p.id AS payment_id, p.status, COUNT(c.payment_intent) AS settled FROM payments p
 LEFT JOIN captures c ON c.payment_id = p.id AND c.disposition = 'settled'
 GROUP BY p.id, p.status
 HAVING COUNT(c.payment_intent) <> CASE WHEN p.status IN ('completed', 'refunded') THEN 1 ELSE 0 END",
    },
    Check {
        invariant: "a settled capture has its payment's amount and currency",
        sql: "SELECT c.payment_intent, c.payment_id, c.amount_minor, p.amount_minor AS due, c.currency, p.currency AS currency_due
 FROM captures c JOIN payments p ON p.id = c.payment_id
 WHERE c.disposition = 'settled' AND (c.amount_minor <> p.amount_minor OR c.currency <> p.currency)",
    },
    Check {
        invariant: "no money was captured that settles no payment",
        sql: "SELECT payment_intent, payment_id, disposition, amount_minor, currency FROM captures
 WHERE disposition <> 'settled'",
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
