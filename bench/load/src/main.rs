//! `sekali-bench`: measures Sekali beside its baselines and peers, in one interleaved run. `./dev bench` builds
//! and starts everything that it needs; `bench/README.md` says what is measured and how.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a program whose output is its purpose, and whose figures are far below 2^52"
)]

mod bare;
mod click;
mod counts;
mod goals;
mod grow;
mod load;
mod machine;
mod pgbench;
mod place;
mod plan;
mod process;
mod report;
mod results;
mod rows;
mod run;
mod sample;
mod service;
mod services;
mod sqlite_loop;
mod stage;
mod stats;
mod store;
mod token;
mod trouble;
mod usage;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use trouble::{Outcome, While};

const USAGE: &str =
    "usage: sekali-bench [--quick] [--rounds N] [--seconds N] [--only WORD]… [--json FILE] [--publish DOCS]

Measures Sekali beside its baselines and peers, in one interleaved run. Without --quick everything.
--only narrows the run to what the words name: a contestant, a scenario, a number of connections.
--publish writes results and plots to DOCS/performance, and renews the tables of DOCS/performance.md.
`sekali-bench grow --help`: how it grows.
Exit codes: 0 measured, 1 void (a payment was lost or made twice), 2 not measured.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((first, rest)) if first == "bare" => bare::serve(rest).map(|()| true),
        Some((first, rest)) if first == "grow" => alone(grow::run(rest)),
        Some((first, _)) if first == "--help" || first == "-h" => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => Options::parse(&arguments).and_then(|options| alone(run_and_report(&options))),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sekali-bench: {error}");
            ExitCode::from(2)
        }
    }
}

/// What the command line asks for.
#[derive(Default)]
struct Options {
    quick: bool,
    rounds: Option<usize>,
    seconds: Option<u64>,
    only: Vec<String>,
    json: Option<String>,
    publish: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Outcome<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--rounds" => options.rounds = Some(value()?.parse()?),
                "--seconds" => options.seconds = Some(value()?.parse()?),
                "--only" => options.only.push(value()?.clone()),
                "--json" => options.json = Some(value()?.clone()),
                "--publish" => options.publish = Some(value()?.clone()),
                _ => return trouble::fail(format!("there is no {argument}\n{USAGE}")),
            }
        }
        Ok(options)
    }

    fn plan(&self) -> Outcome<plan::Plan> {
        let plan = if self.quick { plan::Plan::quick() } else { plan::Plan::full() };
        let mut plan = plan.only(&self.only);
        if plan.cells.is_empty() {
            return trouble::fail("nothing of the plan has all these names");
        }
        plan.rounds = self.rounds.unwrap_or(plan.rounds).max(1);
        plan.time = self.seconds.map_or(plan.time, std::time::Duration::from_secs);
        Ok(plan)
    }
}

/// Runs what measures, on one thread: the processors are for what is measured.
fn alone(work: impl Future<Output = Outcome<bool>>) -> Outcome<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Whoever interrupts a run wants everything that it has started to end with it.
        tokio::select! {
            outcome = work => outcome,
            _ = tokio::signal::ctrl_c() => trouble::fail("interrupted"),
        }
    })
}

/// Whether the run counts: nothing was lost and nothing made twice.
async fn run_and_report(options: &Options) -> Outcome<bool> {
    let plan = options.plan()?;
    eprintln!("starting PostgreSQL, Redis, and who is measured");
    let mut stage = stage::Stage::set(plan.cells.iter().map(|cell| cell.contestant)).await?;
    let machine = machine::Machine::look(&stage.folder, stage.postgres.settings().await?)?;
    let results = run::play(&plan, &mut stage, |line| eprintln!("{line}")).await?;
    drop(stage);
    print!("{}", report::text(&plan, &machine, &results));
    if let Some(path) = &options.json {
        std::fs::write(path, report::json(&plan, &machine, &results)?)
            .while_doing(format!("writing {path}"))?;
    }
    // What is void is not published.
    if let Some(docs) = options.publish.as_ref().filter(|_| results.faults.is_empty()) {
        report::publish(Path::new(docs), &plan, &machine, &results)?;
    }
    Ok(results.faults.is_empty())
}
