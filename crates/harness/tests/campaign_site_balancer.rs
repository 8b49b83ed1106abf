//! Two servers behind an HAProxy that sends a POST again to the other one when an answer is missing, and one of
//! the two is killed while requests are under way: one payment each.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use futures_util::future::join_all;
use sekali_harness::campaign::Campaign;
use sekali_harness::haproxy::Haproxy;
use sekali_harness::http::{Answer, Connection};
use sekali_harness::patient::all_pay_once;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::program;
use sekali_harness::seed::Seeded;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_test_support::free_port;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Presses at once, for consultations of their own.
const PRESSES: i64 = 4;
/// Presses that wait for their consultation's row.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'";

#[derive(Default)]
struct Counted {
    created: u64,
    found: u64,
    again: u64,
}

/// Presses until there is an answer that names the payment, as the pages do.
async fn press(front: SocketAddr, consultation: i64) -> (Answer, u64) {
    let (begun, mut again) = (Instant::now(), 0);
    let request = Press::own(consultation, format!("balanced-{consultation}")).request();
    let mut connection = Connection::to(front);
    loop {
        match connection.call(&request).await {
            Ok(answer) if names_payment(&answer) => return (answer, again),
            Ok(answer) => assert!(matches!(answer.status, 502..=504), "{} {}", answer.status, answer.body),
            Err(_) => {}
        }
        assert!(begun.elapsed() < SOON, "no answer for {consultation}");
        again += 1;
        sleep(Duration::from_millis(20)).await;
    }
}

async fn round(
    stage: &mut Stage,
    front: SocketAddr,
    ports: &[u16],
    round: u64,
    random: &mut Seeded,
) -> Counted {
    let first = i64::try_from(round).expect("a small number") * PRESSES;
    let last = first + PRESSES;
    // Their rows are held, so that each is under way.
    let hold = stage.database.hold(last).await;
    let presses = tokio::spawn(join_all((first + 1..=last).map(|consultation| press(front, consultation))));
    stage.comes_to(WAITING, PRESSES).await;
    let victim = usize::try_from(random.below(2)).expect("0 or 1");
    // `kill -9`; what its statements become, the database does without it.
    stage.servers.remove(victim);
    // The random moment.
    sleep(Duration::from_micros(random.below(20_000))).await;
    hold.let_go().await;
    let mut counted = Counted::default();
    let mut answered = Vec::new();
    for ((answer, again), consultation) in presses.await.expect("a task").into_iter().zip(first + 1..) {
        counted.again += again;
        // A 409 for a key that nobody has used before: the balancer has sent it twice.
        if answer.status == 201 {
            counted.created += 1;
        } else {
            counted.found += 1;
        }
        answered.push((payment_id(&answer), consultation));
    }
    stage.database.stores(&answered).await;
    serve_at(stage, ports, victim).await;
    counted
}

async fn serve_at(stage: &mut Stage, ports: &[u16], at: usize) {
    let listen = format!("127.0.0.1:{}", ports[at]);
    stage.serve_with(program::serve(), &[("SEKALI_LISTEN", &listen)]).await;
    let server = stage.servers.pop().expect("the one that was started");
    stage.servers.insert(at, server);
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_balancer() {
    let what = "Two servers behind HAProxy, which sends a POST again when its answer is missing (retry-on all-retryable-errors); \
                one is killed while four presses wait for their consultations' rows: one payment each.";
    let mut campaign = Campaign::begin("campaign_site_balancer", what, 3, 1_000);
    let last = i64::try_from(campaign.rounds()).expect("a small number") * PRESSES;
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let mut stage = Stage::empty(Combination::TwoServers, Webhooks::Off, &tuning).await;
    let ports = [free_port(), free_port()];
    for at in 0..2 {
        serve_at(&mut stage, &ports, at).await;
    }
    stage.database.seed(last, |id| id).await;
    let servers: Vec<_> = stage.servers.iter().map(|server| server.address).collect();
    let haproxy = Haproxy::start(&servers);
    let (mut random, mut sum) = (Seeded::new(campaign.seed()), Counted::default());
    for number in 0..campaign.rounds() {
        let counted = round(&mut stage, haproxy.address, &ports, number, &mut random).await;
        sum.created += counted.created;
        sum.found += counted.found;
        sum.again += counted.again;
        campaign.progress(number + 1);
    }
    // Leases of the dead end here, before those who live take theirs.
    stage.kill_servers();
    stage.end_leases().await;
    for at in 0..2 {
        serve_at(&mut stage, &ports, at).await;
    }
    stage.database.holds(last).await;
    all_pay_once(&stage, last, "behind the balancer").await;
    campaign.figure("presses answered 201", sum.created);
    campaign.figure("answered 409, for the balancer or the patient had asked twice", sum.found);
    campaign.figure("asked again by the patient", sum.again);
    campaign.passed();
}
