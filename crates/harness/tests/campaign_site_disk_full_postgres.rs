//! PostgreSQL's disk is full, the whole file system and not only a limit: it can add no page to a table, or no segment
//! to its log, which it does not survive. Presses are answered 201, 409 or 503, nothing that was acknowledged is
//! lost, and with room again all goes on.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::campaign::Campaign;
use sekali_harness::patient::all_pay_once;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::site::Combination;
use sekali_harness::small_disk::on_a_small_disk;
use sekali_harness::stage::{SOON, Stage, Surroundings, Webhooks};
use sekali_harness::wait::until;
use sekali_test_support::postgres::Server;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;

const NAME: &str = "campaign_site_disk_full_postgres";
/// Of the file system. A new database takes 40 MB of it, a log that was never short 80 MB.
const SIZE: u64 = 192 << 20;
/// Presses that are turned down, in each round: then it is over.
const REFUSED: usize = 3;
/// Presses of a round, at most: tables have room in pages that they have.
const MOST: i64 = 300;
/// How long PostgreSQL may take to come back by itself once there is room.
const BY_ITSELF: Duration = Duration::from_secs(3);

/// What takes the room.
struct Filler(PathBuf);

impl Filler {
    /// Takes all there is, to the last page.
    fn fill(folder: &Path) -> Self {
        let path = folder.join("filler");
        let mut file = File::create(&path).expect("a file of the test's own");
        for piece in [1 << 20, 4096] {
            let zeroes = vec![0_u8; piece];
            loop {
                match file.write_all(&zeroes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the disk cannot be filled: {error}"),
                }
            }
        }
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).expect("the filler goes");
    }
}

#[derive(Default)]
struct Counted {
    refused: usize,
    accepted: usize,
    crashed: u64,
    restarted: u64,
}

struct Play {
    folder: PathBuf,
    server: Arc<Server>,
    stage: Stage,
    /// The last consultation that somebody pressed for.
    last: i64,
    answered: Vec<(i64, i64)>,
    counted: Counted,
}

impl Play {
    async fn set(folder: &Path, rounds: i64) -> Self {
        let server = Server::start_in(folder);
        let surroundings = Surroundings { postgres: Some(Arc::clone(&server)), ..Surroundings::default() };
        let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600"), ("SEKALI_DATABASE_POOL", "4")];
        let mut stage =
            Stage::empty_on(Combination::PostgresMemory, Webhooks::Off, &tuning, &surroundings).await;
        stage.serve(1).await;
        stage.database.seed(rounds * MOST, |id| id).await;
        let (folder, answered) = (folder.to_owned(), Vec::new());
        Self { folder, server, stage, last: 0, answered, counted: Counted::default() }
    }

    /// Presses once; whether there is a payment.
    async fn press(&mut self, consultation: i64) -> bool {
        let request = Press::own(consultation, format!("full-{consultation}")).request();
        let answer = self.stage.servers[0].connect().call(&request).await.expect("an answer");
        if names_payment(&answer) {
            self.answered.push((payment_id(&answer), consultation));
            return true;
        }
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        false
    }

    /// People press one after the other until enough were turned down. `ends_log`: after each, PostgreSQL is to begin a
    /// new segment of its log.
    async fn people_press(&mut self, ends_log: bool) -> Vec<i64> {
        let (mut refused, first) = (Vec::new(), self.last + 1);
        while refused.len() < REFUSED {
            assert!(self.last - first < MOST - 1, "the disk is never full for PostgreSQL");
            self.last += 1;
            if !self.press(self.last).await {
                refused.push(self.last);
            }
            if ends_log {
                self.begins_a_segment().await;
            }
        }
        self.counted.accepted += usize::try_from(self.last - first + 1).expect("a few") - refused.len();
        self.counted.refused += refused.len();
        refused
    }

    /// If it can. It cannot if it is gone already.
    async fn begins_a_segment(&self) {
        let asks = async {
            let (client, connection) =
                tokio_postgres::connect(&self.stage.database.url(), NoTls).await.ok()?;
            tokio::spawn(connection);
            client.batch_execute("SELECT pg_switch_wal()").await.ok()
        };
        let _ = timeout(SOON, asks).await;
    }

    async fn answers(&self) -> bool {
        let url = self.stage.database.url();
        let asks = tokio_postgres::connect(&url, NoTls);
        matches!(timeout(BY_ITSELF, asks).await, Ok(Ok(_)))
    }

    /// With room again PostgreSQL comes back by itself, or its operator starts it.
    async fn comes_back(&mut self) {
        let begun = tokio::time::Instant::now();
        while !self.answers().await {
            if begun.elapsed() > BY_ITSELF {
                self.server.kill();
                self.server.start_again();
                self.counted.restarted += 1;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn round(&mut self, ends_log: bool) {
        let before = (self.stage.database.rows().await.payments, self.answered.len());
        let filler = Filler::fill(&self.folder);
        let refused = self.people_press(ends_log).await;
        let crashed = !self.answers().await;
        drop(filler);
        assert!(ends_log || !crashed, "a table that cannot grow is no reason to die");
        self.counted.crashed += u64::from(crashed);
        self.comes_back().await;
        if !ends_log {
            let written = self.stage.database.rows().await.payments - before.0;
            assert_eq!(usize::try_from(written), Ok(self.answered.len() - before.1), "nothing is half done");
        }
        self.stage.database.stores(&self.answered).await;
        for consultation in refused {
            let this: &mut Self = self;
            let again = Press::own(consultation, format!("full-{consultation}")).request();
            let payment = until("whoever was turned down can pay", SOON, async || {
                let answer = this.stage.servers[0].connect().call(&again).await.ok()?;
                names_payment(&answer).then(|| payment_id(&answer))
            })
            .await;
            this.answered.push((payment, consultation));
        }
    }
}

async fn play(folder: &Path) {
    let what = "The file system of PostgreSQL is full to the last page, again and again: no table grows, or the log has no room, \
                which ends the server. Presses get 503, what was acknowledged stays, and with room it goes on.";
    let mut campaign = Campaign::begin(NAME, what, 2, 200);
    let rounds = i64::try_from(campaign.rounds()).expect("a small number");
    let mut play = Play::set(folder, rounds).await;
    for round in 0..campaign.rounds() {
        play.round(round % 2 == 1).await;
        campaign.progress(round + 1);
    }
    let Play { stage, last, answered, counted, .. } = play;
    stage.database.stores(&answered).await;
    stage.database.holds(last).await;
    all_pay_once(&stage, last, "after the disk was full").await;
    campaign.count("presses turned down with 503", counted.refused as u64);
    campaign.count("presses answered with a payment while it was full, and there", counted.accepted as u64);
    campaign.count("PostgreSQL ended, as its log had no room", counted.crashed);
    campaign.count("and its operator had to start it", counted.restarted);
    campaign.passed();
}

#[test]
fn campaign_site_disk_full_postgres() {
    on_a_small_disk(NAME, SIZE, |folder| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("a runtime").block_on(play(folder));
    });
}
