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
use serde::Serialize;
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

/// What a run has shown.
#[derive(Serialize)]
struct Growth {
    machine: Machine,
    rows: Vec<Rows>,
    instances: Vec<Instances>,
    idle: Option<Idle>,
    soak: Vec<Minute>,
    /// What the rows showed to be wrong: the run is void.
    faults: Vec<String>,
}

/// Whether the run counts.
pub(crate) async fn run(arguments: &[String]) -> Outcome<bool> {
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{USAGE}");
        return Ok(true);
    }
    let options = Options::parse(arguments)?;
    eprintln!("starting PostgreSQL and Redis");
    let mut stage = Stage::set(std::iter::empty()).await?;
    let machine = Machine::look(&stage.folder, stage.postgres.settings().await?)?;
    let mut growth = Growth {
        machine,
        rows: Vec::new(),
        instances: Vec::new(),
        idle: None,
        soak: Vec::new(),
        faults: Vec::new(),
    };
    if options.wants("idle") {
        growth.idle = Some(idle::measure(&mut stage).await?);
    }
    if options.wants("instances") {
        growth.instances =
            instances::measure(&mut stage, options.rounds, options.time, &mut growth.faults).await?;
    }
    if options.wants("soak") {
        growth.soak = soak::measure(&mut stage, options.minutes, &mut growth.faults).await?;
    }
    if options.wants("rows") {
        let sizes = rows::sizes(options.rows);
        growth.rows =
            rows::measure(&mut stage, &sizes, options.rounds, options.time, &mut growth.faults).await?;
    }
    drop(stage);
    print!("{}", page::text(&growth));
    if let Some(docs) = options.publish.as_ref().filter(|_| growth.faults.is_empty()) {
        let (docs, json) = (Path::new(docs), serde_json::to_string_pretty(&growth)? + "\n");
        let file = docs.join(FILE);
        std::fs::write(&file, json).while_doing(format!("writing {}", file.display()))?;
        write_block(docs, page::MARKS, &page::text(&growth))?;
    }
    Ok(growth.faults.is_empty())
}
