//! One race, small enough to be looked at: a patient presses several times within milliseconds, at two servers, and
//! pays wherever an answer leads. What each request went through is told step by step, as the real service tells it.

use crate::db::Consulted;
use crate::executor::{Process, Stopped, Who, lock};
use crate::gateway::AtStripe;
use crate::log::Line;
use crate::patient::{Client, Wanted, consultation_of, key, user};
use crate::plan::Plan;
use crate::press::receipt;
use crate::setting::Setting;
use crate::slot::{Awaited, slot};
use crate::world::{EPOCH, Sim};
use sekali_core::domain::{Currency, Money, PaymentId, Terms};
use sekali_core::flow::checkout::Way;
use sekali_core::flow::pay::{Answer, PayError};
use sekali_core::ports::Point;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Presses of a race.
const PRESSES: u32 = 3;
/// They come within this many microseconds.
const WITHIN: u64 = 8_000;
/// Tries to get to Stripe's page; somebody else may be on the way there.
const TRIES: u32 = 20;
/// Between two of them.
const AGAIN: Duration = Duration::from_millis(20);
/// Until the last webhook is worked off.
const REST: Duration = Duration::from_millis(300);
const PATIENT: u64 = 1;
const FEE: Money = Money::new(500_000, Currency::PHP);

/// From one moment to another, in microseconds since 1970.
pub type Stretch = (i64, i64);

/// One press, and what came of it. Moments are microseconds since 1970.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its number, from 1.
    pub number: u32,
    /// A letter for its idempotency key.
    pub key: char,
    /// When it was sent.
    pub sent: i64,
    /// When its answer had come.
    pub received: Option<i64>,
    /// The answer.
    pub answer: Option<Result<Answer, PayError>>,
    /// The steps that it came through.
    pub steps: Vec<(Point, Stretch)>,
    /// What it spent waiting for another request's lock.
    pub waits: Vec<Stretch>,
    /// The Checkout Session that its patient came to, and paid there, if that was still possible.
    pub session: Option<(String, bool)>,
}

/// What a race came to.
#[derive(Clone, Debug)]
pub struct Race {
    /// What it was made of.
    pub seed: u64,
    /// The presses.
    pub lanes: Vec<Lane>,
    /// Payments in the database.
    pub payments: usize,
    /// Sessions at the gateway.
    pub sessions: usize,
    /// Charges at the gateway.
    pub charges: usize,
    /// Everything that happened, if the plan wanted it written.
    pub lines: Vec<Line>,
}

impl Race {
    /// Whether the patient was charged more than once.
    pub fn charges_twice(&self) -> bool {
        self.charges > 1
    }
}

/// Runs the race of a seed.
pub fn race(seed: u64, plan: &Plan) -> Race {
    let setting = Setting::race(seed);
    let sim = Sim::new(seed, plan.clone(), setting, None);
    {
        let mut db = lock(&sim.db);
        db.migrated = true;
        let terms = Terms { fee: FEE, tax_exempt: false };
        db.consultations.insert(consultation_of(PATIENT), Consulted { patient: user(PATIENT), terms });
    }
    let lanes = Arc::new(Mutex::new(Vec::new()));
    let (main, running) = (sim.clone(), lanes.clone());
    sim.spawn(Process::World, Who::World, &[0], async move { run(&main, &running).await });
    let stopped = sim.executor.run(&mut |_| 0);
    if stopped != Stopped::Ended {
        sim.broken("I9", format!("the race does not end: {stopped:?}"));
    }
    gather(&sim, &mut lock(&lanes))
}

type Lanes = Arc<Mutex<Vec<Lane>>>;

async fn run(sim: &Arc<Sim>, lanes: &Lanes) {
    let servers = lock(&sim.machines).len();
    for server in 0..servers {
        sim.boot(server, true);
    }
    // One key for all of them, or one each.
    let same_key = sim.executor.below(2) == 0;
    let mut after: Vec<u64> = (0..PRESSES).map(|_| sim.executor.below(WITHIN)).collect();
    after.sort_unstable();
    let presses: Vec<_> = (1..)
        .zip(after)
        .map(|(number, after)| {
            let letter = if same_key { 'A' } else { ['A', 'B', 'C'][number as usize % 3] };
            begin(sim, lanes, number, letter, Duration::from_micros(after))
        })
        .collect();
    for press in presses {
        press.await;
    }
    sim.executor.sleep(REST).await;
}

/// A press and what follows it; whoever waits learns when it is over.
fn begin(sim: &Arc<Sim>, lanes: &Lanes, number: u32, letter: char, after: Duration) -> Awaited<()> {
    let (over, awaited) = slot();
    let (me, lanes) = (sim.clone(), lanes.clone());
    let life = async move {
        me.executor.sleep(after).await;
        live(&me, &lanes, number, letter).await;
        over.give(());
    };
    sim.spawn(Process::World, Who::Patient(PATIENT), &[0x4ace, u64::from(number)], life);
    awaited
}

async fn live(sim: &Arc<Sim>, lanes: &Lanes, number: u32, letter: char) {
    let client = Client { sim: sim.clone(), patient: PATIENT, first: first_request(number) };
    let sent = sim.true_time().as_micros();
    let Some(of_click) = key(&format!("payment-{letter}")) else { return };
    let wanted = Wanted { consultation: consultation_of(PATIENT), key: of_click, amount: FEE };
    let answer = client.press(0, wanted).await;
    let received = answer.as_ref().map(|_| sim.true_time().as_micros());
    let to_pay = answer.as_ref().and_then(|answer| Some(receipt(answer.as_ref().ok()?).payment.id));
    let session = match to_pay {
        Some(payment) => pay_at_stripe(sim, &client, payment).await,
        None => None,
    };
    let (steps, waits) = (Vec::new(), Vec::new());
    lock(lanes).push(Lane { number, key: letter, sent, received, answer, steps, waits, session });
}

/// The patient goes where the answer leads, and pays there.
async fn pay_at_stripe(sim: &Arc<Sim>, client: &Client, payment: PaymentId) -> Option<(String, bool)> {
    for attempt in 1..=TRIES {
        match client.proceed(attempt, payment).await {
            Some(Way::ToStripe(url)) => {
                let tab = url.rsplit('/').next()?.to_owned();
                // Somebody types a card number.
                sim.executor.sleep(Duration::from_micros(1 + sim.executor.below(WITHIN))).await;
                let paid = sim.at_stripe(&tab, AtStripe::Pays);
                return Some((tab, paid));
            }
            Some(Way::Stands(_) | Way::NoPayment) => return None,
            Some(Way::Later(_)) | None => sim.executor.sleep(AGAIN).await,
        }
    }
    None
}

/// Requests of one press are numbered from here on.
fn first_request(number: u32) -> u32 {
    number * 100
}

fn gather(sim: &Arc<Sim>, lanes: &mut Vec<Lane>) -> Race {
    // Processes hold the world, and the world them.
    let ended: Vec<_> = lock(&sim.machines).iter_mut().map(|machine| machine.flows.take()).collect();
    drop(ended);
    let mut lanes = std::mem::take(lanes);
    lanes.sort_by_key(|lane| lane.number);
    let mut log = lock(&sim.log);
    let since_1970 = |(from, to): (u64, u64)| {
        let at = |micros: u64| EPOCH.plus(Duration::from_micros(micros)).as_micros();
        (at(from), at(to))
    };
    for lane in &mut lanes {
        let me = Who::Request(PATIENT, first_request(lane.number));
        let steps = log.steps.iter().filter(|(who, ..)| *who == me);
        lane.steps = steps.map(|(_, point, stretch)| (*point, since_1970(*stretch))).collect();
        let waits = log.waits.iter().filter(|(who, _)| *who == me);
        lane.waits = waits.map(|(_, stretch)| since_1970(*stretch)).collect();
    }
    let stripe = lock(&sim.stripe);
    Race {
        seed: sim.seed,
        lanes,
        payments: lock(&sim.db).rows.len(),
        sessions: stripe.sessions.len(),
        charges: stripe.charges.len(),
        lines: std::mem::take(&mut log.lines),
    }
}

impl Sim {
    /// Keeps a step or a wait for the drawing, if anybody wants to see it.
    pub(crate) fn note_stretch(&self, point: Option<Point>, took: Duration) {
        if !self.plan.written {
            return;
        }
        let (who, _) = self.executor.who();
        let to = self.executor.now();
        let stretch = (to.saturating_sub(u64::try_from(took.as_micros()).unwrap_or(0)), to);
        let mut log = lock(&self.log);
        match point {
            Some(point) => log.steps.push((who, point, stretch)),
            None => log.waits.push((who, stretch)),
        }
    }
}
