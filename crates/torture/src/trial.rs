//! What an attack found, while it goes on.

use crate::client::Halt;
use serde::Serialize;

/// Lines of evidence kept of one attack.
const MOST_LINES: usize = 4;
/// Problems kept of one attack; more of the same say nothing new.
const MOST_PROBLEMS: usize = 4;

/// What a wrong answer does to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// The patient pays more than once.
    ChargedTwice,
    /// What one user pays is seen or used by another.
    DataShown,
    /// A payment that was confirmed is not there.
    PaymentLost,
    /// The patient cannot pay this any more, or not with this key.
    CannotPay,
    /// The patient is told of a payment for something else, and this one stays unpaid.
    NotPaid,
    /// The patient sees an error although the payment was made.
    ErrorShown,
    /// Programs that keep to the rule are led astray.
    ClientMisled,
}

impl Harm {
    /// In two words.
    pub fn label(self) -> &'static str {
        match self {
            Self::ChargedTwice => "CHARGED TWICE",
            Self::DataShown => "SHOWN TO OTHERS",
            Self::PaymentLost => "PAYMENT LOST",
            Self::CannotPay => "CANNOT PAY",
            Self::NotPaid => "NOT PAID",
            Self::ErrorShown => "ERROR SHOWN",
            Self::ClientMisled => "MISLED",
        }
    }

    /// What a patient would have suffered, to go after "the patient".
    pub fn suffered(self) -> &'static str {
        match self {
            Self::ChargedTwice => "charged twice",
            Self::DataShown => "shown to, or used by, somebody else",
            Self::PaymentLost => "told of a payment that is not there",
            Self::CannotPay => "unable to pay",
            Self::NotPaid => "told that it is paid, and it is not",
            Self::ErrorShown => "shown an error for a payment that was made",
            Self::ClientMisled => "not harmed; a client that keeps to the rule is misled",
        }
    }
}

/// One thing that was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What it does to people.
    pub harm: Harm,
    /// What was seen, in one sentence.
    pub what: String,
}

/// What an attack has seen.
#[derive(Debug, Default)]
pub(crate) struct Trial {
    pub problems: Vec<Problem>,
    pub evidence: Vec<String>,
    pub not_applicable: Option<String>,
    /// Rounds that were judged, and those of them that were wrong.
    pub rounds: (u32, u32),
    /// How often something was noted as wrong, kept or not.
    pub complaints: u32,
}

impl Trial {
    /// The attack says nothing about this service, for a reason.
    #[expect(clippy::unnecessary_wraps, reason = "an attack returns it, and ends with it")]
    pub(crate) fn does_not_apply(&mut self, why: impl Into<String>) -> Result<(), Halt> {
        self.not_applicable = Some(why.into());
        Ok(())
    }

    /// Notes requests and their answers.
    pub(crate) fn saw(&mut self, what: impl Into<String>) {
        if self.evidence.len() < MOST_LINES {
            self.evidence.push(what.into());
        }
    }

    /// Notes what is wrong.
    pub(crate) fn wrong(&mut self, harm: Harm, what: impl Into<String>) {
        let problem = Problem { harm, what: what.into() };
        self.complaints += 1;
        if self.problems.len() < MOST_PROBLEMS && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Notes what is wrong unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, harm: Harm, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong(harm, what());
        }
    }

    /// The worst that was found.
    pub(crate) fn worst(&self) -> Option<Harm> {
        self.problems.iter().map(|problem| problem.harm).min()
    }
}
