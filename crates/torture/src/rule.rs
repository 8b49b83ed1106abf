//! Where it is written what is right.

use serde::Serialize;
use std::fmt;

/// Who wrote the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The contract that Sekali's clients are written against.
    Contract,
    /// draft-ietf-httpapi-idempotency-key-header-07.
    Draft,
    /// RFC 9110, HTTP's semantics.
    Http,
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Who wrote it.
    pub source: Source,
    /// Part or section.
    pub place: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Source::Contract => write!(f, "contract, {}", self.place),
            Source::Draft => write!(f, "draft-ietf-httpapi-idempotency-key-header-07, {}", self.place),
            Source::Http => write!(f, "RFC 9110, {}", self.place),
        }
    }
}

const fn contract(place: &'static str) -> Rule {
    Rule { source: Source::Contract, place }
}

const fn draft(place: &'static str) -> Rule {
    Rule { source: Source::Draft, place }
}

pub(crate) const REQUEST: Rule = contract("part 1 (the request)");
pub(crate) const FIVE_STEPS: Rule = contract("part 2 (the five steps)");
pub(crate) const ANSWERS: Rule = contract("part 3 (the answers)");
pub(crate) const BAD_INPUT: Rule = contract("part 3 (bad input)");
pub(crate) const SCENARIOS: Rule = contract("part 9 (the scenarios)");
pub(crate) const SYNTAX: Rule = draft("section 2.1 (Syntax)");
pub(crate) const UNIQUENESS: Rule = draft("section 2.2 (Uniqueness of Idempotency Key)");
pub(crate) const FINGERPRINT: Rule = draft("section 2.4 (Idempotency Fingerprint)");
pub(crate) const ENFORCEMENT: Rule = draft("section 2.6 (Idempotency Enforcement Scenarios)");
pub(crate) const ERRORS: Rule = draft("section 2.7 (Error Scenarios)");
pub(crate) const SECURITY: Rule = draft("section 5 (Security Considerations)");
pub(crate) const FIELD_NAMES: Rule = Rule { source: Source::Http, place: "section 5.1 (Field Names)" };
