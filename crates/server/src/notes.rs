//! How a check or a pass went last: left in the database, so that the console of any server shows it.

use sekali_core::audit::{Finding, Records};
use sekali_core::domain::Timestamp;
use sekali_core::flow::reconcile::Report;
use sekali_core::ports::console::Note;
use serde_json::json;

/// The last `sekali verify`.
pub const VERIFY: &str = "verify";
/// The reconciler's last pass.
pub const RECONCILER: &str = "reconciler";

/// What `sekali verify` has found.
pub fn of_verify(findings: &[Finding], records: &Records, at: Timestamp) -> Note {
    let broken = findings.iter().filter(|finding| !finding.holds()).map(|finding| {
        json!({
            "part_of": finding.check.part_of,
            "invariant": finding.check.invariant,
            "rows": finding.rows.rows.len(),
        })
    });
    let mut broken: Vec<_> = broken.collect();
    if !records.broken.is_empty() {
        broken.push(json!({
            "part_of": "I10",
            "invariant": "the record of each payment is as it was written, entry by entry",
            "rows": records.broken.len(),
        }));
    }
    let found = json!({
        "holds": broken.is_empty(),
        "checks": findings.len() + 1,
        "broken": broken,
        "entries": records.entries,
        "payments": records.payments,
    });
    Note { at, text: found.to_string() }
}

/// What a pass of the reconciler has done.
pub fn of_pass(report: &Report, at: Timestamp) -> Note {
    let found = json!({
        "expired": report.expired,
        "sessions": report.sessions,
        "settled": report.settled,
        "refunds": report.refunds,
        "given_back": report.given_back,
        "found": report.found,
        "unanswered": report.unanswered,
    });
    Note { at, text: found.to_string() }
}
