//! A server's process: the real flows on the simulated ports, and the workers of `serve`.

use crate::executor::{Process, Who, lock};
use crate::plan::Fault;
use crate::setting::Setting;
use crate::slot::slot;
use crate::world::{EPOCH, Sim};
use futures_util::future::{Either, select};
use sekali_core::domain::{Currency, TaxRule, Timestamp};
use sekali_core::flow::cancel::Cancel;
use sekali_core::flow::checkout::{Checkout, CheckoutRules};
use sekali_core::flow::inbox::Inbox;
use sekali_core::flow::outbox::Outbox;
use sekali_core::flow::pay::{Duplicates, Pay, Pricing};
use sekali_core::flow::reconcile::{Reconcile, ReconcileRules};
use sekali_core::flow::refund::Refunds;
use sekali_core::flow::settle::Settle;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

/// In microseconds.
const JUMP: i64 = 600_000_000;
const JUMP_OF_A_DAY: i64 = 86_400_000_000;

/// The flows of one process, from its start to its end.
pub(crate) struct Flows {
    pub(crate) server: usize,
    pub(crate) pay: Pay,
    pub(crate) inbox: Inbox,
    pub(crate) cancel: Cancel,
    pub(crate) refunds: Refunds,
    pub(crate) outbox: Outbox,
    pub(crate) reconcile: Reconcile,
}

/// A machine with its clock, and the process on it, if one runs.
pub(crate) struct Machine {
    pub(crate) flows: Option<Arc<Flows>>,
    offset: i64,
    drift: i64,
    boots: u64,
    rung: bool,
    bell: Option<Waker>,
}

impl Machine {
    pub(crate) fn several(setting: &Setting, seed: u64) -> Vec<Self> {
        let mut rng = crate::rng::Rng::new(crate::rng::mix(&[seed, 0xc10c]));
        let mut drift = || {
            let ppm = i64::try_from(rng.below(2 * setting.drift + 1)).unwrap_or(0);
            ppm - i64::try_from(setting.drift).unwrap_or(0)
        };
        let machine = |drift| Self { flows: None, offset: 0, drift, boots: 0, rung: false, bell: None };
        (0..setting.servers).map(|_| machine(drift())).collect()
    }

    /// What its clock shows.
    pub(crate) fn clock(&self, now: u64) -> Timestamp {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        Timestamp::from_micros(EPOCH.as_micros() + now + now / 1_000_000 * self.drift + self.offset)
    }

    /// The clock is set right.
    pub(crate) fn set_right(&mut self) {
        (self.offset, self.drift) = (0, 0);
    }
}

impl Sim {
    /// A process starts on a machine. Its workers start with it, unless somebody else does their work.
    pub(crate) fn boot(&self, server: usize, works: bool) {
        let sim = self.arc();
        let boots = {
            let mut machines = lock(&self.machines);
            let machine = &mut machines[server];
            machine.boots += 1;
            machine.boots
        };
        let holder = crate::rng::mix(&[self.seed, 0x401d, server as u64, boots]);
        let flows = Arc::new(flows(&sim, server, holder));
        {
            let mut machines = lock(&self.machines);
            machines[server].flows = Some(Arc::clone(&flows));
            machines[server].bell = None;
        }
        self.note(|| (format!("server {server} starts"), String::new()));
        if works {
            self.start_workers(&flows, boots);
        }
    }

    fn start_workers(&self, flows: &Arc<Flows>, boots: u64) {
        let server = flows.server;
        let name = |worker: u64| [0x3041, server as u64, boots, worker];
        let process = Process::Server(server);
        for worker in 0..2 {
            let (sim, flows) = (self.arc(), Arc::clone(flows));
            self.spawn(
                process,
                Who::Worker("inbox"),
                &name(worker),
                async move { inbox(&sim, &flows).await },
            );
        }
        let (sim, mine) = (self.arc(), Arc::clone(flows));
        self.spawn(process, Who::Worker("outbox"), &name(2), async move { outbox(&sim, &mine).await });
        let (sim, mine) = (self.arc(), Arc::clone(flows));
        self.spawn(
            process,
            Who::Worker("reconciler"),
            &name(3),
            async move { reconciler(&sim, &mine).await },
        );
        let (sim, mine) = (self.arc(), Arc::clone(flows));
        self.spawn(
            process,
            Who::Worker("duplicates"),
            &name(4),
            async move { duplicates(&sim, &mine).await },
        );
    }

    /// Somewhere between at once and the usual idle time.
    async fn idle(&self, share: u64) {
        let micros = 1 + self.executor.below(self.setting.idle / share);
        self.executor.sleep(Duration::from_micros(micros)).await;
    }

    /// Rings for the inbox's workers.
    pub(crate) fn ring(&self, server: usize) {
        let waker = {
            let mut machines = lock(&self.machines);
            machines[server].rung = true;
            machines[server].bell.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn rung(&self, server: usize) {
        std::future::poll_fn(|context| {
            let mut machines = lock(&self.machines);
            if std::mem::take(&mut machines[server].rung) {
                return Poll::Ready(());
            }
            machines[server].bell = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// One of the machines, as a load balancer picks it.
    pub(crate) fn any_server(&self) -> usize {
        let machines = lock(&self.machines).len() as u64;
        usize::try_from(self.executor.below(machines)).unwrap_or(0)
    }

    /// A request to a server: a task there, that lives on if the client goes away. `None`: no answer came.
    pub(crate) async fn request<T, F>(
        &self,
        server: usize,
        who: Who,
        name: &[u64],
        work: impl FnOnce(Arc<Flows>) -> F + Send,
    ) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.travel().await;
        let flows = lock(&self.machines)[server].flows.clone()?;
        let (answer, awaited) = slot();
        let handled = work(flows);
        self.spawn(Process::Server(server), who, name, async move { answer.give(handled.await) });
        awaited.await
    }

    /// Servers' clocks are set wrong now and then.
    pub(crate) async fn disturb_clocks(&self) {
        loop {
            self.executor
                .sleep(Duration::from_micros(1 + self.executor.below(self.setting.quiet_at / 8)))
                .await;
            let server = self.any_server();
            let sign = if self.executor.draw().is_multiple_of(2) { 1 } else { -1 };
            let jump = if self.fault(Fault::ClockJump) {
                JUMP
            } else if self.fault(Fault::ClockJumpDay) {
                JUMP_OF_A_DAY
            } else {
                continue;
            };
            lock(&self.machines)[server].offset = sign * jump;
            let seconds = sign * jump / 1_000_000;
            self.note(|| (format!("server {server}'s clock jumps by {seconds} s"), String::new()));
        }
    }
}

/// After a crash a new process starts, sooner or later.
pub(crate) fn restart_later(sim: &Sim, server: usize) {
    let boots = {
        let mut machines = lock(&sim.machines);
        machines[server].flows = None;
        machines[server].bell = None;
        machines[server].boots
    };
    if sim.model.is_some() {
        return;
    }
    let me = sim.arc();
    let start = async move {
        let micros = 1000 + me.executor.below(me.setting.pace);
        me.executor.sleep(Duration::from_micros(micros)).await;
        let is_up = lock(&me.machines)[server].flows.is_some();
        if !is_up && !*lock(&me.quiet) {
            me.boot(server, true);
        }
    };
    sim.spawn(Process::World, Who::World, &[0x4e57, server as u64, boots], start);
}

async fn inbox(sim: &Sim, flows: &Flows) {
    loop {
        match flows.inbox.work().await {
            Ok(worked) if worked > 0 => {}
            _ => {
                let (bell, idle) = (pin!(sim.rung(flows.server)), pin!(sim.idle(1)));
                if let Either::Left(_) = select(bell, idle).await {
                    sim.travel().await;
                }
            }
        }
    }
}

async fn outbox(sim: &Sim, flows: &Flows) {
    loop {
        drop(flows.outbox.work().await);
        sim.idle(1).await;
    }
}

async fn reconciler(sim: &Sim, flows: &Flows) {
    loop {
        sim.idle(1).await;
        let passed = flows.reconcile.pass(&|_, _| {}).await;
        sim.note(|| ("makes a pass".into(), format!("{passed:?}")));
        sim.idle(1).await;
    }
}

async fn duplicates(sim: &Sim, flows: &Flows) {
    loop {
        sim.idle(1).await;
        drop(flows.pay.duplicates.record(&*flows.pay.store).await);
    }
}

/// The wiring of `serve`, on simulated ports.
fn flows(sim: &Arc<Sim>, server: usize, holder: u64) -> Flows {
    let settle = Settle {
        store: sim.clone(),
        gateway: sim.clone(),
        board: sim.clone(),
        clock: sim.clone(),
        random: sim.clone(),
        probe: sim.clone(),
        installation: lock(&sim.db).installation,
    };
    let pay = Pay {
        store: sim.clone(),
        turnstile: sim.clone(),
        clock: sim.clone(),
        random: sim.clone(),
        probe: sim.clone(),
        pricing: Pricing { taxes: TaxRule::defaults(), default_currency: Currency::PHP },
        duplicates: Arc::new(Duplicates::default()),
        presses: Arc::default(),
    };
    let hours = if sim.seed.is_multiple_of(3) { 24 } else { 1 };
    let rules = CheckoutRules {
        public_url: "https://pay.clinic.example".into(),
        expires_in: Duration::from_secs(hours * 3600),
    };
    let cancel = Cancel { checkout: Checkout { settle: settle.clone(), rules } };
    let refunds = Refunds { settle: settle.clone() };
    let outbox = Outbox {
        store: sim.clone(),
        host: sim.clone(),
        clock: sim.clone(),
        random: sim.clone(),
        probe: sim.clone(),
    };
    let reconcile = Reconcile {
        cancel: cancel.clone(),
        refunds: refunds.clone(),
        rules: ReconcileRules {
            interval: Duration::from_secs(60),
            pending_expires: Duration::from_secs(24 * 3600),
            automatic_refunds_an_hour: 100,
        },
        holder: uuid::Uuid::from_u128(u128::from(holder)),
        watermark: Mutex::default(),
        begin_after: Mutex::default(),
        renewed: Mutex::default(),
    };
    Flows { server, pay, inbox: Inbox { settle }, cancel, refunds, outbox, reconcile }
}
