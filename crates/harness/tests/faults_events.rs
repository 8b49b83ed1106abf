//! Stripe's events, with its own signatures, through two servers: the same one fifty times at once, and all
//! of a payment's in every order, doubled.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{OnTheWay, goes_to_stripe};
use sekali_harness::mailbox::{Letter, Mailbox};
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::wait::all;
use serde_json::json;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

const AT_ONCE: usize = 50;
/// Of 5000.00, in centavos.
const BACK: i64 = 200_000;

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

/// Every order of these.
fn permutations<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let first_and_rest = (0..items.len()).flat_map(|at| {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |mut order| {
            order.insert(0, first.clone());
            order
        })
    });
    first_and_rest.collect()
}

/// A payment that is paid and in part refunded in Stripe's dashboard, with all that Stripe has to say of it.
async fn paid_and_refunded(stage: &Stage, mailbox: &Mailbox, consultation: i64) -> (i64, Vec<Letter>) {
    let way = paid(stage, consultation).await;
    let session = stage.stripe.get(&format!("/v1/checkout/sessions/{}", way.session)).await;
    let intent = session["payment_intent"].as_str().expect("a payment intent").to_owned();
    let intent_object = stage.stripe.get(&format!("/v1/payment_intents/{intent}")).await;
    let charge = intent_object["latest_charge"].as_str().expect("a charge").to_owned();
    let refund = stage.stripe.order(&format!("charges/{charge}/refund"), &json!({ "amount": BACK })).await;
    let refund = refund["id"].as_str().expect("a refund").to_owned();
    let mut letters = Vec::new();
    for (kind, object) in [
        ("checkout.session.completed", &way.session),
        ("payment_intent.succeeded", &intent),
        ("charge.refunded", &charge),
        ("refund.created", &refund),
    ] {
        letters.push(mailbox.take(kind, object).await);
    }
    (way.payment, letters)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_the_events_each_doubled() {
    let mailbox = Mailbox::open().await;
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let orders = permutations(&[0, 1, 2, 3]);
    let last = i64::try_from(orders.len()).expect("24");
    let stage = Stage::set(Combination::TwoServers, Webhooks::To(&mailbox.url), last, &tuning).await;
    for (consultation, order) in (1..).zip(&orders) {
        let (_, letters) = paid_and_refunded(&stage, &mailbox, consultation).await;
        for number in order {
            deliver(&stage, &[&letters[*number]; 2]).await;
        }
    }
    stage.rests().await;
    let stories: BTreeSet<Vec<String>> = stage
        .host
        .stories()
        .into_values()
        .map(|story| story.into_iter().map(|(_, kind)| kind).collect())
        .collect();
    let one = ["payment.created", "payment.processing", "payment.completed", "payment.refunded"];
    assert_eq!(stories.into_iter().collect::<Vec<_>>(), [one.map(str::to_owned)]);
    let same = format!(
        "SELECT count(*) FROM payments WHERE status = 'completed' AND refunded_minor = {BACK}
            AND (SELECT count(*) FROM payment_events e WHERE e.payment_id = payments.id AND e.kind = 'completed') = 1
            AND (SELECT count(*) FROM payment_events e WHERE e.payment_id = payments.id AND e.kind = 'refund_succeeded') = 1"
    );
    assert_eq!(stage.database.number(&same).await, last);
    assert_eq!(stage.database.number("SELECT count(*) FROM gateway_events").await, 4 * last);
    stage.is_in_order("after every order").await;
    println!("two servers: {last} orders of 4 events, each doubled: one end");
}
