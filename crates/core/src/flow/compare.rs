//! Stripe's lists beside the database, both ways: what one has and the other has not, or has otherwise.
//! Nothing is changed; what differs is for the operator to read.

mod ours;
mod theirs;

use crate::domain::Timestamp;
use crate::flow::checkout::CLOCKS_DIFFER;
use crate::flow::settle::{Settle, SettleError};
use std::collections::BTreeSet;

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `checkout session`, `charge` or `refund`.
    pub kind: &'static str,
    /// Stripe's id, or our name where Stripe has none.
    pub object: String,
    /// What Stripe says.
    pub stripe: String,
    /// What the database says.
    pub database: String,
}

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Objects of Stripe's that name this installation.
    pub at_stripe: u64,
    /// Objects of Stripe's that do not: another installation's, or made by hand.
    pub of_others: u64,
    /// Rows of the database.
    pub in_database: u64,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// What of Stripe's was seen, so that rows need not be asked about one by one.
#[derive(Default)]
struct Seen {
    sessions: BTreeSet<String>,
    intents: BTreeSet<String>,
    refunds: BTreeSet<String>,
}

/// The comparison under way.
struct Compare<'c> {
    settle: &'c Settle,
    since: Timestamp,
    progress: &'c (dyn Fn(&str, &Comparison) + Sync),
    seen: Seen,
    found: Comparison,
}

/// Compares everything that was made at or after `since`. `progress` is told after each page.
pub async fn compare(
    settle: &Settle,
    since: Timestamp,
    progress: &(dyn Fn(&str, &Comparison) + Sync),
) -> Result<Comparison, SettleError> {
    // Stripe's list begins a little earlier: what was made at the edge is then on both sides.
    let since = since.minus(CLOCKS_DIFFER);
    let mut compare =
        Compare { settle, since, progress, seen: Seen::default(), found: Comparison::default() };
    compare.theirs().await?;
    compare.ours().await?;
    Ok(compare.found)
}

impl Compare<'_> {
    fn differs(&mut self, kind: &'static str, object: &str, stripe: String, database: String) {
        self.found.differences.push(Difference { kind, object: object.to_owned(), stripe, database });
    }

    fn told(&self, part: &str) {
        (self.progress)(part, &self.found);
    }
}
