//! `sekali torture` against whole services: every attack it has, and everything right.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::front::Front;
use sekali_harness::program;
use sekali_harness::server::SECRET;
use sekali_harness::site::{Combination, Site};
use std::net::SocketAddr;
use std::process::Output;
use tokio::process::Command;

/// The attacks on one address.
async fn torture(address: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(program::sekali());
    command.arg("torture").arg(format!("http://{address}")).args(arguments);
    command.env_clear().env("SEKALI_JWT_SECRET", SECRET);
    command.output().await.expect("sekali torture can be run")
}

/// Nothing wrong, and nothing left out but what the seldom moment did not show.
fn all_right(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let left_out = text.lines().filter(|line| line.starts_with("  –  ")).map(str::trim);
    let left_out: Vec<&str> = left_out.filter(|line| !line.contains("standard-in-flight")).collect();
    assert!(left_out.is_empty(), "not made: {left_out:?}");
    println!("{}", text.lines().rev().find(|line| line.contains(" right, ")).unwrap_or_default());
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_right_on_sqlite() {
    let site = Site::start(Combination::SqliteMemory).await;
    all_right(&torture(site.servers[0].address, &["--rounds", "10"]).await);
    assert!(site.verify().status.success());
}

/// Each connection goes to another server than the one before.
#[tokio::test(flavor = "multi_thread")]
async fn everything_is_right_through_two_servers() {
    let site = Site::start(Combination::TwoServers).await;
    let front = Front::open().await;
    front.lead_to(site.servers.iter().map(|server| server.address));
    all_right(&torture(front.address, &["--rounds", "10"]).await);
    assert!(site.verify().status.success());
}
