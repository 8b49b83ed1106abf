//! The results, for people and for programs.

mod bars;
mod lines;
mod page;
mod plots;
mod table;

use crate::goals::{Goal, goals};
use crate::machine::Machine;
use crate::plan::{Cell, Plan};
use crate::results::Results;
use crate::sample::Sample;
use crate::trouble::{Outcome, While, fail};
use serde::Serialize;
use std::path::Path;

pub(crate) use table::text;

/// The page whose block of tables a run rewrites; the rest of it is written by hand.
const PAGE: &str = "performance.md";
/// Where the figures and the plots are, beside the page.
const FOLDER: &str = "performance";

/// What the results' file holds.
#[derive(Serialize)]
struct Document<'r> {
    machine: &'r Machine,
    rounds: usize,
    seconds: f64,
    goals: Vec<Goal>,
    cells: Vec<Figures<'r>>,
}

#[derive(Serialize)]
struct Figures<'r> {
    name: &'static str,
    #[serde(flatten)]
    cell: Cell,
    median: Sample,
    rounds: &'r [Sample],
}

/// The results as JSON.
pub(crate) fn json(plan: &Plan, machine: &Machine, results: &Results) -> Outcome<String> {
    let cells = results.samples.iter().filter_map(|(cell, rounds)| {
        Some(Figures { name: cell.contestant.name(), cell: *cell, median: results.typical(*cell)?, rounds })
    });
    let document = Document {
        machine,
        rounds: plan.rounds,
        seconds: plan.time.as_secs_f64(),
        goals: goals(results),
        cells: cells.collect(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Writes the figures, the plots and the page's tables into the folder of documentation.
pub(crate) fn publish(docs: &Path, plan: &Plan, machine: &Machine, results: &Results) -> Outcome<()> {
    let folder = docs.join(FOLDER);
    std::fs::create_dir_all(&folder).while_doing(format!("making {}", folder.display()))?;
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).while_doing(format!("writing {}", path.display()))
    };
    write(&folder.join("results.json"), &json(plan, machine, results)?)?;
    let plots = plots::all(results);
    for plot in &plots {
        write(&folder.join(plot.file), &plot.svg)?;
    }
    write_block(docs, page::MARKS, &page::block(plan, machine, results, &plots))
}

/// Writes what stands between two marks of the page.
pub(crate) fn write_block(docs: &Path, marks: (&str, &str), block: &str) -> Outcome<()> {
    let path = docs.join(PAGE);
    let page = std::fs::read_to_string(&path).while_doing(format!("reading {}", path.display()))?;
    let Some(page) = page::renewed(&page, marks, block) else {
        return fail(format!("{} has no marks around its tables", path.display()));
    };
    std::fs::write(&path, page).while_doing(format!("writing {}", path.display()))
}
