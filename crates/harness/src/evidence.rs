//! What long runs have shown: a JSON file for each campaign, an entry for each run, and a page of all.

use serde_json::{Value, json};
use std::fmt::{Display, Formatter, Result, Write};
use std::fs;
use std::path::Path;
use std::process::Command;

/// One run of a campaign in which nothing was broken.
pub struct Run {
    /// What was done to whom, in one line.
    pub what: String,
    /// So many times.
    pub rounds: u64,
    /// What its randomness began with.
    pub seed: u64,
    /// How long it took.
    pub seconds: u64,
    /// What was shown, as a text, or counted, as a number.
    pub figures: Vec<(String, Value)>,
}

impl Display for Run {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} rounds in {} s", self.rounds, self.seconds)?;
        self.figures.iter().try_for_each(|(name, value)| match value.as_str() {
            Some(text) => write!(f, "; {name}: {text}"),
            None => write!(f, "; {name}: {value}"),
        })
    }
}

/// Adds a run to the campaign's file.
pub fn append(folder: &Path, name: &str, run: &Run) {
    let file = folder.join(format!("{name}.json"));
    let mut runs = fs::read(&file).map_or_else(|_| json!([]), |bytes| parsed(&file, &bytes));
    let figures: Value = run.figures.iter().map(|(name, value)| json!([name, value])).collect();
    let entry = json!({
        "what": run.what,
        "date": said("date", &["-u", "+%F"]),
        "commit": said("git", &["rev-parse", "--short=10", "HEAD"]),
        "command": format!("./dev evidence {name}"),
        "rounds": run.rounds,
        "seed": run.seed,
        "seconds": run.seconds,
        "figures": figures,
    });
    runs.as_array_mut().expect("a list of runs").push(entry);
    fs::create_dir_all(folder).expect("a folder for evidence");
    fs::write(&file, format!("{runs:#}\n")).expect("evidence can be written");
}

/// The page that shows every campaign in `folder`: all of its runs added up, and the figures of the last.
pub fn page(folder: &Path) -> String {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder of evidence")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut page = include_str!("evidence.md").to_owned();
    for file in files {
        let runs = parsed(&file, &fs::read(&file).expect("evidence can be read"));
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        section(&mut page, name, runs.as_array().expect("a list of runs"));
    }
    page
}

fn section(page: &mut String, name: &str, runs: &[Value]) {
    let last = runs.last().expect("a run");
    let text = |field: &str| last[field].as_str().unwrap_or_default();
    let sum = |field: &str| runs.iter().filter_map(|run| run[field].as_u64()).sum::<u64>();
    let seeds: Vec<_> = runs.iter().map(|run| run["seed"].to_string()).collect();
    let (what, date, commit, command) = (text("what"), text("date"), text("commit"), text("command"));
    let (rounds, seconds, seeds) = (sum("rounds"), sum("seconds"), seeds.join(", "));
    let _ = write!(
        page,
        "\n## {name}\n\n{what}\n\n**{rounds}** rounds in {seconds} s (runs: {}, the last on {date} at `{commit}`, seeds {seeds}), \
         no invariant broken. Again: `{command}`\n",
        runs.len(),
    );
    for (name, value) in figures(runs) {
        let _ = write!(page, "\n- {name}: {value}");
    }
    page.push('\n');
}

/// Counts of all runs added up, and what else the last run that has it has shown; in the order of their first
/// appearance.
fn figures(runs: &[Value]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String, u64)> = Vec::new();
    for figure in runs.iter().filter_map(|run| run["figures"].as_array()).flatten() {
        let name = figure[0].as_str().unwrap_or_default();
        let at = all.iter().position(|(known, _, _)| known == name).unwrap_or_else(|| {
            all.push((name.to_owned(), String::new(), 0));
            all.len() - 1
        });
        match figure[1].as_u64() {
            Some(times) => all[at].2 += times,
            None => figure[1].as_str().unwrap_or_default().clone_into(&mut all[at].1),
        }
    }
    let shown = |text: String, times: u64| if text.is_empty() { times.to_string() } else { text };
    all.into_iter().map(|(name, text, times)| (name, shown(text, times))).collect()
}

fn parsed(file: &Path, bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
