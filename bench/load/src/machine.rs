//! What a run was made on, so that its figures can be read.

use crate::place::Folder;
use crate::process::run;
use crate::trouble::Outcome;
use serde::{Deserialize, Serialize};
use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

/// As long as the disk is tried.
const TRIED: Duration = Duration::from_millis(500);
const PAGE: [u8; 8192] = [7; 8192];

/// The machine, and how it was set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The processor's name.
    pub(crate) processor: String,
    /// How many of them this process may use.
    pub(crate) processors: usize,
    /// Memory in GiB.
    pub(crate) memory: f64,
    /// Linux' version.
    pub(crate) kernel: String,
    /// Sekali's version, as git has it.
    pub(crate) version: String,
    /// How often a second the disk takes 8 KiB for good.
    pub(crate) syncs: f64,
    /// What waited for a processor in the minute before: more than there are processors, and others were working.
    pub(crate) load: f64,
    /// PostgreSQL's settings that decide how durable and how fast it is.
    pub(crate) settings: Vec<(String, String)>,
}

impl Machine {
    /// This one, before a run.
    pub(crate) fn look(folder: &Folder, settings: Vec<(String, String)>) -> Outcome<Self> {
        let line = |file: &str, name: &str| {
            let text = read_to_string(file).unwrap_or_default();
            text.lines().find_map(|line| {
                line.strip_prefix(name).map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
            })
        };
        let memory =
            line("/proc/meminfo", "MemTotal:").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        let load = read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        let mut git = Command::new("git");
        Ok(Self {
            processor: line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory.unwrap_or_default() / 1024.0 / 1024.0,
            kernel: read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            version: run("git", git.args(["describe", "--always", "--dirty"]))
                .unwrap_or_default()
                .trim()
                .to_owned(),
            syncs: syncs(folder)?,
            load: load.unwrap_or_default(),
            settings,
        })
    }
}

fn syncs(folder: &Folder) -> Outcome<f64> {
    let file = File::create(folder.path().join("synced"))?;
    let (begun, mut count) = (Instant::now(), 0_u32);
    while begun.elapsed() < TRIED {
        file.write_all_at(&PAGE, 0)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
