//! The report for people.

use crate::report::{Finding, Report, Verdict};
use crate::trial::Harm;
use std::fmt::Write as _;

impl Report {
    /// The report as text, about 100 characters wide.
    pub fn text(&self) -> String {
        let mut text = format!("sekali torture: {}\n", self.target);
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(text, "payments were counted by {}\n", self.counted_by);
        for finding in &self.findings {
            text.push_str(&shown(finding));
        }
        text.push_str(&self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let totals = self.totals;
        let seconds = self.took_ms / 1000;
        let mut text = format!(
            "\n{} right, {} wrong, {} not applicable, {} not finished; {} requests in {seconds} s\n",
            totals.right, totals.wrong, totals.not_applicable, totals.not_finished, self.requests
        );
        if let Some(why) = &self.halted {
            let _ = writeln!(text, "The run ended before its end: {why}.");
        }
        let harms = self.harms();
        if !harms.is_empty() {
            let _ = writeln!(text, "What a patient would have suffered:");
        }
        for (harm, ids) in harms {
            let _ = writeln!(text, "  {}: {}", harm.suffered(), ids.join(", "));
        }
        text
    }

    /// The worst first, each with the attacks that show it.
    fn harms(&self) -> Vec<(Harm, Vec<&'static str>)> {
        let mut harms: Vec<(Harm, Vec<&'static str>)> = Vec::new();
        for finding in &self.findings {
            for problem in &finding.problems {
                match harms.iter_mut().find(|(harm, _)| *harm == problem.harm) {
                    Some((_, ids)) if ids.contains(&finding.id) => {}
                    Some((_, ids)) => ids.push(finding.id),
                    None => harms.push((problem.harm, vec![finding.id])),
                }
            }
        }
        harms.sort_by_key(|(harm, _)| *harm);
        harms
    }
}

fn shown(finding: &Finding) -> String {
    let word = match finding.verdict {
        Verdict::Right => "right",
        Verdict::Wrong => "WRONG",
        Verdict::NotApplicable => "  –  ",
        Verdict::NotFinished => "  ?  ",
    };
    let mut text = format!("{word}  {}: {}\n", finding.id, finding.title);
    if let Some(reason) = &finding.reason {
        let _ = writeln!(text, "         {reason}");
    }
    for problem in &finding.problems {
        let _ = writeln!(text, "         {}: {}", problem.harm.label(), problem.what);
    }
    if finding.verdict == Verdict::Wrong {
        let rules: Vec<String> = finding.rules.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "         rule: {}", rules.join("; "));
    }
    for line in &finding.evidence {
        let _ = writeln!(text, "         {line}");
    }
    text
}
