//! `kill -9` at random moments, a hundred times, while people press, pay, pay again through sessions that were
//! ended, come back, give up, operators refund, and answers of Stripe's get lost. Afterwards nobody has paid
//! for a consultation twice, nobody is stuck, and the host knows everything.
#![allow(clippy::expect_used, clippy::panic, reason = "a test whose set-up fails has failed")]
#![allow(clippy::print_stdout, reason = "each test prints what it counted")]

use sekali_harness::actor::{OnTheWay, callback, cancel, refund};
use sekali_harness::gateway::session_of;
use sekali_harness::http::{Answer, Connection, Request, path_of};
use sekali_harness::press::{Press, payment_id};
use sekali_harness::seed::Seeded;
use sekali_harness::site::Combination;
use sekali_harness::stage::{SOON, Stage, Webhooks};
use sekali_harness::stripe::pay;
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const ROUNDS: u32 = 100;
/// No more rounds are begun after this.
const ENOUGH: Duration = Duration::from_secs(60);
/// People come for the consultations of this many, further on after each kill.
const WINDOW: i64 = 10;
const STEP: i64 = 2;
const CONSULTATIONS: i64 = WINDOW + STEP * ROUNDS as i64;
const LANES: u64 = 6;
const SEED: u64 = 0xc4a0_5009;
const FEE: i64 = 500_000;

/// What the people of all lanes know.
struct World {
    front: SocketAddr,
    stripe: SocketAddr,
    over: AtomicBool,
    done: AtomicU64,
    /// The window begins after this consultation.
    passed: AtomicI64,
    ways: Mutex<Vec<(i64, OnTheWay)>>,
}

impl World {
    fn remember(&self, consultation: i64, way: OnTheWay) {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner).push((consultation, way));
    }

    /// One of those who have been at Stripe's page, mostly one of the latest.
    fn somebody(&self, random: &mut Seeded) -> Option<(i64, OnTheWay)> {
        let ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let back = random.below(ways.len().clamp(1, 30) as u64 + 1);
        let at = ways.len().checked_sub(usize::try_from(back).ok()?)?;
        ways.get(at).cloned()
    }
}

/// People who act one after the other, whatever becomes of it.
struct Lane {
    world: Arc<World>,
    random: Seeded,
    service: Connection,
    stripe: Connection,
}

impl Lane {
    fn new(world: Arc<World>, seed: u64) -> Self {
        let (service, stripe) = (Connection::to(world.front), Connection::to(world.stripe));
        Self { world, random: Seeded::new(seed), service, stripe }
    }

    async fn play(mut self) {
        while !self.world.over.load(Ordering::SeqCst) {
            // An error: the server has died; somebody else comes.
            if self.act().await.is_err() {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    async fn act(&mut self) -> std::io::Result<()> {
        let what = self.random.below(10);
        if what < 5 {
            return self.goes_to_stripe().await;
        }
        let Some((user, way)) = self.world.somebody(&mut self.random) else { return Ok(()) };
        match what {
            5 => {
                let force = self.random.below(3) == 0;
                self.pays(&way.session, force).await
            }
            7 => self.call(&callback(way.payment, &way.session)).await.map(drop),
            6 | 8 => self.call(&cancel(user, way.payment)).await.map(drop),
            _ => {
                let number = self.random.below(3);
                let amount = ["2000.00", "3000.00", "5000.00"][usize::try_from(number).unwrap_or(0)];
                self.call(&refund(way.payment, &format!("chaos-{}-{number}", way.payment), amount))
                    .await
                    .map(drop)
            }
        }
    }

    async fn goes_to_stripe(&mut self) -> std::io::Result<()> {
        let within = i64::try_from(self.random.below(WINDOW.unsigned_abs())).unwrap_or(0);
        let id = self.world.passed.load(Ordering::SeqCst) + 1 + within;
        let press = Press::own(id, format!("chaos-{id}-{}", self.random.below(8)));
        let answer = self.call(&press.request()).await?;
        let body = answer.json();
        let Some(checkout) = body["data"]["checkout_url"].as_str() else { return Ok(()) };
        let redirect = self.call(&Request::get(path_of(checkout))).await?;
        let Some(session) = session_of(&redirect) else { return Ok(()) };
        let way = OnTheWay { payment: payment_id(&answer), checkout: String::new(), session };
        if self.random.below(4) == 0 {
            self.pays(&way.session, false).await?;
        }
        self.world.remember(id, way);
        Ok(())
    }

    async fn pays(&mut self, session: &str, force: bool) -> std::io::Result<()> {
        self.stripe.call(&pay(session, force)).await.map(drop)
    }

    /// A service that is there answers everything; 503 is an answer too, as long as Stripe or the database
    /// are out of reach.
    async fn call(&mut self, request: &Request) -> std::io::Result<Answer> {
        let answer = self.service.call(request).await?;
        self.world.done.fetch_add(1, Ordering::SeqCst);
        assert!(
            answer.status < 500 || answer.status == 503,
            "{request:?}: {} {}",
            answer.status,
            answer.body
        );
        Ok(answer)
    }
}

/// What goes wrong at Stripe now and then, for as many requests as follow.
const FAULTS: [&str; 5] =
    ["answer_lost", "request_lost", "connection_reset", "server_error", "server_error_after_work"];
const STRUCK: u32 = 4;

/// Kills one server after the other, each some time after it has begun to work.
async fn kill_again_and_again(stage: &mut Stage, world: &World, servers: usize) -> u32 {
    let (mut random, begun, mut rounds) = (Seeded::new(SEED), Instant::now(), 0);
    while rounds < ROUNDS && begun.elapsed() < ENOUGH {
        // Not to wait for something: this is the random moment.
        sleep(Duration::from_millis(20 + random.below(400))).await;
        let victim = usize::try_from(random.below(servers as u64)).unwrap_or(0);
        stage.servers.remove(victim);
        stage.front.lead_to(stage.servers.iter().map(|server| server.address));
        stage.serve(1).await;
        rounds += 1;
        if rounds % 3 == 0 {
            let kind = FAULTS[usize::try_from(random.below(FAULTS.len() as u64)).unwrap_or(0)];
            let fault = json!({ "kind": kind, "times": STRUCK, "method": "POST", "path": "/v1/" });
            stage.stripe.fail(&fault).await;
        }
        world.passed.fetch_add(STEP, Ordering::SeqCst);
    }
    rounds
}

async fn chaos(combination: Combination) {
    let begun = Instant::now();
    let tuning = [("SEKALI_RECONCILE_INTERVAL", "1"), ("SEKALI_AUTOMATIC_REFUNDS", "100000")];
    let mut stage = Stage::set(combination, Webhooks::On, CONSULTATIONS, &tuning).await;
    let world = Arc::new(World {
        front: stage.front.address,
        stripe: stage.stripe.address(),
        over: AtomicBool::new(false),
        done: AtomicU64::new(0),
        passed: AtomicI64::new(0),
        ways: Mutex::default(),
    });
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        lanes.spawn(Lane::new(Arc::clone(&world), SEED + lane).play());
    }
    let rounds = kill_again_and_again(&mut stage, &world, combination.servers()).await;
    world.over.store(true, Ordering::SeqCst);
    sekali_harness::wait::all(lanes).await;
    let killed = begun.elapsed();
    let struck = stage.stripe.end_faults().await;
    stage.restart().await;
    stage.end_leases().await;
    everybody_pays(&stage).await;
    let books = check(&stage).await;
    println!(
        "{combination:?}, seed {SEED:#x}: {rounds} kills in {killed:.1?} and {struck} answers of Stripe's lost or \
         wrong under {} requests; {books}; in order after {:.1?}",
        world.done.load(Ordering::SeqCst),
        begun.elapsed()
    );
}

/// Nobody is stuck: each consultation is paid, or there is a way to pay it.
async fn everybody_pays(stage: &Stage) {
    stage.rests().await;
    let mut connection = stage.servers[0].connect();
    for id in 1..=CONSULTATIONS {
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < SOON, "consultation {id} cannot be paid; {}", stage.said());
            let press = Press::own(id, format!("at-last-{id}-{}", begun.elapsed().as_millis()));
            let answer = connection.call(&press.request()).await.expect("an answer");
            let body = answer.json();
            if body["data"]["status"] == "completed" {
                break;
            }
            if let Some(checkout) = body["data"]["checkout_url"].as_str() {
                let redirect = connection.call(&Request::get(path_of(checkout))).await.expect("an answer");
                if let Some(session) = session_of(&redirect) {
                    stage.stripe.pay(&session).await;
                }
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    stage.rests().await;
}

/// Counts at Stripe, for each consultation, what came in and what went back.
async fn check(stage: &Stage) -> String {
    let captures = "SELECT p.consultation_id, c.amount_minor, c.payment_intent FROM captures c
         JOIN payments p ON p.id = c.payment_id";
    let known: BTreeMap<String, i64> =
        stage.database.triples(captures).await.into_iter().map(|(id, _, intent)| (intent, id)).collect();
    let mut kept: BTreeMap<i64, i64> = BTreeMap::new();
    let charges = stage.stripe.list("charges").await;
    for charge in charges.iter().filter(|charge| charge["status"] == "succeeded") {
        let intent = charge["payment_intent"].as_str().unwrap_or_default();
        let consultation = known.get(intent).unwrap_or_else(|| panic!("nobody knows of {charge}"));
        let amount = |name: &str| charge[name].as_i64().unwrap_or_default();
        *kept.entry(*consultation).or_default() += amount("amount") - amount("amount_refunded");
    }
    let twice: Vec<_> = kept.iter().filter(|(_, kept)| **kept > FEE || **kept < 0).collect();
    assert!(twice.is_empty(), "paid for more than once: {twice:?}");
    assert_eq!(stage.database.rows().await.doubled, 0);
    for server in &stage.servers {
        assert_eq!(server.count_logged("panicked"), 0, "{}", server.said());
    }
    stage.is_in_order("after all that").await;
    let number = async |sql: &str| stage.database.number(sql).await;
    format!(
        "{} payments, {} charges, {} refunds ({} of money that settled nothing), {} messages",
        number("SELECT count(*) FROM payments").await,
        charges.len(),
        number("SELECT count(*) FROM refunds").await,
        number("SELECT count(*) FROM refunds WHERE origin = 'automatic'").await,
        stage.host.heard().len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_on_sqlite() {
    chaos(Combination::SqliteMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_on_two_servers() {
    chaos(Combination::TwoServers).await;
}
