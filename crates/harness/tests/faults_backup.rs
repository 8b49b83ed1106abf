//! The database is restored from a backup that was taken before the last ten payments, while Stripe is as
//! it is: their numbers are given again, and no session of one payment is ever taken for another's.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{OnTheWay, callback, cases, goes_to_stripe};
use sekali_harness::host::{Host, Told};
use sekali_harness::mailbox::Mailbox;
use sekali_harness::press::Press;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};
use sekali_test_support::postgres;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// In the backup; the first was made and not yet taken to Stripe.
const BEFORE: RangeInclusive<i64> = 2..=6;
/// Not in it.
const LOST: RangeInclusive<i64> = 11..=20;
/// Made after it was put back.
const NEW: RangeInclusive<i64> = 21..=30;
/// Of the lost ones: paid before the restoration, and only after it.
const PAID_BEFORE: usize = 5;
const PAID_AFTER: usize = 3;
const FEE: i64 = 500_000;

async fn to_stripe(stage: &Stage, consultations: RangeInclusive<i64>) -> Vec<OnTheWay> {
    let mut connection = stage.servers[0].connect();
    let mut ways = Vec::new();
    for id in consultations {
        let press = Press::own(id, format!("backup-{id}"));
        ways.push(goes_to_stripe(&mut connection, &press).await.expect("an answer"));
    }
    ways
}

/// Pays, and comes back to the callback's page, which asks Stripe.
async fn pay(stage: &Stage, ways: &[OnTheWay]) {
    let mut connection = stage.servers[0].connect();
    for way in ways {
        stage.stripe.pay(&way.session).await;
        let back = connection.call(&callback(way.payment, &way.session)).await.expect("an answer");
        assert!(back.body.contains("Pembayaran berhasil"), "{}", back.body);
    }
}

/// Everything that Stripe has to say by now, with its own signatures, as late as it comes.
async fn deliver(stage: &Stage, mailbox: &Mailbox, events: usize) -> usize {
    let letters = mailbox.letters_once(events).await;
    let mut connection = stage.servers[0].connect();
    for letter in &letters {
        let answer = connection.call(&letter.request()).await.expect("an answer");
        assert_eq!(answer.status, 200, "{letter:?}: {}", answer.body);
    }
    letters.len()
}

/// What came through the lost sessions, by Stripe's name for the money.
async fn lost_money(stage: &Stage, lost: &[OnTheWay]) -> BTreeSet<String> {
    let mut money = BTreeSet::new();
    for way in &lost[..PAID_BEFORE + PAID_AFTER] {
        let session = stage.stripe.get(&format!("/v1/checkout/sessions/{}", way.session)).await;
        money.insert(session["payment_intent"].as_str().expect("a payment intent").to_owned());
    }
    money
}

async fn restored(combination: Combination) {
    let _kept = (combination != Combination::SqliteMemory).then(postgres::database);
    let mailbox = Mailbox::open().await;
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let mut stage = Stage::set(combination, Webhooks::To(&mailbox.url), *NEW.end(), &tuning).await;
    let early =
        stage.servers[0].connect().call(&Press::own(1, "backup-1").request()).await.expect("an answer");
    assert_eq!(early.status, 201, "{}", early.body);
    let before = to_stripe(&stage, BEFORE).await;
    pay(&stage, &before).await;
    stage.rests().await;
    stage.kill_servers();
    let backup = stage.database.copy().await;
    stage.serve(1).await;
    // Of the payment that the backup has without a session, Stripe and the host hear something, too.
    to_stripe(&stage, 1..=1).await;
    let lost = to_stripe(&stage, LOST).await;
    pay(&stage, &lost[..PAID_BEFORE]).await;
    stage.rests().await;
    stage.kill_servers();
    stage.database = backup;
    let earlier = std::mem::replace(&mut stage.host, Host::open().await);
    stage.serve(1).await;
    let new = to_stripe(&stage, NEW).await;
    let payments = |ways: &[OnTheWay]| ways.iter().map(|way| way.payment).collect::<BTreeSet<_>>();
    assert_eq!(payments(&new), payments(&lost), "the numbers are given again");
    let sessions: BTreeSet<&str> =
        before.iter().chain(&lost).chain(&new).map(|way| way.session.as_str()).collect();
    assert_eq!(sessions.len(), before.len() + lost.len() + new.len(), "no session is shared");
    for way in &lost[PAID_BEFORE..PAID_BEFORE + PAID_AFTER] {
        stage.stripe.pay(&way.session).await;
    }
    nobody_is_mistaken(&stage, &lost, &new).await;
    pay(&stage, &new[..1]).await;
    let paid = i64::try_from(before.len() + PAID_BEFORE + PAID_AFTER + 1).expect("a small number");
    let events = deliver(&stage, &mailbox, usize::try_from(paid).expect("a small number")).await;
    pay(&stage, &new[1..]).await;
    let to_stripe_again = to_stripe(&stage, 1..=1).await;
    pay(&stage, &to_stripe_again).await;
    stage.rests().await;
    only_shown(&stage, &lost).await;
    tells_other_events_under_other_names(&earlier.heard(), &stage.host.heard());
    println!(
        "{combination:?}: 10 payments lost, {} of their sessions paid, {events} late webhooks: 10 new payments under \
         the old numbers, each by its own session; what came through the old ones is shown and not touched",
        PAID_BEFORE + PAID_AFTER
    );
}

/// The callback of a lost session, for the new payment of its number, settles nothing and shows nothing.
async fn nobody_is_mistaken(stage: &Stage, lost: &[OnTheWay], new: &[OnTheWay]) {
    let mut connection = stage.servers[0].connect();
    for way in lost {
        let back = connection.call(&callback(way.payment, &way.session)).await.expect("an answer");
        assert_eq!(back.status, 403, "{}", back.body);
    }
    let waiting = "SELECT count(*) FROM payments WHERE status = 'processing'";
    assert_eq!(stage.database.number(waiting).await, i64::try_from(new.len()).expect("a small number"));
}

async fn only_shown(stage: &Stage, lost: &[OnTheWay]) {
    let money = lost_money(stage, lost).await;
    let cases = cases(&mut stage.servers[0].connect()).await;
    let mut shown = BTreeSet::new();
    for case in &cases {
        assert!(case["kind"] == "unknown_money" && case["payment_id"].is_null(), "{case}");
        shown.insert(case["object"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(shown, money, "a case for each");
    let books = stage.stripe.books().await;
    assert_eq!(books.refunds.values().sum::<i64>(), 0, "nothing is sent back by itself: {books:?}");
    let ours = "SELECT count(*) FROM captures WHERE disposition = 'settled'";
    let settled = stage.database.number(ours).await;
    assert_eq!(settled, 16, "the first, five before, ten new");
    let unknown = i64::try_from(money.len()).expect("a small number");
    assert_eq!(books.captured, (settled + unknown) * FEE, "{books:?}");
    assert_eq!(stage.host.stories(), told_since(&stage.database.announced().await));
    let verify = stage.run(&["verify"]);
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    let compared = stage.run(&["reconcile", "--since", "2h"]);
    let said = String::from_utf8_lossy(&compared.stdout);
    assert_eq!(compared.status.code(), Some(1), "{said}");
    assert!(lost.iter().all(|way| said.contains(&way.session)), "each lost session is named: {said}");
}

type Stories = BTreeMap<i64, Vec<(i64, String)>>;

/// What the host was told of since the restoration: all of the new payments, and of the first what came
/// after it was made.
fn told_since(announced: &Stories) -> Stories {
    let mut since = announced.clone();
    since.retain(|payment, _| *payment == 1 || *payment > 6);
    if let Some(first) = since.get_mut(&1) {
        first.remove(0);
    }
    since
}

/// A host that knows messages by their ids must not take a new event for one that it has seen.
fn tells_other_events_under_other_names(earlier: &[Told], later: &[Told]) {
    let bodies: BTreeMap<&str, &str> =
        earlier.iter().map(|told| (told.id.as_str(), told.body.as_str())).collect();
    for told in later {
        let same = bodies.get(told.id.as_str()).is_none_or(|body| *body == told.body);
        assert!(same, "{told:?} has the id of another message");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_on_sqlite() {
    restored(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_on_postgres() {
    restored(Combination::PostgresMemory).await;
}
