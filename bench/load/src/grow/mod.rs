//! How it grows: with the payments that are there, with servers on one database, with connections that are idle, and
//! with time.

mod fill;
mod idle;
mod instances;
mod page;
mod rows;
mod soak;

use crate::machine::Machine;
use crate::report::write_block;
use crate::stage::Stage;
use crate::trouble::{Outcome, While, fail};
use idle::Idle;
use instances::Instances;
use rows::Rows;
use serde::{Deserialize, Serialize};
use soak::Minute;
use std::path::Path;
use std::time::Duration;

const USAGE: &str =
    "usage: sekali-bench grow [--quick] [--only PART]… [--rows N] [--minutes N] [--publish DOCS]

Measures how Sekali on PostgreSQL and Redis grows. PART is rows, instances, idle or soak.
--rows is the largest number of payments in the tables (10000000), --minutes how long the soak lasts (20).
--publish writes DOCS/performance/growth.json, and renews its tables in DOCS/performance.md.
Exit codes: 0 measured, 1 void (a payment was lost or made twice), 2 not measured.";

/// The file of figures, beside the others.
const FILE: &str = "performance/growth.json";

/// What the command line asks for.
struct Options {
    only: Vec<String>,
    rows: i64,
    minutes: usize,
    rounds: usize,
    time: Duration,
    publish: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Outcome<Self> {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let (rows, minutes, rounds, seconds) =
            if quick { (100_000, 1, 2, 2) } else { (10_000_000, 20, 5, 4) };
        let time = Duration::from_secs(seconds);
        let mut options = Self { only: Vec::new(), rows, minutes, rounds, time, publish: None };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--quick" => {}
                "--only" => options.only.push(value()?.clone()),
                "--rows" => options.rows = value()?.parse()?,
                "--minutes" => options.minutes = value()?.parse()?,
                "--publish" => options.publish = Some(value()?.clone()),
                _ => return fail(format!("there is no {argument}\n{USAGE}")),
            }
        }
        match options.only.iter().find(|part| !["rows", "instances", "idle", "soak"].contains(&part.as_str()))
        {
            Some(part) => fail(format!("there is no part {part}\n{USAGE}")),
            None => Ok(options),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == part)
    }
}

/// What was measured of one part, and on what.
#[derive(Serialize, Deserialize)]
struct Part<T> {
    machine: Machine,
    figures: T,
}

/// What runs have shown.
#[derive(Default, Serialize, Deserialize)]
struct Growth {
    rows: Option<Part<Vec<Rows>>>,
    instances: Option<Part<Vec<Instances>>>,
    idle: Option<Part<Idle>>,
    soak: Option<Part<Vec<Minute>>>,
}

impl Growth {
    /// With what another run has shown of the parts that are missing.
    fn or(self, other: Self) -> Self {
        Self {
            rows: self.rows.or(other.rows),
            instances: self.instances.or(other.instances),
            idle: self.idle.or(other.idle),
            soak: self.soak.or(other.soak),
        }
    }
}

/// Whether the run counts.
pub(crate) async fn run(arguments: &[String]) -> Outcome<bool> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return Ok(true);
    }
    let options = Options::parse(arguments)?;
    let mut faults = Vec::new();
    let growth = measure(&options, &mut faults).await?;
    print!("{}", page::text(&growth));
    for fault in faults.iter().take(5) {
        println!("\nVOID: {fault}");
    }
    if let Some(docs) = options.publish.as_ref().filter(|_| faults.is_empty()) {
        publish(Path::new(docs), growth)?;
    }
    Ok(faults.is_empty())
}

async fn measure(options: &Options, faults: &mut Vec<String>) -> Outcome<Growth> {
    let (rounds, time) = (options.rounds, options.time);
    eprintln!("starting PostgreSQL and Redis");
    let mut stage = Stage::set(std::iter::empty()).await?;
    let machine = Machine::look(&stage.folder, stage.postgres.settings().await?)?;
    let mut growth = Growth::default();
    if options.wants("idle") {
        let figures = idle::measure(&mut stage).await?;
        growth.idle = Some(Part { machine: machine.clone(), figures });
    }
    if options.wants("instances") {
        let figures = instances::measure(&mut stage, rounds, time, faults).await?;
        growth.instances = Some(Part { machine: machine.clone(), figures });
    }
    if options.wants("soak") {
        let figures = soak::measure(&mut stage, options.minutes, faults).await?;
        growth.soak = Some(Part { machine: machine.clone(), figures });
    }
    if options.wants("rows") {
        let figures = rows::measure(&mut stage, &rows::sizes(options.rows), rounds, time, faults).await?;
        growth.rows = Some(Part { machine, figures });
    }
    Ok(growth)
}

/// Parts that were not measured stay as they are.
fn publish(docs: &Path, growth: Growth) -> Outcome<()> {
    let file = docs.join(FILE);
    let before = match std::fs::read_to_string(&file) {
        Ok(json) => serde_json::from_str(&json).while_doing(format!("reading {}", file.display()))?,
        Err(_) => Growth::default(),
    };
    let growth = growth.or(before);
    std::fs::write(&file, serde_json::to_string_pretty(&growth)? + "\n")
        .while_doing(format!("writing {}", file.display()))?;
    write_block(docs, page::MARKS, &page::text(&growth))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page and the file are of the same runs.
    #[test]
    fn the_published_page_is_that_of_the_published_figures() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let growth: Growth =
            serde_json::from_str(&std::fs::read_to_string(docs.join(FILE)).unwrap()).unwrap();
        let page = std::fs::read_to_string(docs.join("performance.md")).unwrap();
        let (begin, end) = page::MARKS;
        let block = page.split_once(begin).unwrap().1.split_once(end).unwrap().0;
        assert_eq!(block.trim(), page::text(&growth).trim());
    }
}
