//! One thread, virtual time: tasks belong to a process, every call of a port is an await, and the next timer decides
//! who goes on.

use crate::rng::{Rng, mix};
use futures_util::future::BoxFuture;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Locks, whatever became of who held it before.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a task runs, and with what it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// Nowhere that crashes: patients, the gateway, the database.
    World,
    /// A server.
    Server(usize),
}

/// Who does something, for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Patient(u64),
    Request(u64, u32),
    Worker(&'static str),
    Database,
    Gateway,
    Operator,
    World,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patient(patient) => write!(f, "patient {patient}"),
            Self::Request(patient, wish) => write!(f, "request {patient}.{wish}"),
            Self::Worker(name) => f.write_str(name),
            Self::Database => f.write_str("database"),
            Self::Gateway => f.write_str("stripe"),
            Self::Operator => f.write_str("operator"),
            Self::World => f.write_str("world"),
        }
    }
}

/// A task as everybody may see it.
pub(crate) struct Meta {
    pub(crate) process: Process,
    pub(crate) who: Who,
    pub(crate) stream: u64,
    pub(crate) rng: Rng,
    pub(crate) fault_rng: Rng,
    pub(crate) fault_draws: u32,
}

#[derive(Default)]
pub(crate) struct Ready(Mutex<VecDeque<usize>>);

struct TaskWaker {
    task: usize,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        lock(&self.ready.0).push_back(self.task);
    }
}

/// What tasks and executor share.
#[derive(Default)]
pub(crate) struct Core {
    /// Microseconds since the history began.
    pub(crate) now: u64,
    pub(crate) current: Option<usize>,
    pub(crate) metas: Vec<Meta>,
    spawned: Vec<(usize, BoxFuture<'static, ()>)>,
    timers: BinaryHeap<Reverse<(u64, u64, usize)>>,
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
    timer_number: u64,
    crash: Vec<usize>,
    pub(crate) polls: u64,
    /// Everything that was decided, in one number: two histories that differ anywhere differ in it.
    pub(crate) trace: u64,
}

/// The executor's shared half; the tasks themselves are with whoever runs it.
pub(crate) struct Executor {
    pub(crate) core: Mutex<Core>,
    ready: Arc<Ready>,
    seed: u64,
}

/// Which of the tasks that can go on goes on.
pub(crate) type Choose<'c> = &'c mut dyn FnMut(usize) -> usize;

struct Task {
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
}

/// Why the executor has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The main task has ended.
    Ended,
    /// Nobody can go on, and the main task has not ended.
    Stuck,
    /// It took more steps than any sensible history.
    Endless,
}

const MOST_POLLS: u64 = 400_000;

impl Executor {
    pub(crate) fn new(seed: u64) -> Self {
        Self { core: Mutex::default(), ready: Arc::default(), seed }
    }

    pub(crate) fn now(&self) -> u64 {
        lock(&self.core).now
    }

    /// Whether a task of this executor asks.
    pub(crate) fn is_inside(&self) -> bool {
        lock(&self.core).current.is_some()
    }

    /// The server that asks, if it is one.
    pub(crate) fn server(&self) -> Option<usize> {
        let core = lock(&self.core);
        match core.metas[core.current?].process {
            Process::Server(server) => Some(server),
            Process::World => None,
        }
    }

    /// Who asks.
    pub(crate) fn who(&self) -> (Who, Process) {
        let core = lock(&self.core);
        core.current
            .map_or((Who::World, Process::World), |task| (core.metas[task].who, core.metas[task].process))
    }

    /// A number of the asking task's stream.
    pub(crate) fn draw(&self) -> u64 {
        let mut core = lock(&self.core);
        let Some(task) = core.current else { return 0 };
        core.metas[task].rng.next()
    }

    /// Something below `limit`, of the asking task's stream.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        self.draw() % limit.max(1)
    }

    /// Starts a task. Its stream is named by `name`: the same in every run, whatever else there is.
    pub(crate) fn spawn(&self, process: Process, who: Who, name: &[u64], future: BoxFuture<'static, ()>) {
        let stream = mix(name);
        let (rng, fault_rng) =
            (Rng::new(mix(&[self.seed, stream, 1])), Rng::new(mix(&[self.seed, stream, 2])));
        let mut core = lock(&self.core);
        let task = core.metas.len();
        core.metas.push(Meta { process, who, stream, rng, fault_rng, fault_draws: 0 });
        core.spawned.push((task, future));
    }

    /// The process dies when the asking task next awaits.
    pub(crate) fn crash(&self, server: usize) {
        lock(&self.core).crash.push(server);
    }

    /// Returns after so long.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep<'_> {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 2);
        Sleep { executor: self, until: self.now().saturating_add(micros), slot: None }
    }

    /// Runs until task 0 has ended.
    pub(crate) fn run(&self, choose: Choose<'_>) -> Stopped {
        let mut tasks: Vec<Task> = Vec::new();
        let stopped = loop {
            self.admit(&mut tasks);
            if tasks.first().is_some_and(|main| main.future.is_none()) {
                break Stopped::Ended;
            }
            let next = self.next_ready(choose, &tasks);
            let Some(next) = next else {
                if self.wake_next() {
                    continue;
                }
                break Stopped::Stuck;
            };
            self.poll(next, &mut tasks);
            self.bury(&mut tasks);
            if lock(&self.core).polls > MOST_POLLS {
                break Stopped::Endless;
            }
        };
        // Also what was started by those that are dropped.
        drop(tasks);
        let left = std::mem::take(&mut lock(&self.core).spawned);
        drop(left);
        stopped
    }

    fn admit(&self, tasks: &mut Vec<Task>) {
        loop {
            let spawned = std::mem::take(&mut lock(&self.core).spawned);
            if spawned.is_empty() {
                return;
            }
            for (task, future) in spawned {
                debug_assert_eq!(task, tasks.len());
                let waker = Waker::from(Arc::new(TaskWaker { task, ready: Arc::clone(&self.ready) }));
                tasks.push(Task { future: Some(future), waker });
                lock(&self.ready.0).push_back(task);
            }
        }
    }

    fn next_ready(&self, choose: Choose<'_>, tasks: &[Task]) -> Option<usize> {
        let mut ready = lock(&self.ready.0);
        ready.retain(|task| tasks[*task].future.is_some());
        if ready.is_empty() {
            return None;
        }
        let at = choose(ready.len()).min(ready.len() - 1);
        let task = ready.remove(at)?;
        ready.retain(|other| *other != task);
        Some(task)
    }

    /// Time goes on to the next timer. `false`: there is none.
    fn wake_next(&self) -> bool {
        let waker = {
            let mut core = lock(&self.core);
            let Some(Reverse((at, _, slot))) = core.timers.pop() else { return false };
            core.now = core.now.max(at);
            core.free.push(slot);
            core.wakers[slot].take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn poll(&self, next: usize, tasks: &mut [Task]) {
        {
            let mut core = lock(&self.core);
            core.current = Some(next);
            core.polls += 1;
            core.trace = mix(&[core.trace, core.now, next as u64]);
        }
        let task = &mut tasks[next];
        let ended = task
            .future
            .as_mut()
            .is_some_and(|future| future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready());
        if ended {
            task.future = None;
        }
        lock(&self.core).current = None;
    }

    /// Drops whatever ran on servers that have crashed.
    fn bury(&self, tasks: &mut [Task]) {
        let crashed = {
            let mut core = lock(&self.core);
            if core.crash.is_empty() {
                return;
            }
            std::mem::take(&mut core.crash)
        };
        for (number, task) in tasks.iter_mut().enumerate() {
            let process = lock(&self.core).metas[number].process;
            if matches!(process, Process::Server(server) if crashed.contains(&server)) {
                task.future = None;
            }
        }
        // What was started in the same moment dies as well.
        let spawned = std::mem::take(&mut lock(&self.core).spawned);
        let mut core = lock(&self.core);
        for (number, future) in spawned {
            let dead =
                matches!(core.metas[number].process, Process::Server(server) if crashed.contains(&server));
            let kept: BoxFuture<'static, ()> = if dead { Box::pin(std::future::ready(())) } else { future };
            core.spawned.push((number, kept));
        }
    }
}

/// Ready when its time has come.
pub(crate) struct Sleep<'s> {
    executor: &'s Executor,
    until: u64,
    slot: Option<usize>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut core = lock(&self.executor.core);
        if core.now >= self.until {
            return Poll::Ready(());
        }
        let slot = if let Some(slot) = self.slot {
            slot
        } else {
            let slot = core.free.pop().unwrap_or(core.wakers.len());
            if slot == core.wakers.len() {
                core.wakers.push(None);
            }
            core.timer_number += 1;
            let number = core.timer_number;
            core.timers.push(Reverse((self.until, number, slot)));
            slot
        };
        core.wakers[slot] = Some(context.waker().clone());
        drop(core);
        self.slot = Some(slot);
        Poll::Pending
    }
}

/// Lets whoever else can go on do so first.
pub(crate) struct Yield(pub(crate) bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
