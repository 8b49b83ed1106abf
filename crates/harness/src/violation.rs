//! What a check has found broken: told, not panicked, so that a test can also ask whether a check finds what
//! was broken on purpose.

use std::fmt::{Display, Formatter, Result};

/// What stands before a secret in a request or an answer.
const BEFORE_A_SECRET: [&str; 3] = ["token=", "Bearer ", "sekali_payment_"];
/// As much of a secret is shown: enough to tell two of them apart.
const SHOWN_OF_A_SECRET: usize = 6;

/// One case in which an invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What must hold, as one sentence.
    pub invariant: &'static str,
    /// Where it does not.
    pub detail: String,
}

impl Violation {
    /// `invariant` does not hold, as `detail` shows. Secrets in it are shortened: what a test prints is kept.
    pub fn of(invariant: &'static str, detail: impl Into<String>) -> Self {
        let detail = BEFORE_A_SECRET.iter().fold(detail.into(), |detail, before| shortened(&detail, before));
        Self { invariant, detail }
    }
}

/// The same, with each word that follows `before` cut short.
fn shortened(text: &str, before: &str) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_of_it = |c: char| c.is_ascii_alphanumeric() || "._-=".contains(c);
        let length = part.find(|c| !is_of_it(c)).unwrap_or(part.len());
        out.push_str(before);
        out.push_str(&part[..length.min(SHOWN_OF_A_SECRET)]);
        if length > SHOWN_OF_A_SECRET {
            out.push('…');
        }
        out.push_str(&part[length..]);
    }
    out
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_in_what_was_found() {
        let asked = "GET /payment/1/process?token=AbCdEf0123-_x, authorization: Bearer eyJhbG.abc.def\", \
                     cookie: sekali_payment_12=secret";
        let found = Violation::of("it holds", asked);
        let shown = "GET /payment/1/process?token=AbCdEf…, authorization: Bearer eyJhbG…\", \
                     cookie: sekali_payment_12=sec…";
        assert_eq!(found.detail, shown);
        assert_eq!(Violation::of("it holds", "payment 1 token=").detail, "payment 1 token=");
    }
}
