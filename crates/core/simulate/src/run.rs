//! One history, from a seed to what it comes to.

use crate::db::Consulted;
use crate::executor::{Process, Stopped, Who, lock};
use crate::finish;
use crate::log::{Broken, Line, Tally};
use crate::patient::{consultation_of, user};
use crate::plan::{Fault, FaultId, Plan};
use crate::setting::Setting;
use crate::world::Sim;
use crate::{operator, patient};
use sekali_core::domain::{ConsultationId, Currency, Disposition, Money, Terms};
use sekali_core::ports::Point;
use std::sync::Arc;
use std::time::Duration;

/// What a history came to.
#[derive(Clone, Debug)]
pub struct History {
    /// What it was made of.
    pub seed: u64,
    /// What does not hold; nothing, if all is well.
    pub broken: Vec<Broken>,
    /// What happened, if the plan wanted it written.
    pub lines: Vec<Line>,
    /// What was met.
    pub tally: Tally,
    /// A number over all of it: two runs that differ anywhere differ in it.
    pub trace: u64,
    pub(crate) faults: Vec<(FaultId, Fault)>,
    pub(crate) wishes: Vec<(u64, u32)>,
    pub(crate) patients: u64,
}

impl History {
    /// The patients who were charged for one consultation twice, or whose money is not where it belongs.
    pub fn charges_twice(&self) -> bool {
        self.broken.iter().any(|broken| broken.how.contains("TWICE"))
    }
}

/// Runs the history of a seed.
pub fn run(seed: u64, plan: &Plan) -> History {
    let setting = Setting::of(seed);
    let sim = Sim::new(seed, plan.clone(), setting, None);
    lock(&sim.db).migrated = true;
    let main = sim.clone();
    sim.spawn(Process::World, Who::World, &[0], async move { live(&main).await });
    let stopped = sim.executor.run(&mut |_| 0);
    if stopped != Stopped::Ended {
        sim.broken("I9", format!("the history does not end: {stopped:?}"));
    }
    gather(&sim)
}

/// Consultations are there, servers start, everybody does what they do; then the faults stop, and everybody pays.
async fn live(sim: &Arc<Sim>) {
    put_consultations(sim);
    let servers = lock(&sim.machines).len();
    for server in 0..servers {
        sim.boot(server, true);
    }
    let clocks = sim.clone();
    sim.spawn(Process::World, Who::World, &[0xc1], async move { clocks.disturb_clocks().await });
    operator::begin(sim);
    let numbers = (1..=sim.setting.patients).filter(|number| !sim.plan.no_patients.contains(number));
    let lives: Vec<_> = numbers.map(|number| patient::begin(sim, number)).collect();
    sim.executor.sleep(Duration::from_micros(sim.setting.quiet_at)).await;
    finish::calm(sim);
    // The processes end when this task waits.
    sim.executor.sleep(Duration::from_micros(1)).await;
    finish::start_again(sim);
    for life in lives {
        life.await;
    }
    let early = sim.executor.below(2) == 0;
    if early {
        finish::everybody_pays(sim).await;
    }
    finish::come_to_rest(sim).await;
    if !early {
        finish::everybody_pays(sim).await;
    }
    finish::come_to_rest(sim).await;
    sim.check_all();
    finish::compare_books(sim).await;
}

fn put_consultations(sim: &Sim) {
    let mut db = lock(&sim.db);
    for number in 1..=sim.setting.patients {
        let (first, fee) = (consultation_of(number), Money::new(500_000, Currency::PHP));
        for id in [first, ConsultationId(first.0 + 100)] {
            let terms = Terms { fee, tax_exempt: false };
            db.consultations.insert(id, Consulted { patient: user(number), terms });
        }
    }
}

fn gather(sim: &Arc<Sim>) -> History {
    // Processes hold the world, and the world them.
    let ended: Vec<_> = lock(&sim.machines).iter_mut().map(|machine| machine.flows.take()).collect();
    drop(ended);
    let tally = tally(sim);
    let trace = lock(&sim.executor.core).trace;
    let mut log = lock(&sim.log);
    History {
        seed: sim.seed,
        broken: std::mem::take(&mut log.broken),
        lines: std::mem::take(&mut log.lines),
        tally,
        trace,
        faults: std::mem::take(&mut log.faults),
        wishes: std::mem::take(&mut log.wishes),
        patients: sim.setting.patients,
    }
}

fn tally(sim: &Sim) -> Tally {
    let mut tally = Tally { histories: 1, steps: lock(&sim.executor.core).polls, ..Tally::default() };
    {
        let log = lock(&sim.log);
        tally.presses = log.presses;
        for (_, fault) in &log.faults {
            *tally.faults.entry(fault.name()).or_default() += 1;
        }
        for point in Point::ALL {
            let count = log.points[point as usize];
            if count > 0 {
                tally.points.insert(point.name(), count);
            }
        }
    }
    let db = lock(&sim.db);
    for row in &db.rows {
        tally.payments += 1;
        *tally.ends.entry(row.file.payment.status.as_str()).or_default() += 1;
        let stray = row.file.captures.iter().filter(|capture| capture.disposition != Disposition::Settled);
        tally.surplus += stray.count() as u64;
    }
    let stripe = lock(&sim.stripe);
    tally.sessions = stripe.sessions.len() as u64;
    tally.charges = stripe.charges.len() as u64;
    tally.refunds = stripe.refunds.len() as u64;
    tally.disputes = stripe.disputes.len() as u64;
    tally.messages = lock(&sim.host).taken.len() as u64;
    tally
}
