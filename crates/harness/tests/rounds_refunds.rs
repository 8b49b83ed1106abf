//! 100 refunds of 60 % of one payment at once: one is made.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{OnTheWay, goes_to_stripe, refund};
use sekali_harness::http::Answer;
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_harness::wait::all;
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use tokio::time::Instant;

const AT_ONCE: usize = 100;
/// Of a fee of 5000.00, and in centavos.
const PART: &str = "3000.00";
const PART_MINOR: i64 = 300_000;

async fn paid(combination: Combination) -> (Stage, OnTheWay) {
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let stage = Stage::set(combination, Webhooks::On, 1, &tuning).await;
    let press = Press::own(1, "refunds");
    let paid = goes_to_stripe(&mut stage.servers[0].connect(), &press).await.expect("an answer");
    stage.stripe.pay(&paid.session).await;
    stage.comes_to("SELECT count(*) FROM payments WHERE status = 'completed'", 1).await;
    (stage, paid)
}

/// So many refunds at once, spread over the servers, each with the key that `key` makes.
async fn at_once(stage: &Stage, paid: &OnTheWay, key: impl Fn(usize) -> String) -> Vec<Answer> {
    let mut operators = JoinSet::new();
    for number in 0..AT_ONCE {
        let mut connection = stage.servers[number % stage.servers.len()].connect();
        let request = refund(paid.payment, &key(number), PART);
        operators.spawn(async move { connection.call(&request).await.expect("an answer") });
    }
    all(operators).await
}

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

/// One refund at Stripe and here, and one message to the host.
async fn one_was_made(stage: &Stage) {
    stage.rests().await;
    let books = stage.stripe.books().await;
    assert_eq!((books.refunds.get("succeeded"), books.refunded), (Some(&1), PART_MINOR), "{books:?}");
    assert_eq!(books.refunds.values().sum::<i64>(), 1, "{books:?}");
    assert_eq!(stage.database.number("SELECT count(*) FROM refunds").await, 1);
    let told = stage.host.stories().into_values().flatten().filter(|(_, kind)| kind == "payment.refunded");
    assert_eq!(told.count(), 1);
    stage.is_in_order("after the refunds").await;
}

async fn different_keys(combination: Combination) {
    let (stage, paid) = paid(combination).await;
    let begun = Instant::now();
    let answers = at_once(&stage, &paid, |number| format!("refund-{number}")).await;
    let took = begun.elapsed();
    let statuses = statuses(&answers);
    assert_eq!(statuses, BTreeMap::from([(201, 1), (422, AT_ONCE - 1)]));
    let remaining = answers.iter().filter(|answer| answer.body.contains("PHP 2.000,00")).count();
    assert_eq!(remaining, AT_ONCE - 1, "the others are told what remains");
    one_was_made(&stage).await;
    println!("{combination:?}: {AT_ONCE} refunds of 60 % at once: {statuses:?} in {took:.1?}; one at Stripe");
}

/// The operator's own browser, or a proxy, repeats itself: one refund, and everybody hears of that one.
async fn one_key(combination: Combination) {
    let (stage, paid) = paid(combination).await;
    let answers = at_once(&stage, &paid, |_| "the-same".to_owned()).await;
    let statuses = statuses(&answers);
    // 202: while Stripe has not answered the first.
    assert_eq!(statuses.get(&201), Some(&1), "{statuses:?}");
    assert!(statuses.keys().all(|status| matches!(status, 200..=202)), "{statuses:?}");
    let id = |answer: &Answer| answer.json()["data"]["refund"]["id"].clone();
    assert!(answers.iter().all(|answer| id(answer) == id(&answers[0])), "all name one refund");
    one_was_made(&stage).await;
    println!("{combination:?}: {AT_ONCE} refunds with one key at once: {statuses:?}; one at Stripe");
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_at_once_on_sqlite() {
    different_keys(Combination::SqliteMemory).await;
    one_key(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_at_once_through_two_servers() {
    different_keys(Combination::TwoServers).await;
    one_key(Combination::TwoServers).await;
}
