//! The connections to PostgreSQL, to Redis and to Stripe, cut at every byte of a whole story, both ways: a
//! press, the way to Stripe, the payment, the webhook, the way back, a refund. Whoever gets no answer asks
//! again, and in the end everything was done once.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::campaign::Campaign;
use sekali_harness::links::Link;
use sekali_harness::patient::Chapter;
use sekali_harness::proxy::Manner;
use sekali_harness::sweep::{Counted, Start, measure, play};
use std::time::Duration;

/// More than any story has bytes.
const EVERY: u64 = 1_000_000;
/// Of a hundred faults so many have to strike, or nothing is proved: the last bytes of the longest story are not there
/// in each.
const STRIKES: u64 = 34;
/// The longest silence after which a connection is made anew by itself is the database's, 20 s; the patient asks
/// again long before.
const LATE: Duration = Duration::from_millis(300);

/// A story mostly waits, for a repeat after a pause: a long campaign tells many side by side.
const LANES: usize = 12;
/// So many stories are worth a lane of their own.
const WORTH_A_LANE: u64 = 100;

/// Plays so many faults of each manner over one link.
async fn fault(
    campaign: &mut Campaign,
    rounds: u64,
    (link, start): (Link, Start),
    manners: &[Manner],
    lanes: usize,
) -> Counted {
    let length = measure(link, start).await;
    println!("{link:?}, {start:?}: {length}");
    let stories: Vec<_> =
        manners.iter().flat_map(|manner| length.stories(rounds, campaign.seed(), *manner)).collect();
    let counted = play(campaign, (link, start), &stories, lanes).await;
    let (to_server, to_client) = length.ways();
    let Counted { stories, faults, struck, again } = counted;
    campaign.figure(
        &format!("{link:?}, {start:?}, {manners:?}"),
        format!(
            "{faults} faults within {to_server} + {to_client} bytes (to the server and back) in {stories} stories, {struck} connections struck, {again} requests sent again",
        ),
    );
    counted
}

fn enough_have_struck(counted: Counted) {
    assert!(counted.struck * 100 >= counted.faults * STRIKES, "{counted:?}");
}

async fn cut(mut campaign: Campaign, way: (Link, Start), lanes: usize) {
    let rounds = campaign.rounds();
    let lanes = usize::try_from(rounds / WORTH_A_LANE).map_or(LANES, |worth| worth.clamp(lanes, LANES));
    let played = fault(&mut campaign, rounds, way, &[Manner::Close], lanes).await;
    enough_have_struck(played);
    campaign.at_most(played.faults);
    campaign.passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_link_postgres() {
    let what = "The connections to PostgreSQL are cut all over a whole story, both ways: in each chapter (press, way to Stripe, \
                webhook, way back, refund, the press again), from its handshake and the preparing of its statements on.";
    let way = (Link::Postgres, Start::ColdChapters(&Chapter::ALL));
    cut(Campaign::begin("campaign_link_postgres", what, 120, EVERY), way, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_link_press() {
    let what = "The connections to PostgreSQL are cut at every byte of a press, of a webhook and of the press again, both \
                ways, from the handshake and the preparing of the statements on; the rest of the story goes undisturbed.";
    let way = (Link::Postgres, Start::ColdChapters(&[Chapter::Press, Chapter::Webhook, Chapter::Again]));
    cut(Campaign::begin("campaign_link_press", what, 30, EVERY), way, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_link_redis() {
    let what =
        "The connection to Redis is cut at every byte of a whole story, both ways, from its handshake on.";
    cut(Campaign::begin("campaign_link_redis", what, 16, EVERY), (Link::Redis, Start::Cold), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_link_stripe() {
    let what = "The connections to Stripe are cut at every byte of a whole story, both ways.";
    cut(Campaign::begin("campaign_link_stripe", what, 16, EVERY), (Link::Stripe, Start::Warm), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_link_manners() {
    let what = "At bytes spread over the whole story each link is reset, falls silent for good, or is late by 300 ms.";
    let mut campaign = Campaign::begin("campaign_link_manners", what, 9, 1_800);
    let (each, mut played) = (campaign.rounds() / 9, Counted::default());
    for link in [Link::Postgres, Link::Redis, Link::Stripe] {
        let manners = [Manner::Reset, Manner::Delay(LATE), Manner::Silence];
        let counted = fault(&mut campaign, each, (link, Start::Warm), &manners, 3).await;
        played.add(counted);
    }
    // Over all links: in a short run the three manners of a link strike at the same byte, or miss it together.
    enough_have_struck(played);
    campaign.at_most(played.faults);
    campaign.passed();
}
