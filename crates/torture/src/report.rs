//! What a run has found, as data.

use crate::client::Halt;
use crate::rule::Rule;
use crate::trial::{Harm, Problem, Trial};
use serde::Serialize;

/// What became of one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The service did what the rule says.
    Right,
    /// It did not.
    Wrong,
    /// The rule says nothing about this service, or nothing could be seen of it.
    NotApplicable,
    /// The run ended before it was through.
    NotFinished,
}

/// One attack and what it found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The attack's name, which stays from version to version.
    pub id: &'static str,
    /// What was tried.
    pub title: &'static str,
    /// Where it is written what is right.
    pub rules: Vec<Rule>,
    /// What became of it.
    pub verdict: Verdict,
    /// The worst of its harms.
    pub harm: Option<Harm>,
    /// What was wrong.
    pub problems: Vec<Problem>,
    /// Which requests were answered how.
    pub evidence: Vec<String>,
    /// Why it does not apply or was not finished.
    pub reason: Option<String>,
    /// Requests that it sent.
    pub requests: u64,
}

/// A whole run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The form of this report; a field that is taken away or renamed makes it one more.
    pub version: u32,
    /// What was attacked, and its pinned address.
    pub target: String,
    /// How payments were counted.
    pub counted_by: &'static str,
    /// The number that this run's keys and consultations were made from.
    pub run: String,
    /// Requests in all.
    pub requests: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// How many attacks ended how.
    pub totals: Totals,
    /// Why the run ended before its end.
    pub halted: Option<String>,
    /// Each attack, in the order in which they were made.
    pub findings: Vec<Finding>,
}

/// How many attacks ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// As the rule says.
    pub right: usize,
    /// Not as the rule says.
    pub wrong: usize,
    /// Nothing to say.
    pub not_applicable: usize,
    /// Cut off.
    pub not_finished: usize,
}

impl Finding {
    pub(crate) fn of(check: &crate::checks::Check, trial: Trial, requests: u64) -> Self {
        let verdict = match (&trial.not_applicable, trial.problems.is_empty()) {
            (_, false) => Verdict::Wrong,
            (Some(_), true) => Verdict::NotApplicable,
            (None, true) => Verdict::Right,
        };
        let harm = trial.worst();
        let mut evidence = trial.evidence;
        if let (2.., wrong) = trial.rounds {
            evidence.push(format!("{} rounds, {wrong} of them wrong", trial.rounds.0));
        }
        Self {
            id: check.id,
            title: check.title,
            rules: check.rules.to_vec(),
            verdict,
            harm,
            problems: trial.problems,
            evidence,
            reason: trial.not_applicable,
            requests,
        }
    }

    /// What was wrong before the run was cut off stays wrong.
    pub(crate) fn cut_off(check: &crate::checks::Check, trial: Trial, halt: &Halt, requests: u64) -> Self {
        let finding = Self::of(check, trial, requests);
        let verdict = if finding.problems.is_empty() { Verdict::NotFinished } else { Verdict::Wrong };
        Self { verdict, reason: Some(halt.to_string()), ..finding }
    }
}

impl Totals {
    pub(crate) fn of(findings: &[Finding]) -> Self {
        let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
        Self {
            right: count(Verdict::Right),
            wrong: count(Verdict::Wrong),
            not_applicable: count(Verdict::NotApplicable),
            not_finished: count(Verdict::NotFinished),
        }
    }
}

impl Report {
    /// As JSON, with a line feed at its end.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}
