//! The disk is full, or file descriptors are used up: what cannot be done is refused and leaves nothing half
//! done, what was acknowledged is there, and the service goes on by itself when there is room again.
//!
//! Neither needs rights that a test may not have: the limits are the process's own (`prlimit`). A file that may
//! not grow stands for the disk that is full; the signal that would come with it is ignored from the start.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::campaign::Campaign;
use sekali_harness::patient::all_pay_once;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::program;
use sekali_harness::server::Server;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::wait::until;
use std::process::Command;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const UNLIMITED: &str = "unlimited";
/// Presses while there is no room.
const PRESSES: i64 = 5;
/// Connections that are opened where the process may open so many files.
const FLOOD: usize = 96;
const FILES: &str = "64";

fn limit(server: &Server, what: &str, soft: &str) {
    let arguments =
        ["--pid".to_owned(), server.id().as_raw_nonzero().to_string(), format!("--{what}={soft}:")];
    let done = Command::new("prlimit").args(arguments).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "prlimit (Debian's util-linux) sets limits of our own process"
    );
}

/// `sekali serve`, to whom a file that may not grow is an error and not the end.
fn serve_without_the_signal() -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" serve"]).arg(program::sekali());
    command
}

async fn serve(stage: &mut Stage, last: i64) {
    stage.serve_with(serve_without_the_signal(), &[]).await;
    stage.database.seed(last, |id| id).await;
}

/// Presses for these consultations; how many were answered with a payment, and which.
async fn presses(stage: &Stage, consultations: impl Iterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut connection = stage.servers[0].connect();
    let mut answered = Vec::new();
    for id in consultations {
        let answer =
            connection.call(&Press::own(id, format!("full-{id}")).request()).await.expect("an answer");
        if names_payment(&answer) {
            answered.push((payment_id(&answer), id));
        } else {
            assert_eq!(answer.status, 503, "{}", answer.body);
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_disk_full() {
    let what = "The database's files may not grow any more (SQLite), again and again: presses get 503 and leave nothing, \
                what was acknowledged stays, and it goes on by itself when there is room.";
    let mut campaign = Campaign::begin("campaign_site_disk_full", what, 5, 200);
    let rounds = i64::try_from(campaign.rounds()).expect("a small number");
    let last = rounds * (PRESSES + 1);
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let mut stage = Stage::empty(Combination::SqliteMemory, Webhooks::Off, &tuning).await;
    serve(&mut stage, last).await;
    let (mut answered, mut refused) = (Vec::new(), 0);
    for round in 0..rounds {
        let first = round * (PRESSES + 1) + 1;
        let before = stage.database.rows().await.payments;
        // Some pages may still be written over.
        limit(&stage.servers[0], "fsize", &(1 + round % 7 * 4096).to_string());
        let told = presses(&stage, first..first + PRESSES).await;
        limit(&stage.servers[0], "fsize", UNLIMITED);
        let accepted = i64::try_from(told.len()).expect("a small number");
        refused += PRESSES - accepted;
        assert_eq!(stage.database.rows().await.payments - before, accepted, "nothing is half done");
        // With room again, the very next one.
        let again = presses(&stage, first..=first + PRESSES).await;
        assert_eq!(again.len(), usize::try_from(PRESSES + 1).expect("six"), "it goes on; {}", stage.said());
        answered.extend(told);
        answered.extend(again);
        campaign.progress(round.unsigned_abs() + 1);
    }
    assert!(refused >= rounds, "the disk was never full: {refused}");
    stage.database.stores(&answered).await;
    stage.database.holds(last).await;
    all_pay_once(&stage, last, "after the disk was full").await;
    campaign.figure("presses turned down with 503", refused);
    campaign.figure("presses acknowledged, and there", answered.len());
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_descriptors() {
    let what = "More connections come than the process may open files, again and again: it says so in its log, takes up \
                work by itself when they go, and nothing that was acknowledged is lost.";
    let mut campaign = Campaign::begin("campaign_site_descriptors", what, 3, 200);
    let rounds = i64::try_from(campaign.rounds()).expect("a small number");
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600"), ("SEKALI_DATABASE_POOL", "4")];
    let mut stage = Stage::empty(Combination::PostgresRedis, Webhooks::Off, &tuning).await;
    serve(&mut stage, 2 * rounds).await;
    let (mut answered, mut unanswered) = (Vec::new(), 0);
    for round in 0..rounds {
        let (id, server) = (2 * round + 1, &stage.servers[0]);
        limit(server, "nofile", FILES);
        let mut flood = Vec::new();
        for _ in 0..FLOOD {
            flood.push(TcpStream::connect(server.address).await.expect("the kernel's queue has room"));
        }
        server.logged("A connection could not be taken", 1, SOON).await;
        // Whoever comes now waits with the rest of the queue, and may hang up.
        let press = Press::own(id, format!("flood-{id}")).request();
        let mut connection = server.connect();
        match timeout(Duration::from_millis(200), connection.call(&press)).await {
            Ok(Ok(answer)) if names_payment(&answer) => answered.push((payment_id(&answer), id)),
            _ => unanswered += 1,
        }
        drop(flood);
        let told = until("it takes connections again", SOON, async || {
            let answer = stage.servers[0].connect().call(&press).await.ok()?;
            names_payment(&answer).then(|| (payment_id(&answer), id))
        })
        .await;
        answered.push(told);
        answered.extend(presses(&stage, id + 1..=id + 1).await);
        campaign.progress(round.unsigned_abs() + 1);
    }
    let lines = stage.servers[0].count_logged("A connection could not be taken");
    limit(&stage.servers[0], "nofile", "1024");
    stage.database.stores(&answered).await;
    stage.database.holds(2 * rounds).await;
    all_pay_once(&stage, 2 * rounds, "after the flood").await;
    campaign.figure("presses without an answer in the flood", unanswered);
    campaign.figure("lines in the log that say so", lines);
    campaign.passed();
}
