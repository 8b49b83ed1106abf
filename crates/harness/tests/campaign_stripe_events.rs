//! All that Stripe has to say of a payment, in every order, each word of it twice, some before the service has
//! noted which session it is about, and some days late: it ends the same way each time.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::campaign::Campaign;
use sekali_harness::clock::DAY;
use sekali_harness::gateway::follow;
use sekali_harness::http::{Answer, Connection, Request};
use sekali_harness::lanes::Lanes;
use sekali_harness::mailbox::{Letter, Mailbox};
use sekali_harness::press::Press;
use sekali_harness::program;
use sekali_harness::proxy::{Direction, Fault, Manner, Proxy};
use sekali_harness::seed::Seeded;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::wait::{all, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

/// Of 5000.00, in centavos.
const BACK: i64 = 200_000;
/// Declined for lack of money.
const DECLINED: &str = "4000000000009995";
/// In the order in which they happen.
const EVENTS: [&str; 5] = [
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "checkout.session.completed",
    "charge.refunded",
    "refund.created",
];
const ORDERS: usize = 120;
/// Stories mostly wait for what is late, so many side by side do not disturb each other.
const LANES: usize = 9;
/// So late is Stripe's answer with the session where its events overtake it.
const OVERTAKEN: Duration = Duration::from_millis(400);
/// By Stripe's clock.
const LATE: i64 = 3 * DAY;

/// Every order of so many.
fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let first_and_rest = (0..items.len()).flat_map(|at| {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        permutations(&rest).into_iter().map(move |mut order| {
            order.insert(0, first);
            order
        })
    });
    first_and_rest.collect()
}

/// How the events of one payment come.
struct Plan {
    order: Vec<usize>,
    /// So many at the beginning come before the service has noted the session.
    early: usize,
    /// So many at the end come days late.
    late: usize,
    /// Those whose second delivery is at the same moment; the others' is after all the rest.
    at_once: [bool; EVENTS.len()],
}

impl Plan {
    fn drawn(order: &[usize], random: &mut Seeded) -> Self {
        let mut pick = |end: u64| usize::try_from(random.below(end)).expect("a small number");
        let early = if pick(3) == 0 { 1 + pick(3) } else { 0 };
        let late = if pick(3) == 0 { 1 + pick(2) } else { 0 };
        Self { order: order.to_vec(), early, late, at_once: std::array::from_fn(|_| pick(2) == 0) }
    }
}

/// What Stripe calls the things that the events are about.
struct Names {
    session: String,
    intent: String,
    charge: String,
    refund: String,
}

impl Names {
    fn of(&self, event: usize) -> &str {
        match event {
            0 | 1 => &self.intent,
            2 => &self.session,
            3 => &self.charge,
            _ => &self.refund,
        }
    }
}

/// A payment whose late events have not come yet.
struct Waiting {
    plan: Plan,
    names: Names,
}

struct Scene<'s> {
    stage: &'s Stage,
    mailbox: &'s Mailbox,
    /// On the way to Stripe.
    proxy: &'s Proxy,
    turn: usize,
    overtaken: u64,
}

impl Scene<'_> {
    /// Everything but what is late.
    async fn play(&mut self, consultation: i64, plan: Plan) -> Waiting {
        let late: BTreeSet<&str> =
            plan.order[EVENTS.len() - plan.late..].iter().map(|event| EVENTS[*event]).collect();
        for kind in late {
            let fault =
                json!({ "kind": "webhook_late", "event_type": kind, "times": 1, "delay_ms": LATE * 1000 });
            self.stage.stripe.fail(&fault).await;
        }
        let (names, visit) = self.paid_and_refunded(consultation, plan.early > 0).await;
        let now = EVENTS.len() - plan.late;
        let early = plan.early.min(now);
        if early > 0 && !self.is_noted(&names.session).await {
            self.overtaken += 1;
        }
        let mut doubled = self.deliver(&plan, &names, &plan.order[..early]).await;
        let page = visit.await.expect("a task");
        assert!(matches!(page.status, 303 | 403 | 503), "{page:?}");
        doubled.extend(self.deliver(&plan, &names, &plan.order[early..now]).await);
        self.hand_in(&doubled.iter().collect::<Vec<_>>()).await;
        Waiting { plan, names }
    }

    /// What comes days late.
    async fn finish(&mut self, waiting: &Waiting) {
        let now = EVENTS.len() - waiting.plan.late;
        let doubled = self.deliver(&waiting.plan, &waiting.names, &waiting.plan.order[now..]).await;
        self.hand_in(&doubled.iter().collect::<Vec<_>>()).await;
    }

    async fn is_noted(&self, session: &str) -> bool {
        let sql = format!("SELECT count(*) FROM checkout_sessions WHERE gateway_id = '{session}'");
        self.stage.database.number(&sql).await > 0
    }

    /// Presses, is declined, pays, and gets a part back from Stripe's dashboard, while the page on the way to
    /// Stripe may still wait for its answer.
    async fn paid_and_refunded(&mut self, consultation: i64, overtakes: bool) -> (Names, JoinHandle<Answer>) {
        let stripe = &self.stage.stripe;
        let mut connection = self.connect();
        let press = Press::own(consultation, format!("events-{consultation}"));
        let answer = connection.call(&press.request()).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.body);
        let late = Fault { direction: Direction::ToClient, after: 0, manner: Manner::Delay(OVERTAKEN) };
        self.proxy.set(overtakes.then_some(late));
        let visit =
            tokio::spawn(
                async move { follow(&mut connection, &answer).await.expect("an answer of the page") },
            );
        let session = self.newest_session().await;
        self.declined(&session).await;
        stripe.pay(&session).await;
        let object = stripe.get(&format!("/v1/checkout/sessions/{session}?expand[]=payment_intent")).await;
        let text = |value: &Value| value.as_str().expect("a name of Stripe's").to_owned();
        let (intent, charge) =
            (text(&object["payment_intent"]["id"]), text(&object["payment_intent"]["latest_charge"]));
        let refund = stripe.order(&format!("charges/{charge}/refund"), &json!({ "amount": BACK })).await;
        (Names { session, intent, charge, refund: text(&refund["id"]) }, visit)
    }

    /// The one that the visit has made: nobody else makes any meanwhile.
    async fn newest_session(&self) -> String {
        until("there is a session", SOON, async || {
            let list = self.stage.stripe.get("/v1/checkout/sessions?limit=1").await;
            let newest = &list["data"][0];
            (newest["status"] == "open").then(|| newest["id"].as_str().expect("a name").to_owned())
        })
        .await
    }

    async fn declined(&self, session: &str) {
        let order = json!({ "card": DECLINED });
        let path = format!("/simulator/sessions/{session}/pay");
        let mut connection = self.stage.stripe.connect();
        let answer = connection.call(&Request::with_json("POST", path, &order)).await.expect("an answer");
        assert_eq!(answer.status, 402, "{}", answer.body);
    }

    /// Hands these in, one after the other; returns what has to come once more.
    async fn deliver(&mut self, plan: &Plan, names: &Names, events: &[usize]) -> Vec<Letter> {
        let mut doubled = Vec::new();
        for event in events {
            let letter = self.mailbox.take(EVENTS[*event], names.of(*event)).await;
            if plan.at_once[*event] {
                self.hand_in(&[&letter, &letter]).await;
            } else {
                self.hand_in(&[&letter]).await;
                doubled.push(letter);
            }
        }
        doubled
    }

    /// At one moment, to one server after the other.
    async fn hand_in(&mut self, letters: &[&Letter]) {
        let mut deliveries = JoinSet::new();
        for letter in letters {
            let (mut connection, request) = (self.connect(), letter.request());
            deliveries.spawn(async move { connection.call(&request).await.expect("an answer").status });
        }
        let statuses = all(deliveries).await;
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }

    fn connect(&mut self) -> Connection {
        self.turn += 1;
        self.stage.servers[self.turn % self.stage.servers.len()].connect()
    }
}

#[derive(Clone, Copy, Default)]
struct Counted {
    stories: u64,
    early: u64,
    overtaken: u64,
    late: u64,
}

async fn batch((seed, orders): (u64, Vec<Vec<usize>>)) -> Counted {
    let mut random = Seeded::new(seed);
    let mailbox = Mailbox::open().await;
    let last = i64::try_from(orders.len()).expect("a small number");
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "3600")];
    let mut stage = Stage::empty(Combination::TwoServers, Webhooks::To(&mailbox.url), &tuning).await;
    let proxy = Proxy::open(stage.stripe.address()).await;
    let through = proxy.in_place_of(&stage.stripe.base());
    for _ in 0..2 {
        stage.serve_with(program::serve(), &[("STRIPE_API_BASE", &through)]).await;
    }
    stage.database.seed(last, |id| id).await;
    let mut scene = Scene { stage: &stage, mailbox: &mailbox, proxy: &proxy, turn: 0, overtaken: 0 };
    let (mut waiting, mut counted) = (Vec::new(), Counted::default());
    for (consultation, order) in (1..).zip(&orders) {
        let plan = Plan::drawn(order, &mut random);
        counted.early += u64::from(plan.early > 0);
        counted.late += u64::from(plan.late > 0);
        waiting.push(scene.play(consultation, plan).await);
    }
    stage.stripe.order("clock", &json!({ "advance": LATE })).await;
    for one in &waiting {
        scene.finish(one).await;
    }
    counted.overtaken = scene.overtaken;
    counted.stories = orders.len() as u64;
    one_end(&stage, last, &format!("seed {seed}")).await;
    counted
}

async fn one_end(stage: &Stage, last: i64, when: &str) {
    stage.rests().await;
    let told = stage.host.stories().into_values();
    let stories: BTreeSet<Vec<String>> =
        told.map(|story| story.into_iter().map(|(_, kind)| kind).collect()).collect();
    let one = ["payment.created", "payment.processing", "payment.completed", "payment.refunded"];
    assert_eq!(stories.into_iter().collect::<Vec<_>>(), [one.map(str::to_owned)], "{when}");
    let same = format!(
        "SELECT count(*) FROM payments WHERE status = 'completed' AND refunded_minor = {BACK}
            AND (SELECT count(*) FROM payment_events e WHERE e.payment_id = payments.id AND e.kind = 'completed') = 1
            AND (SELECT count(*) FROM payment_events e WHERE e.payment_id = payments.id AND e.kind = 'refund_succeeded') = 1"
    );
    assert_eq!(stage.database.number(&same).await, last, "{when}");
    let events = stage.database.number("SELECT count(*) FROM gateway_events").await;
    assert_eq!(events, 5 * last, "{when}: each event once");
    let books = stage.stripe.books().await;
    assert_eq!(books.captured, last * 500_000, "{when}: {books:?}");
    assert_eq!(books.refunded, last * BACK, "{when}: {books:?}");
    stage.is_in_order(when).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_stripe_events() {
    let what = "Five events of a payment in all 120 orders, each twice (at once, or after the rest), some before the session is \
                noted, some three days late, through two servers: one end.";
    let mut campaign = Campaign::begin("campaign_stripe_events", what, 120, 100 * ORDERS as u64);
    let orders = permutations(&[0, 1, 2, 3, 4]);
    assert_eq!(orders.len(), ORDERS);
    let seeds = campaign.rounds().div_ceil(ORDERS as u64);
    campaign.at_most(seeds * ORDERS as u64);
    // Three databases for a seed: what is early is slow, and they need not wait for each other.
    let pieces: Vec<_> = (0..seeds)
        .flat_map(|number| orders.chunks(ORDERS / 3).map(move |some| (number, some.to_vec())))
        .enumerate()
        .map(|(at, (number, some))| (campaign.seed() + number * 3 + at as u64 % 3, some))
        .collect();
    let lanes = usize::try_from(3 * seeds).map_or(LANES, |batches| batches.min(LANES));
    let mut lanes = Lanes::work(lanes, pieces, &async |piece: (u64, Vec<Vec<usize>>)| batch(piece).await);
    let mut sum = Counted::default();
    while let Some(counted) = lanes.next().await {
        sum.stories += counted.stories;
        sum.early += counted.early;
        sum.overtaken += counted.overtaken;
        sum.late += counted.late;
        campaign.progress(sum.stories);
    }
    assert!(sum.overtaken > 0 && sum.late > 0, "nothing came early, or nothing late");
    campaign.figure(
        "payments with events before their session was noted",
        format!("{} of {} tried", sum.overtaken, sum.early),
    );
    campaign.figure("payments with events three days late", sum.late);
    campaign.passed();
}
