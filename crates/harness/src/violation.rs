//! What a check has found broken: told, not panicked, so that a test can also ask whether a check finds what
//! was broken on purpose.

use std::fmt::{Display, Formatter, Result};

/// One case in which an invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What must hold, as one sentence.
    pub invariant: &'static str,
    /// Where it does not.
    pub detail: String,
}

impl Violation {
    /// `invariant` does not hold, as `detail` shows.
    pub fn of(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self { invariant, detail: detail.into() }
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "broken: {}: {}", self.invariant, self.detail)
    }
}

/// Fails the test that calls it if anything was found; `when` says after what.
pub fn none(violations: &[Violation], when: &str) {
    /// The first ones tell what there is to know.
    const SHOWN: usize = 10;
    let shown: Vec<String> = violations.iter().take(SHOWN).map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{when}: {} violations\n{}", violations.len(), shown.join("\n"));
}
