//! Answers of Stripe's that are lost, cut off, refused or wrong, in any mixture, and people who come back a day
//! later, when Stripe has forgotten every key: one session can be paid, and one charge is made.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{callback, cancel, refund};
use sekali_harness::campaign::Campaign;
use sekali_harness::clock::{DAY, WallClock};
use sekali_harness::gateway::session_of;
use sekali_harness::http::{Answer, Connection, Request, path_of};
use sekali_harness::lanes::Lanes;
use sekali_harness::patient::{FEE, REFUND};
use sekali_harness::press::{Press, payment_id};
use sekali_harness::program;
use sekali_harness::seed::Seeded;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Schedules on one database.
const BATCH: u64 = 20;
/// More than Stripe remembers a key, and than a session can be paid.
const MUCH_LATER: i64 = DAY + 3_600;
/// So often somebody tries before coming back a day later.
const TRIES: u32 = 2;
const PAUSE: Duration = Duration::from_millis(20);

const KINDS: [&str; 9] = [
    "answer_lost",
    "answer_cut",
    "request_lost",
    "connection_reset",
    "rate_limited",
    "conflict",
    "server_error",
    "server_error_saved",
    "server_error_after_work",
];
const TARGETS: [(&str, &str); 4] = [
    ("POST", "/v1/checkout/sessions"),
    ("POST", "/v1/checkout/sessions/"),
    ("POST", "/v1/refunds"),
    ("GET", "/v1/checkout/sessions"),
];

/// What goes wrong in one story, and what the patient does in it.
struct Schedule {
    faults: Vec<Value>,
    gives_up_first: bool,
    wants_money_back: bool,
}

impl Schedule {
    fn drawn(random: &mut Seeded) -> Self {
        let mut pick = |end: usize| usize::try_from(random.below(end as u64)).expect("an index");
        let faults = (0..=pick(3))
            .map(|first| {
                // The first one strikes what everybody does.
                let (method, path) = if first == 0 { TARGETS[0] } else { TARGETS[pick(TARGETS.len())] };
                json!({ "kind": KINDS[pick(KINDS.len())], "method": method, "path": path, "times": 1 + pick(4) })
            })
            .collect();
        Self { faults, gives_up_first: pick(4) == 0, wants_money_back: pick(2) == 0 }
    }
}

/// What a batch has counted.
#[derive(Default)]
struct Counted {
    schedules: u64,
    struck: i64,
    a_day_later: u64,
    refunds: i64,
}

/// One service, and the people who come to it.
struct Batch {
    stage: Stage,
    connection: Connection,
    charges: i64,
    refunds: Vec<i64>,
    /// Whoever has not paid yet.
    later: Vec<i64>,
    /// The server's, once a day has passed.
    clock: Option<WallClock>,
}

impl Batch {
    /// One consultation's story under faults; `false`: not paid yet.
    async fn play(&mut self, consultation: i64, schedule: &Schedule) -> bool {
        if schedule.gives_up_first {
            let press = Press::own(consultation, format!("first-{consultation}"));
            let answer = self.call(&press.request()).await;
            if self.visit(&answer).await.is_some() {
                let answer = self.call(&cancel(consultation, payment_id(&answer))).await;
                assert!(matches!(answer.status, 200 | 202), "{answer:?}");
            }
        }
        let press = Press::own(consultation, format!("second-{consultation}"));
        let answer = self.call(&press.request()).await;
        if !answer.json()["data"]["checkout_url"].is_string() {
            // It is being cancelled, and Stripe has not said yet that it is over.
            return false;
        }
        let Some(session) = self.visit(&answer).await else { return false };
        self.pays(payment_id(&answer), &session, schedule).await
    }

    async fn visit(&mut self, answer: &Answer) -> Option<String> {
        let body = answer.json();
        let checkout = body["data"]["checkout_url"].as_str()?.to_owned();
        for _ in 0..TRIES {
            let page = self.call(&Request::get(path_of(&checkout))).await;
            // 403: it is over, for Stripe has definitely made no session.
            assert!(matches!(page.status, 303 | 403 | 503), "{page:?}");
            if let Some(session) = session_of(&page) {
                return Some(session);
            }
        }
        None
    }

    async fn pays(&mut self, payment: i64, session: &str, schedule: &Schedule) -> bool {
        self.stage.stripe.pay(session).await;
        self.charges += 1;
        for _ in 0..TRIES {
            let page = self.call(&callback(payment, session)).await;
            if page.body.contains("Pembayaran berhasil") {
                if schedule.wants_money_back {
                    // Without an answer of Stripe's it is 503, and asked again a day later.
                    let answer = self.call(&wish(payment)).await;
                    assert!(matches!(answer.status, 200..=202 | 503), "{answer:?}");
                    self.refunds.push(payment);
                }
                return true;
            }
        }
        false
    }

    /// A day later: whatever stands in the way, a new key helps.
    async fn pays_at_last(&mut self, consultation: i64) {
        let begun = Instant::now();
        let mut keys = 0;
        loop {
            assert!(begun.elapsed() < SOON, "{consultation} cannot be paid; {}", self.stage.said());
            let key =
                if keys == 0 { format!("second-{consultation}") } else { format!("{keys}-{consultation}") };
            let answer = self.call(&Press::own(consultation, key).request()).await;
            let body = answer.json();
            match body["data"]["status"].as_str() {
                Some("completed") => return,
                Some("failed" | "expired" | "cancelled") => keys += 1,
                _ => {
                    if let Some(session) = self.visit(&answer).await {
                        self.stage.stripe.pay(&session).await;
                        self.charges += 1;
                        self.call(&callback(payment_id(&answer), &session)).await;
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn call(&mut self, request: &Request) -> Answer {
        let answer = self.connection.call(request).await;
        answer.unwrap_or_else(|error| panic!("{request:?}: {error}; {}", self.stage.said()))
    }

    /// At Stripe: nobody has been charged twice, and nobody has two sessions to pay.
    async fn counts(&self, when: &str) {
        let books = self.stage.stripe.books().await;
        let charges = books.charges.get("succeeded").copied().unwrap_or(0);
        let open = books.sessions.get("open").copied().unwrap_or(0);
        let unpaid = i64::try_from(self.later.len()).expect("a small number");
        assert_eq!(charges, self.charges, "{when}: {books:?}");
        assert!(open <= unpaid, "{when}: {open} sessions can be paid, and {unpaid} have not paid: {books:?}");
    }
}

async fn batch((seed, schedules): (u64, u64)) -> Counted {
    let mut random = Seeded::new(seed);
    let combination =
        if seed.is_multiple_of(2) { Combination::SqliteMemory } else { Combination::PostgresRedis };
    let last = i64::try_from(schedules).expect("a small number");
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "2")];
    let stage = Stage::set(combination, Webhooks::Off, last, &tuning).await;
    let connection = stage.servers[0].connect();
    let mut batch =
        Batch { stage, connection, charges: 0, refunds: Vec::new(), later: Vec::new(), clock: None };
    let mut counted = Counted { schedules, ..Counted::default() };
    for consultation in 1..=last {
        let schedule = Schedule::drawn(&mut random);
        for fault in &schedule.faults {
            batch.stage.stripe.fail(fault).await;
        }
        if !batch.play(consultation, &schedule).await {
            batch.later.push(consultation);
        }
        counted.struck += batch.stage.stripe.end_faults().await;
        batch.counts(&format!("seed {seed}, {consultation}: {:?}", schedule.faults)).await;
    }
    counted.a_day_later = batch.later.len() as u64;
    a_day_passes(&mut batch).await;
    for consultation in std::mem::take(&mut batch.later) {
        batch.pays_at_last(consultation).await;
    }
    everybody_has_paid_once(&mut batch, last, &format!("seed {seed}")).await;
    counted.refunds = i64::try_from(batch.refunds.len()).expect("a small number");
    counted
}

/// For Stripe and for the service.
async fn a_day_passes(batch: &mut Batch) {
    let clock = WallClock::new();
    clock.set(MUCH_LATER);
    let settings = clock.settings();
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    batch.stage.kill_servers();
    batch.stage.stripe.order("clock", &json!({ "advance": MUCH_LATER })).await;
    batch.stage.serve_with(program::serve(), &settings).await;
    batch.connection = batch.stage.servers[0].connect();
    batch.clock = Some(clock);
}

/// A part of a payment is wanted back, under one key.
fn wish(payment: i64) -> Request {
    refund(payment, &format!("back-{payment}"), "3000.00")
}

async fn everybody_has_paid_once(batch: &mut Batch, last: i64, when: &str) {
    for payment in batch.refunds.clone() {
        let answer = batch.call(&wish(payment)).await;
        if answer.status == 409 {
            // After a saved 500 it is certain by now that Stripe has never had it: that key is spent.
            let anew = refund(payment, &format!("anew-{payment}"), "3000.00");
            let answer = batch.call(&anew).await;
            assert!(matches!(answer.status, 201 | 202), "{when}: {answer:?}");
        } else {
            assert!(matches!(answer.status, 200..=202), "{when}: {answer:?}");
        }
    }
    let stage = &batch.stage;
    stage.rests().await;
    let refunds = i64::try_from(batch.refunds.len()).expect("a small number");
    let paid = "SELECT count(DISTINCT consultation_id) FROM payments WHERE status = 'completed'";
    assert_eq!(stage.database.number(paid).await, last, "{when}");
    assert_eq!(stage.database.rows().await.doubled, 0, "{when}");
    let books = stage.stripe.books().await;
    assert_eq!((books.captured, books.refunded), (last * FEE, refunds * REFUND), "{when}: {books:?}");
    assert_eq!(books.sessions.get("complete"), Some(&last), "{when}: {books:?}");
    assert_eq!(books.sessions.get("open"), None, "{when}: {books:?}");
    stage.is_in_order(when).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_stripe_answers() {
    let what = "Answers of Stripe's are lost, cut off, refused (409, 429, 500, saved 500) or reset in seeded mixtures, for sessions, \
                their ends, refunds and look-ups; some come back after more than 24 h. One session can be paid, one charge.";
    let mut campaign = Campaign::begin("campaign_stripe_answers", what, 24, 10_000);
    let size = campaign.rounds().div_ceil(3).clamp(1, BATCH);
    let batches = campaign.rounds().div_ceil(size);
    let lanes = usize::try_from(batches.min(8)).expect("a few");
    let pieces: Vec<_> = (0..batches)
        .map(|number| (campaign.seed() + number, size.min(campaign.rounds() - number * size)))
        .collect();
    let mut lanes = Lanes::work(lanes, pieces, &async |piece: (u64, u64)| batch(piece).await);
    let mut sum = Counted::default();
    while let Some(counted) = lanes.next().await {
        sum.schedules += counted.schedules;
        sum.struck += counted.struck;
        sum.a_day_later += counted.a_day_later;
        sum.refunds += counted.refunds;
        campaign.progress(sum.schedules);
    }
    assert!(sum.struck.cast_unsigned() >= sum.schedules, "faults that strike nothing prove nothing");
    campaign.figure("answers lost or wrong", sum.struck);
    campaign.figure("paid only after more than 24 h", sum.a_day_later);
    campaign.figure("refunds asked for", sum.refunds);
    campaign.passed();
}
