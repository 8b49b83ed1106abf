//! What the databases and the services count themselves.

use crate::services::redis::open;
use crate::trouble::{Outcome, While};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Redis' own figures so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RedisCounts {
    /// Commands; where scripts run, the scripts, and not what they call.
    pub(crate) calls: u64,
    /// Reads from connections.
    pub(crate) reads: u64,
}

impl RedisCounts {
    /// Asks the Redis at `url`.
    pub(crate) fn now(url: &str) -> Outcome<Self> {
        let mut connection = open(url)?;
        let mut info = |part| redis::cmd("INFO").arg(part).query::<String>(&mut connection);
        let (commands, stats) = (info("commandstats")?, info("stats")?);
        Ok(Self { calls: calls(&commands), reads: figure(&stats, "total_reads_processed:").unwrap_or(0) })
    }
}

/// Redis counts what a script calls like commands of their own, and one cannot be told from the other: so scripts
/// alone are counted where there are any.
fn calls(commands: &str) -> u64 {
    let of = |names: &[&str]| -> u64 {
        let lines = commands.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
        let wanted = lines.filter(|(name, _)| names.is_empty() || names.contains(name));
        let wanted = wanted.filter(|(name, _)| !["info", "ping", "hello", "select"].contains(name));
        wanted.filter_map(|(_, rest)| rest.split(',').next()?.parse::<u64>().ok()).sum()
    };
    match of(&["evalsha", "eval", "fcall"]) {
        0 => of(&[]),
        scripts => scripts,
    }
}

fn figure(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
}

/// The sum of a series of Prometheus' metrics whose line begins with `series`, over several servers.
pub(crate) async fn metric(servers: &[SocketAddr], series: &str) -> Outcome<f64> {
    let mut sum = 0.0;
    for server in servers {
        sum += series_sum(&fetch(*server).await?, series);
    }
    Ok(sum)
}

fn series_sum(text: &str, series: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(series));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn fetch(address: SocketAddr) -> Outcome<String> {
    let mut stream = TcpStream::connect(address).await.while_doing("asking for metrics")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.while_doing("reading metrics")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_call_is_not_counted() {
        let plain = "cmdstat_get:calls=5,usec=1\r\ncmdstat_set:calls=2,usec=1\r\ncmdstat_ping:calls=9,usec=1\r\n";
        assert_eq!(calls(plain), 7);
        assert_eq!(calls(&format!("{plain}cmdstat_evalsha:calls=3,usec=1\r\n")), 3);
    }

    #[test]
    fn a_series_is_summed() {
        let text = "# HELP a b\na_total{caught=\"cache\"} 3\na_total{caught=\"lock\"} 4\nab 9\n";
        assert!((series_sum(text, "a_total{") - 7.0).abs() < f64::EPSILON);
        assert!((series_sum(text, "a_total{caught=\"cache\"}") - 3.0).abs() < f64::EPSILON);
    }
}
