//! The wall clock of the service's machine is set ten minutes or a day ahead or back, in the middle of a story,
//! and put right later: nobody is charged twice, and everything is settled at last.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::callback;
use sekali_harness::campaign::Campaign;
use sekali_harness::clock::{DAY, WallClock};
use sekali_harness::gateway::session_of;
use sekali_harness::http::{Connection, Request, path_of};
use sekali_harness::lanes::Lanes;
use sekali_harness::mailbox::{Letter, Mailbox};
use sekali_harness::patient::all_pay_once;
use sekali_harness::press::{Press, names_payment, payment_id};
use sekali_harness::program;
use sekali_harness::seed::Seeded;
use sekali_harness::site::Combination;
use sekali_harness::stage::{Stage, Webhooks};

/// Rounds on one database.
const BATCH: u64 = 50;
const MINUTES: i64 = 600;
const STEPS: [i64; 4] = [MINUTES, -MINUTES, DAY, -DAY];
/// Before which part of the story the clock is set.
const MOMENTS: u64 = 4;

/// One service, whose clock the test sets.
struct Scene {
    stage: Stage,
    clock: WallClock,
    mailbox: Mailbox,
    connection: Connection,
    refused: u64,
}

impl Scene {
    /// One consultation: a press, the way to Stripe, the payment, the webhook, the way back, and the clock is set
    /// `ahead` before the part with that number.
    async fn play(&mut self, consultation: i64, ahead: i64, moment: u64) {
        let press = Press::own(consultation, format!("clock-{consultation}"));
        self.set(0, moment, ahead);
        let answer = self.connection.call(&press.request()).await.expect("an answer");
        assert_eq!(answer.status, 201, "{ahead} s: {}", answer.body);
        let payment = payment_id(&answer);
        self.set(1, moment, ahead);
        // The same key, whatever time it is: it is known.
        let again = self.connection.call(&press.request()).await.expect("an answer");
        assert_eq!((again.status, payment_id(&again)), (409, payment), "{ahead} s: {}", again.body);
        assert!(names_payment(&again));
        let body = again.json();
        let checkout = body["data"]["checkout_url"].as_str().expect("a way to pay");
        let redirect = self.connection.call(&Request::get(path_of(checkout))).await.expect("an answer");
        self.set(2, moment, ahead);
        let Some(session) = session_of(&redirect) else {
            // By a wrong clock the session's end is outside of what Stripe takes.
            assert!(matches!(redirect.status, 303 | 503), "{ahead} s: {redirect:?}");
            self.refused += 1;
            self.clock.set(0);
            return;
        };
        self.stage.stripe.pay(&session).await;
        let letter = self.mailbox.take("checkout.session.completed", &session).await;
        self.set(3, moment, ahead);
        self.comes_in(&letter, ahead, moment).await;
        let page = self.connection.call(&callback(payment, &session)).await.expect("an answer");
        assert!(page.body.contains("Pembayaran berhasil"), "{ahead} s: {}", page.body);
        self.clock.set(0);
    }

    fn set(&self, now: u64, moment: u64, ahead: i64) {
        if now == moment {
            self.clock.set(ahead);
        }
    }

    /// A webhook is good for 300 s by the clock of whoever gets it: with a wrong clock it is turned away, and
    /// comes again from Stripe when the clock is right.
    async fn comes_in(&mut self, letter: &Letter, ahead: i64, moment: u64) {
        let answer = self.connection.call(&letter.request()).await.expect("an answer");
        let expected = if moment <= 3 && ahead != 0 { 400 } else { 200 };
        assert_eq!(answer.status, expected, "{ahead} s: {}", answer.body);
    }
}

impl Scene {
    /// `sekali outbox replay`, for each payment of these consultations that the host was not told all of.
    async fn makes_deliveries_due(&self, consultations: &[i64]) -> u64 {
        let listed: Vec<_> = consultations.iter().map(i64::to_string).collect();
        let untold = format!(
            "SELECT o.payment_id, CAST(o.last_seq AS bigint), '' FROM outbox o JOIN payments p ON p.id = o.payment_id \
             WHERE o.delivered_seq < o.last_seq AND p.consultation_id IN ({})",
            listed.join(", ")
        );
        let untold = self.stage.database.triples(&untold).await;
        for (payment, _, _) in &untold {
            let replay = self.stage.run(&["outbox", "replay", "--payment", &payment.to_string()]);
            assert!(replay.status.success(), "{}", String::from_utf8_lossy(&replay.stderr));
        }
        untold.len() as u64
    }
}

#[derive(Clone, Copy, Default)]
struct Counted {
    rounds: u64,
    refused: u64,
    waiting: u64,
}

async fn batch(seed: u64, rounds: u64) -> Counted {
    let mut random = Seeded::new(seed);
    let last = i64::try_from(rounds).expect("a small number");
    let (mailbox, clock) = (Mailbox::open().await, WallClock::new());
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1")];
    let combination =
        if seed.is_multiple_of(2) { Combination::SqliteMemory } else { Combination::PostgresRedis };
    let mut stage = Stage::empty(combination, Webhooks::To(&mailbox.url), &tuning).await;
    let settings = clock.settings();
    stage
        .serve_with(program::serve(), &settings.each_ref().map(|(name, value)| (*name, value.as_str())))
        .await;
    stage.database.seed(last, |id| id).await;
    let connection = stage.servers[0].connect();
    let mut scene = Scene { stage, clock, mailbox, connection, refused: 0 };
    let mut minutes_ahead = vec![0];
    for consultation in 1..=last {
        let step = STEPS[usize::try_from(random.below(4)).expect("an index")];
        if step == MINUTES {
            minutes_ahead.push(consultation);
        }
        scene.play(consultation, step, random.below(MOMENTS)).await;
    }
    // The clock is right again: who could not pay can. What was to be told by a clock that was minutes ahead waits
    // for so long, or for the operator; what was a day ahead the reconciler brings forward.
    let waiting = scene.makes_deliveries_due(&minutes_ahead).await;
    all_pay_once(&scene.stage, last, &format!("seed {seed}")).await;
    Counted { rounds, refused: scene.refused, waiting }
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_site_clock() {
    let what = "The service's wall clock is set 10 minutes or a day ahead or back within a story, and put right after it \
                (the monotonic clock is left alone): nobody pays twice, everybody can pay, the host hears everything.";
    let mut campaign = Campaign::begin("campaign_site_clock", what, 16, 500);
    let size = campaign.rounds().div_ceil(2).clamp(1, BATCH);
    let batches = campaign.rounds().div_ceil(size);
    let pieces: Vec<_> = (0..batches)
        .map(|number| (campaign.seed() + number, size.min(campaign.rounds() - number * size)))
        .collect();
    let lanes = usize::try_from(batches.min(4)).expect("a few");
    let mut lanes = Lanes::work(lanes, pieces, &async |(seed, rounds): (u64, u64)| batch(seed, rounds).await);
    let mut sum = Counted::default();
    while let Some(counted) = lanes.next().await {
        sum.rounds += counted.rounds;
        sum.refused += counted.refused;
        sum.waiting += counted.waiting;
        campaign.progress(sum.rounds);
    }
    campaign.figure("had to wait for the right time to pay", sum.refused);
    campaign.figure("messages to the host that an operator made due, as docs/operating.md says", sum.waiting);
    campaign.passed();
}
