//! One simulated world: everything that a history consists of, and how its parts wait and fail.

use crate::coordination::Redis;
use crate::db::Db;
use crate::executor::{Executor, Process, Who, Yield, lock};
use crate::gateway::Books;
use crate::host::HostBooks;
use crate::log::{Broken, Line, Log};
use crate::plan::{Fault, Guard, Plan};
use crate::press::Presses;
use crate::server::Machine;
use crate::setting::Setting;
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{Clock, Point, Probe, Random};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// When every history begins.
pub(crate) const EPOCH: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// How a small model is walked through: every await is a choice, and nothing takes time.
#[derive(Default)]
pub(crate) struct Model {
    /// What was chosen, of how many.
    pub(crate) choices: Vec<(usize, usize)>,
    /// What is to be chosen first.
    pub(crate) prefix: Vec<usize>,
    /// Crashes that may still happen.
    pub(crate) crashes: u32,
    /// Locks that may still be handed to a second holder.
    pub(crate) second_holders: u32,
    /// Before and after, there is nothing to choose.
    pub(crate) is_open: bool,
}

impl Model {
    pub(crate) fn choose(&mut self, among: usize) -> usize {
        if among <= 1 || !self.is_open {
            return 0;
        }
        let chosen = self.prefix.get(self.choices.len()).copied().unwrap_or(0);
        self.choices.push((chosen, among));
        chosen
    }
}

pub(crate) struct Sim {
    pub(crate) me: Weak<Sim>,
    pub(crate) seed: u64,
    pub(crate) plan: Plan,
    pub(crate) setting: Setting,
    pub(crate) executor: Executor,
    pub(crate) model: Option<Mutex<Model>>,
    pub(crate) quiet: Mutex<bool>,
    pub(crate) machines: Mutex<Vec<Machine>>,
    pub(crate) db: Mutex<Db>,
    pub(crate) redis: Mutex<Redis>,
    pub(crate) stripe: Mutex<Books>,
    pub(crate) host: Mutex<HostBooks>,
    pub(crate) presses: Mutex<Presses>,
    pub(crate) log: Mutex<Log>,
}

impl Sim {
    pub(crate) fn new(seed: u64, plan: Plan, setting: Setting, model: Option<Model>) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            seed,
            executor: Executor::new(seed),
            model: model.map(Mutex::new),
            quiet: Mutex::default(),
            machines: Mutex::new(Machine::several(&setting, seed)),
            db: Mutex::new(Db::new(&plan.guards)),
            redis: Mutex::default(),
            stripe: Mutex::default(),
            host: Mutex::default(),
            presses: Mutex::default(),
            log: Mutex::default(),
            plan,
            setting,
        })
    }

    /// A handle for whoever outlives the call.
    pub(crate) fn arc(&self) -> Arc<Self> {
        #[expect(clippy::expect_used, reason = "whoever calls this holds the world")]
        self.me.upgrade().expect("the world is there while it is used")
    }

    pub(crate) fn has(&self, guard: Guard) -> bool {
        self.plan.guards.has(guard)
    }

    /// The time that no server knows.
    pub(crate) fn true_time(&self) -> Timestamp {
        EPOCH.plus(Duration::from_micros(self.executor.now()))
    }

    /// Whether this goes wrong now.
    pub(crate) fn fault(&self, fault: Fault) -> bool {
        let rate = self.setting.rate(fault);
        if rate == 0 || *lock(&self.quiet) {
            return false;
        }
        let id = {
            let mut core = lock(&self.executor.core);
            let Some(task) = core.current else { return false };
            let meta = &mut core.metas[task];
            meta.fault_draws += 1;
            if !meta.fault_rng.chance(rate) {
                return false;
            }
            (meta.stream, meta.fault_draws)
        };
        if self.plan.no_faults.contains(&id) {
            return false;
        }
        lock(&self.log).faults.push((id, fault));
        if fault != Fault::Slow {
            self.note(|| (format!("FAULT {}", fault.name()), String::new()));
        }
        true
    }

    /// A message is under way, and may be for ever: here a server can die.
    pub(crate) async fn travel(&self) {
        if !self.executor.is_inside() {
            return;
        }
        if self.model.is_some() {
            return self.choose_to_go_on().await;
        }
        let server = self.executor.server();
        if let Some(server) = server
            && self.fault(Fault::Crash)
        {
            self.crash(server);
            std::future::pending::<()>().await;
        }
        self.executor.sleep(self.latency()).await;
    }

    /// The way back. In a small model one await a call is all that can make a difference: between two effects
    /// there is nothing that anybody else could see.
    pub(crate) async fn travel_back(&self) {
        if self.model.is_none() {
            self.travel().await;
        }
    }

    fn latency(&self) -> Duration {
        let bits = self.executor.draw();
        let usual = 50 + bits % 1500;
        let micros = if self.fault(Fault::Slow) { 1_000_000 + bits % 9_000_000 } else { usual };
        Duration::from_micros(micros)
    }

    /// In a small model the server may die at each await; else somebody else may go first.
    async fn choose_to_go_on(&self) {
        Yield(false).await;
        let Some(server) = self.executor.server() else { return };
        let crashes = self.model.as_ref().is_some_and(|model| {
            let mut model = lock(model);
            if model.crashes == 0 || !model.is_open || model.choose(2) == 0 {
                return false;
            }
            model.crashes -= 1;
            true
        });
        if crashes {
            self.crash(server);
            std::future::pending::<()>().await;
        }
    }

    /// A server's process ends now, with all that it was about to do.
    pub(crate) fn crash(&self, server: usize) {
        self.note(|| (format!("server {server} DIES"), String::new()));
        self.executor.crash(server);
        crate::server::restart_later(self, server);
    }

    /// Writes a line, if anybody wants to read it.
    pub(crate) fn note(&self, line: impl FnOnce() -> (String, String)) {
        if !self.plan.written {
            return;
        }
        let (who, process) = self.executor.who();
        let who = match process {
            Process::Server(server) => format!("server {server}: {who}"),
            Process::World => who.to_string(),
        };
        let (what, outcome) = line();
        let at = self.executor.now();
        lock(&self.log).lines.push(Line { at, who, what, outcome });
    }

    /// Something that must hold does not.
    pub(crate) fn broken(&self, invariant: &'static str, how: String) {
        self.note(|| (format!("BROKEN {invariant}"), how.clone()));
        let mut log = lock(&self.log);
        if log.broken.len() < 20 {
            log.broken.push(Broken { invariant, how });
        }
    }

    /// A task beside all others.
    pub(crate) fn spawn(
        &self,
        process: Process,
        who: Who,
        name: &[u64],
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        self.executor.spawn(process, who, name, Box::pin(future));
    }
}

#[async_trait]
impl Clock for Sim {
    fn now(&self) -> Timestamp {
        let now = self.executor.now();
        match self.executor.server() {
            Some(server) => lock(&self.machines)[server].clock(now),
            None => self.true_time(),
        }
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.executor.now())
    }

    async fn sleep(&self, duration: Duration) {
        self.executor.sleep(duration).await;
    }
}

impl Random for Sim {
    fn next_u64(&self) -> u64 {
        self.executor.draw()
    }
}

impl Probe for Sim {
    fn passed(&self, point: Point, took: Duration) {
        lock(&self.log).points[point as usize] += 1;
        self.note(|| (format!("passed {}", point.name()), String::new()));
        self.note_stretch(Some(point), took);
    }

    fn waited(&self, took: Duration) {
        self.note_stretch(None, took);
    }
}
