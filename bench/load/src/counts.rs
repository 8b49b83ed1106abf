//! What the databases and the services count themselves.

use crate::services::redis::open;
use crate::trouble::Outcome;
use crate::wire::get;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;

/// Redis' own figures so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedisCounts {
    /// Commands, with those that scripts call.
    commands: u64,
    /// Scripts.
    scripts: u64,
    /// Reads from connections.
    reads: u64,
}

impl RedisCounts {
    /// Asks the Redis at `url`.
    pub(crate) fn now(url: &str) -> Outcome<Self> {
        let mut connection = open(url)?;
        let mut info = |part| redis::cmd("INFO").arg(part).query::<String>(&mut connection);
        let (commands, stats) = (info("commandstats")?, info("stats")?);
        Ok(Self {
            commands: calls(&commands, |name| !["info", "ping", "hello", "select"].contains(&name)),
            scripts: calls(&commands, |name| ["evalsha", "eval", "fcall"].contains(&name)),
            reads: figure(&stats, "total_reads_processed:").unwrap_or(0),
        })
    }

    /// How many commands Redis was sent since `before`. It counts what a script calls like commands of their own, and
    /// one cannot be told from the other: of a service that uses scripts (`scripted`), they alone are counted.
    pub(crate) fn calls_since(&self, before: &Self, scripted: bool) -> u64 {
        if scripted {
            self.scripts.saturating_sub(before.scripts)
        } else {
            self.commands.saturating_sub(before.commands)
        }
    }

    /// How often Redis read from a connection since `before`.
    pub(crate) fn reads_since(&self, before: &Self) -> u64 {
        self.reads.saturating_sub(before.reads)
    }
}

fn calls(commands: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let lines = commands.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let wanted = lines.filter(|(name, _)| wanted(name));
    wanted.filter_map(|(_, rest)| rest.split(',').next()?.parse::<u64>().ok()).sum()
}

/// Segments with data that each connection to a port of the loopback address has brought; by its other end.
pub(crate) type Segments = HashMap<String, u64>;

/// What has come to a port so far: what a client sends at once is one segment, and so each is a round trip. `None`
/// where the program `ss` is missing.
pub(crate) fn segments(port: u16) -> Option<Segments> {
    let mut command = Command::new("ss");
    command.args(["--tcp", "--numeric", "--info", "--no-header", "--oneline", "state", "established"]);
    let output = command.arg(format!("( sport = :{port} )")).output().ok()?;
    output.status.success().then(|| read_segments(&String::from_utf8_lossy(&output.stdout)))
}

/// How many have come since `before`, over the connections that are there now: a pool may have closed others.
pub(crate) fn segments_since(before: &Segments, after: &Segments) -> u64 {
    after.iter().map(|(end, count)| count.saturating_sub(before.get(end).copied().unwrap_or(0))).sum()
}

/// Lines of: two queues, this end, the other end, and figures by name.
fn read_segments(sockets: &str) -> Segments {
    let read = |line: &str| {
        let end = line.split_whitespace().nth(3)?.to_owned();
        let count = line.split_whitespace().find_map(|word| word.strip_prefix("data_segs_in:"))?;
        Some((end, count.parse().ok()?))
    };
    sockets.lines().filter_map(read).collect()
}

fn figure(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

/// The sum of a series of Prometheus' metrics whose line begins with `series`, over several servers.
pub(crate) async fn metric(servers: &[SocketAddr], series: &str) -> Outcome<f64> {
    let mut sum = 0.0;
    for server in servers {
        sum += series_sum(&get(*server, "/metrics").await?.1, series);
    }
    Ok(sum)
}

fn series_sum(text: &str, series: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(series));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_call_is_not_counted() {
        let text =
            "cmdstat_get:calls=5,usec=1\r\ncmdstat_set:calls=2,usec=1\r\ncmdstat_evalsha:calls=3,usec=1\r\n";
        assert_eq!(calls(text, |name| name == "get"), 5);
        let before = RedisCounts { commands: 100, scripts: 10, reads: 7 };
        let after = RedisCounts { commands: 150, scripts: 20, reads: 9 };
        assert_eq!((after.calls_since(&before, true), after.calls_since(&before, false)), (10, 50));
        assert_eq!(after.reads_since(&before), 2);
    }

    #[test]
    fn segments_are_counted_by_connection() {
        let before = read_segments(
            "0 0 h:1 h:2 cubic data_segs_out:9 data_segs_in:3 x\n0 0 h:1 h:3 data_segs_in:90\n",
        );
        assert_eq!(before, Segments::from([("h:2".to_owned(), 3), ("h:3".to_owned(), 90)]));
        // One has gone on, one was closed, one is new.
        let after =
            read_segments("0 0 h:1 h:2 data_segs_in:10\n0 0 h:1 h:4 data_segs_in:2\n0 0 h:1 h:5 quiet\n");
        assert_eq!(segments_since(&before, &after), 9);
    }

    #[test]
    fn a_series_is_summed() {
        let text = "# HELP a b\na_total{caught=\"cache\"} 3\na_total{caught=\"lock\"} 4\nab 9\n";
        assert!((series_sum(text, "a_total{") - 7.0).abs() < f64::EPSILON);
        assert!((series_sum(text, "a_total{caught=\"cache\"}") - 3.0).abs() < f64::EPSILON);
    }
}
