//! One of Stripe's events, with its own signature, fifty times at once through two servers.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{OnTheWay, goes_to_stripe};
use sekali_harness::mailbox::{Letter, Mailbox};
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::wait::all;
use tokio::task::JoinSet;

const AT_ONCE: usize = 50;

async fn paid(stage: &Stage, consultation: i64) -> OnTheWay {
    let press = Press::own(consultation, format!("events-{consultation}"));
    let way = goes_to_stripe(&mut stage.servers[0].connect(), &press).await.expect("an answer");
    stage.stripe.pay(&way.session).await;
    way
}

async fn deliver(stage: &Stage, letters: &[&Letter]) {
    let mut deliveries = JoinSet::new();
    for (number, letter) in letters.iter().enumerate() {
        let mut connection = stage.servers[number % stage.servers.len()].connect();
        let request = letter.request();
        deliveries.spawn(async move { connection.call(&request).await.expect("an answer").status });
    }
    let statuses = all(deliveries).await;
    assert!(statuses.iter().all(|status| (200..300).contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_fifty_times_at_once() {
    let mailbox = Mailbox::open().await;
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let stage = Stage::set(Combination::TwoServers, Webhooks::To(&mailbox.url), 1, &tuning).await;
    let way = paid(&stage, 1).await;
    let letter = mailbox.take("checkout.session.completed", &way.session).await;
    deliver(&stage, &[&letter; AT_ONCE]).await;
    stage.rests().await;
    assert_eq!(stage.database.number("SELECT count(*) FROM gateway_events").await, 1);
    assert_eq!(
        stage.database.number("SELECT count(*) FROM payment_events WHERE kind = 'completed'").await,
        1
    );
    stage.is_in_order("after one event, fifty times").await;
    println!("two servers: one event {AT_ONCE} times at once: {AT_ONCE} × 2xx, one row, one transition");
}
