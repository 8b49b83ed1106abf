//! What became of the requests of a demo's run, as the service itself has measured it: each of the five steps on one
//! clock, what of it was waiting, and where a duplicate was caught. Only where the demo is on; requests whose id
//! does not begin with [`PREFIX`] leave nothing here.

use crate::telemetry;
use sekali_core::flow::pay::{Answer, Caught, PayError};
use sekali_core::ports::{Clock, Point, Probe};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the ids of traced requests (`X-Request-Id`) begin with; the run's name and a number follow.
pub(crate) const PREFIX: &str = "run-";
/// Requests that are remembered; older ones are forgotten.
const MOST: usize = 2_000;
/// Waits that are told apart in one request: as many as there are in five seconds.
const MOST_WAITS: usize = 300;

/// From one moment to another, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    /// Begin.
    pub from: u64,
    /// End.
    pub to: u64,
}

/// One of the five steps.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// Its word: `idempotency`, `lock`, `transaction`, `cache` or `unlock`.
    pub name: Cow<'static, str>,
    /// When.
    #[serde(flatten)]
    pub span: Span,
}

/// What is known of one request. Moments are microseconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Traced {
    /// Its `X-Request-Id`.
    pub id: String,
    /// It arrived: its head was read.
    pub begun: u64,
    /// The steps that it came through.
    pub steps: Vec<Step>,
    /// What it spent waiting for another request's lock.
    pub waits: Vec<Span>,
    /// The flow was over.
    pub decided: Option<u64>,
    /// Its answer was ready.
    pub answered: Option<u64>,
    /// Its client went away before that.
    pub left: Option<u64>,
    /// The status of its answer.
    pub status: Option<u16>,
    /// What the flow came to: `created`; where a duplicate was caught: `cache`, `lock`, `key` (the table of keys) or
    /// `active` (the index of active payments); or `refused`, `unavailable`.
    pub outcome: Option<Cow<'static, str>>,
}

#[derive(Default)]
struct Kept {
    order: VecDeque<String>,
    requests: HashMap<String, Traced>,
}

/// The traced requests of this process.
pub(crate) struct Trace {
    clock: Arc<dyn Clock>,
    /// The wall clock when its monotonic one stood at nought: servers of one machine have so one clock.
    zero: u64,
    kept: Mutex<Kept>,
}

impl Trace {
    /// Nothing traced yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let wall = u64::try_from(clock.now().as_micros()).unwrap_or_default();
        let zero = wall.saturating_sub(micros(clock.monotonic()));
        Self { clock, zero, kept: Mutex::default() }
    }

    /// The probe that traces, and tells `inner` as well.
    pub(crate) fn probe(self: &Arc<Self>, inner: Arc<dyn Probe>) -> Arc<dyn Probe> {
        Arc::new(Watching { trace: self.clone(), inner })
    }

    /// What is known of a run's requests, in the order in which they arrived.
    pub(crate) fn of_run(&self, run: &str) -> Vec<Traced> {
        let prefix = format!("{PREFIX}{run}-");
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let of_run = kept.order.iter().filter(|id| id.starts_with(&prefix));
        of_run.filter_map(|id| kept.requests.get(id).cloned()).collect()
    }

    /// The current task's request has arrived, if it is one that is traced.
    pub(crate) fn arrived(&self) -> Option<Visit<'_>> {
        let id = telemetry::request_id().filter(|id| id.starts_with(PREFIX))?;
        let traced = Traced { id: id.clone(), begun: self.at(), ..Traced::default() };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.requests.insert(id.clone(), traced).is_none() {
            kept.order.push_back(id.clone());
        }
        if kept.order.len() > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.requests.remove(&oldest);
        }
        Some(Visit { trace: self, id: Some(id) })
    }

    /// The flow of the current task's request is over.
    pub(crate) fn decided(&self, answer: &Result<Answer, PayError>) {
        let outcome = outcome(answer);
        let at = self.at();
        self.note(|traced| {
            traced.decided = Some(at);
            traced.outcome = Some(outcome.into());
        });
    }

    /// Now, in microseconds since 1970.
    pub(crate) fn at(&self) -> u64 {
        self.zero + micros(self.clock.monotonic())
    }

    /// Notes something of the request that the current task works for.
    fn note(&self, how: impl FnOnce(&mut Traced)) {
        let Some(id) = telemetry::request_id().filter(|id| id.starts_with(PREFIX)) else { return };
        self.note_of(&id, how);
    }

    fn note_of(&self, id: &str, how: impl FnOnce(&mut Traced)) {
        if let Some(traced) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).requests.get_mut(id) {
            how(traced);
        }
    }

    fn ending_now(&self, took: Duration) -> Span {
        let to = self.at();
        Span { from: to.saturating_sub(micros(took)), to }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A word for what the flow came to.
pub(super) fn outcome(answer: &Result<Answer, PayError>) -> &'static str {
    match answer {
        Ok(Answer::Created(_)) => "created",
        Ok(Answer::Duplicate(duplicate)) => match duplicate.caught {
            Caught::Cache => "cache",
            Caught::Lock => "lock",
            Caught::Database if duplicate.same_key => "key",
            Caught::Database => "active",
        },
        Err(PayError::Store(_)) => "unavailable",
        Err(_) => "refused",
    }
}

/// A request that is being answered. Dropped before it was, its client has gone away.
pub(crate) struct Visit<'a> {
    trace: &'a Trace,
    id: Option<String>,
}

impl Visit<'_> {
    /// The answer is ready.
    pub(crate) fn answered(mut self, status: u16) {
        let at = self.trace.at();
        if let Some(id) = self.id.take() {
            self.trace.note_of(&id, |traced| {
                traced.answered = Some(at);
                traced.status = Some(status);
            });
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let at = self.trace.at();
        if let Some(id) = self.id.take() {
            self.trace.note_of(&id, |traced| traced.left = Some(at));
        }
    }
}

struct Watching {
    trace: Arc<Trace>,
    inner: Arc<dyn Probe>,
}

impl Probe for Watching {
    fn passed(&self, point: Point, took: Duration) {
        self.inner.passed(point, took);
        let is_step = matches!(
            point,
            Point::LookedUp | Point::Locked | Point::Committed | Point::Cached | Point::Unlocked
        );
        if is_step {
            let ending_now = self.trace.ending_now(took);
            self.trace.note(|traced| {
                // Each step begins where the one before it has ended: how late this is noted is no part of it.
                let span = traced.steps.last().map_or(ending_now, |before| {
                    let from = before.span.to;
                    Span { from, to: from + micros(took) }
                });
                traced.steps.push(Step { name: point.name().into(), span });
            });
        }
    }

    fn waited(&self, took: Duration) {
        self.inner.waited(took);
        let span = self.trace.ending_now(took);
        self.trace.note(|traced| {
            if traced.waits.len() < MOST_WAITS {
                traced.waits.push(span);
            } else if let Some(last) = traced.waits.last_mut() {
                last.to = span.to;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemClock;
    use sekali_core::ports::NoProbe;

    fn trace() -> Arc<Trace> {
        Arc::new(Trace::new(Arc::new(SystemClock::new())))
    }

    async fn request(id: &str, work: impl FnOnce()) {
        telemetry::in_request(id.to_owned(), async { work() }).await;
    }

    #[tokio::test]
    async fn a_run_has_its_own_requests_and_no_others() {
        let trace = trace();
        let probe = trace.probe(Arc::new(NoProbe));
        request("run-a-1", || {
            let visit = trace.arrived().unwrap();
            probe.passed(Point::LookedUp, Duration::from_micros(7));
            probe.waited(Duration::from_micros(3));
            probe.passed(Point::Locked, Duration::from_micros(5));
            probe.passed(Point::Settled, Duration::from_micros(5));
            trace.decided(&Err(PayError::Forbidden));
            visit.answered(403);
        })
        .await;
        request("run-ab-1", || drop(trace.arrived())).await;
        request("somebody-else", || assert!(trace.arrived().is_none(), "not traced")).await;
        probe.passed(Point::LookedUp, Duration::ZERO);

        let [traced]: [_; 1] = trace.of_run("a").try_into().unwrap();
        let took: Vec<_> =
            traced.steps.iter().map(|step| (step.name.as_ref(), step.span.to - step.span.from)).collect();
        assert_eq!(took, [("idempotency", 7), ("lock", 5)]);
        assert_eq!(traced.steps[0].span.to, traced.steps[1].span.from, "without a gap");
        assert_eq!(traced.waits.iter().map(|wait| wait.to - wait.from).collect::<Vec<_>>(), [3]);
        assert_eq!(
            (traced.status, traced.outcome.as_deref(), traced.left),
            (Some(403), Some("refused"), None)
        );
        assert!(traced.begun <= traced.steps[0].span.to && traced.decided <= traced.answered);
        let [left]: [_; 1] = trace.of_run("ab").try_into().unwrap();
        assert!(left.left >= Some(left.begun) && left.answered.is_none(), "its client went away");
    }

    #[tokio::test]
    async fn old_requests_are_forgotten() {
        let trace = trace();
        for number in 0..=MOST {
            request(&format!("run-a-{number}"), || drop(trace.arrived())).await;
        }
        let kept = trace.of_run("a");
        assert_eq!((kept.len(), kept[0].id.as_str()), (MOST, "run-a-1"));
    }
}
