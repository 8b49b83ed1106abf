//! PostgreSQL's own benchmark, with the original's SQL.

use crate::process::run;
use crate::rows::{Fault, faults_of_count};
use crate::sample::{Cpu, Sample};
use crate::service::Shared;
use crate::stats::Latency;
use crate::store::Store;
use crate::trouble::{Outcome, While, fail};
use crate::usage;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// As many as the processors that are usual here; pgbench may share its clients between them.
const THREADS: &str = "2";

/// One client may be so many times faster than the average.
const UNEVEN: i64 = 3;
/// pgbench's time runs while it connects, which its rate leaves out: so many connections are given a second more.
const CONNECTED: u64 = 100;

/// A script that pgbench runs.
pub(crate) struct Pgbench {
    /// The program.
    pub(crate) program: PathBuf,
    /// The script.
    pub(crate) script: PathBuf,
    /// The server's port.
    pub(crate) port: u16,
    /// The database's name.
    pub(crate) database: String,
    /// The same database, to fill and to check.
    pub(crate) store: Store,
    /// Where its logs go.
    pub(crate) folder: PathBuf,
    /// The next consultation that was not used yet.
    pub(crate) next: i64,
}

impl Pgbench {
    /// A round: with so many clients, for `time`, with `room` consultations in all.
    pub(crate) async fn round(
        &mut self,
        clients: usize,
        time: Duration,
        room: i64,
        shared: Shared,
    ) -> Outcome<(Sample, Vec<Fault>)> {
        let each = UNEVEN * room / i64::try_from(clients)? + 100;
        let first = self.next;
        // Each client counts from 1.
        let consultations = first..first + each * i64::try_from(clients)? + 1;
        self.next = consultations.end;
        self.store.seed(consultations.clone()).await?;
        self.store.settle().await?;
        let (database, redis) = (usage::seconds(shared.postgres), usage::seconds(shared.redis));
        let transactions = self.store.transactions().await?;
        let ended = usage::ended_seconds();
        let printed = self.run(clients, time, first, each)?;
        let micros = self.take_log()?;
        let made = micros.len();
        let per = |seconds: f64| seconds * 1000.0 / made.max(1) as f64;
        let after = self.store.transactions().await?;
        let sample = Sample {
            answers: made,
            throughput: rate(&printed)?,
            latency: Latency::of(micros),
            cpu: Cpu {
                service: per(usage::ended_seconds() - ended),
                database: per(usage::seconds(shared.postgres) - database),
                redis: per(usage::seconds(shared.redis) - redis),
                load: 0.0,
            },
            commits: transactions
                .zip(after)
                .map(|(before, after)| (after - before) as f64 / made.max(1) as f64),
            ..Sample::default()
        };
        Ok((sample, faults_of_count(made, &self.store.rows(&consultations).await?)))
    }

    fn run(&self, clients: usize, time: Duration, first: i64, each: i64) -> Outcome<String> {
        let clients_text = clients.to_string();
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--username=sekali", "--host=127.0.0.1"]);
        command.args(["--port", &self.port.to_string(), "--client", &clients_text]);
        command.args(["--jobs", if clients == 1 { "1" } else { THREADS }]);
        let seconds = time.as_secs().max(1) + u64::try_from(clients)?.div_ceil(CONNECTED);
        command.args(["--time", &seconds.to_string(), "--log", "--log-prefix"]);
        command.arg(self.folder.join("pgbench")).arg("--file").arg(&self.script);
        command.args(["-D", &format!("first={first}"), "-D", &format!("each={each}"), "-D", "n=0"]);
        let printed = run("pgbench", command.arg(&self.database))?;
        if printed.contains("number of failed transactions: 0 ") {
            return Ok(printed);
        }
        fail(format!("transactions of pgbench failed: {printed}"))
    }

    /// How long each transaction took, in microseconds: the third column of pgbench's logs, one for each thread.
    fn take_log(&self) -> Outcome<Vec<u32>> {
        let mut micros = Vec::new();
        for file in std::fs::read_dir(&self.folder)?.flatten() {
            if file.file_name().to_string_lossy().starts_with("pgbench.") {
                micros.extend(times(&file.path())?);
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(micros)
    }
}

fn times(log: &Path) -> Outcome<Vec<u32>> {
    let text = std::fs::read_to_string(log).while_doing(format!("reading {}", log.display()))?;
    let times = text.lines().map(|line| line.split(' ').nth(2).and_then(|field| field.parse().ok()));
    match times.collect() {
        Some(times) => Ok(times),
        None => fail("pgbench's log has another form than its manual says"),
    }
}

/// `tps = 2917.123456 (without initial connection time)`.
fn rate(printed: &str) -> Outcome<f64> {
    let line = printed.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = line.and_then(|line| line.split(' ').next()?.parse().ok());
    number.ok_or_else(|| format!("pgbench printed no rate: {printed}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read() {
        let printed =
            "number of failed transactions: 0 (0.000%)\ntps = 2917.5 (without initial connection time)\n";
        assert!((rate(printed).unwrap() - 2917.5).abs() < 1e-9);
        assert!(rate("nothing").is_err());
    }
}
