//! The connection to Redis, and the switch that spares every request a Redis that does not answer.
//!
//! A connection here never reconnects by itself. The first call that fails, or the first heartbeat,
//! throws it away; until the keeper has a new one, calls fail without being sent. So every
//! interruption, even one that lasted a millisecond between two commands, ends in a new [`Link`]
//! with a new `trusted_since`, and there is no way around it.

use super::ears::{Ears, UNHEARD};
use super::missed::Missed;
use super::scripts::Scripts;
use super::{STATUS_TTL, millis, status_key};
use crate::bells::Bells;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisError, ScriptInvocation};
use sekali_core::domain::PaymentId;
use sekali_core::ports::{Clock, CoordinationDown, Random};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// The end of a call's time, counted anew when the rest is over: a process that got no processor for
/// longer than its call may take still looks whether the answer has come.
const GRACE: Duration = Duration::from_millis(2);
/// For connecting and for heartbeats. No request waits for those, so they are not cut short by a
/// machine that is merely busy.
const PROBE_TIMEOUT: Duration = Duration::from_millis(150);
/// Between two attempts to connect. With the time-outs, Redis is in use again well within 2 s.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(150);
const RETRY_JITTER: Duration = Duration::from_millis(100);
/// Between two heartbeats: how long a Redis that was exchanged behind a proxy, without the
/// connection noticing, can go unseen.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The default of 50 commands makes bursts wait for each other.
const PIPELINE: usize = 1024;
const PROBE_KEY: &str = "payment:probe";

/// A connection that has not been interrupted yet.
pub(super) struct Link {
    connection: MultiplexedConnection,
    /// Redis' time, in microseconds, when this link was made.
    trusted_since: i64,
    /// Names the run of the process at the other end.
    run: String,
    /// Hears which locks are given back.
    ears: Ears,
    /// Whether Redis lets us tell others.
    tells: bool,
}

impl Link {
    /// Whether an entry of this stamp was written while this link stood, by the Redis at its end.
    pub(super) fn trusts(&self, stamp: &str) -> bool {
        stamp.split_once(':').is_some_and(|(run, time)| {
            run == self.run && time.parse::<i64>().is_ok_and(|time| time >= self.trusted_since)
        })
    }

    /// What goes into the stamps of what is written over this link.
    pub(super) fn run(&self) -> &str {
        &self.run
    }
}

pub(super) struct Breaker {
    client: redis::Client,
    call_timeout: Duration,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    pub(super) scripts: Scripts,
    pub(super) missed: Missed,
    /// Wake whoever waits for a lock.
    pub(super) bells: Arc<Bells>,
    link: RwLock<Option<Arc<Link>>>,
    /// Wakes the keeper when a call has thrown the link away.
    cut: Notify,
    /// Since when, by the monotonic clock.
    down: Mutex<Option<Duration>>,
}

impl Breaker {
    pub(super) fn new(
        client: redis::Client,
        call_timeout: Duration,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            client,
            call_timeout,
            clock,
            random,
            scripts: Scripts::new(),
            missed: Missed::default(),
            bells: Arc::new(Bells::new()),
            link: RwLock::new(None),
            cut: Notify::new(),
            down: Mutex::new(None),
        }
    }

    /// The link, if Redis is within reach. What is read over it is trusted by it, and by no other.
    pub(super) fn link(&self) -> Result<Arc<Link>, CoordinationDown> {
        self.current().ok_or_else(|| {
            metrics::counter!("sekali_redis_errors_total", "reason" => "cut_off").increment(1);
            CoordinationDown("cut off".to_owned())
        })
    }

    /// Whether word comes of locks that are given back.
    pub(super) fn hears(&self) -> bool {
        self.current().is_some_and(|link| link.tells && link.ears.are_open())
    }

    /// Runs a script. Dropping the call is harmless: the connection's own task takes the answer in.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        link: &Arc<Link>,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, CoordinationDown> {
        run(&link.connection, invocation, self.call_timeout).await.map_err(|error| {
            metrics::counter!("sekali_redis_errors_total", "reason" => "failed").increment(1);
            self.throw_away(link, &error);
            CoordinationDown(error)
        })
    }

    /// Puts a tombstone on the board.
    pub(super) async fn announce(&self, payment: PaymentId) -> Result<(), CoordinationDown> {
        let link = self.link()?;
        self.call(&link, &self.tombstone(payment, &link.run)).await
    }

    fn tombstone(&self, payment: PaymentId, run: &str) -> ScriptInvocation<'_> {
        let mut invocation = self.scripts.changing.key(status_key(payment));
        invocation.arg(run).arg(millis(STATUS_TTL));
        invocation
    }

    fn probe_timeout(&self) -> Duration {
        self.call_timeout.max(PROBE_TIMEOUT)
    }

    fn current(&self) -> Option<Arc<Link>> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn throw_away(&self, link: &Arc<Link>, error: &str) {
        let mut current = self.link.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            *current = None;
            drop(current);
            self.report_down(error);
            self.cut.notify_one();
        }
    }

    fn report_down(&self, error: &str) {
        metrics::gauge!("sekali_redis_up").set(0.0);
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if down.is_none() {
            *down = Some(self.clock.monotonic());
            tracing::warn!(error, "Redis out of reach, going on with the database alone");
        }
    }

    fn report_up(&self) {
        metrics::gauge!("sekali_redis_up").set(1.0);
        if let Some(since) = self.down.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let outage = self.clock.monotonic().saturating_sub(since);
            tracing::info!(outage_ms = millis(outage), "Redis is back");
        }
    }

    /// Keeps a link for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            if let Some(link) = self.current() {
                tokio::select! {
                    () = self.cut.notified() => {}
                    () = sleep(HEARTBEAT) => self.heartbeat(&link).await,
                }
            } else {
                sleep(RETRY_PAUSE + self.random.jitter(RETRY_JITTER)).await;
                self.try_connect().await;
            }
        }
    }

    async fn heartbeat(&self, link: &Arc<Link>) {
        match self.probe(&link.connection).await {
            Ok(Probed { run, .. }) if run == link.run => {}
            Ok(_) => self.throw_away(link, "another Redis answers on the same connection"),
            Err(error) => self.throw_away(link, &error),
        }
    }

    /// One attempt to get a link.
    pub(super) async fn try_connect(&self) {
        match self.new_link().await {
            Ok(link) => {
                let link = Arc::new(link);
                *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&link));
                self.report_up();
                // What was missed between the first time and the link's being in use.
                if let Err(error) = self.make_up(&link.connection, &link.run).await {
                    self.throw_away(&link, &error);
                }
            }
            Err(error) => self.report_down(&error),
        }
    }

    async fn new_link(&self) -> Result<Link, String> {
        let most = self.probe_timeout();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(most))
            .set_response_timeout(Some(most))
            .set_pipeline_buffer_size(PIPELINE);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = flatten(timeout(most, connecting).await)?;
        for script in self.scripts.all() {
            flatten(timeout(most, script.load_async(&mut connection)).await)?;
        }
        let Probed { time: trusted_since, run, tells } = self.probe(&connection).await?;
        self.make_up(&connection, &run).await?;
        if !tells {
            tracing::warn!("{UNHEARD}");
        }
        let ears = Ears::open(self.client.clone(), Arc::clone(&self.bells));
        Ok(Link { connection, trusted_since, run, ears, tells })
    }

    /// Tells the board what it missed, before anything is read from it.
    async fn make_up(&self, connection: &MultiplexedConnection, name: &str) -> Result<(), String> {
        while let Some(payment) = self.missed.next() {
            if let Err(error) =
                run::<()>(connection, &self.tombstone(payment, name), self.probe_timeout()).await
            {
                self.missed.add(payment);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn probe(&self, connection: &MultiplexedConnection) -> Result<Probed, String> {
        let invocation = self.scripts.probe.key(PROBE_KEY);
        let (time, run, tells): (i64, String, bool) =
            run(connection, &invocation, self.probe_timeout()).await?;
        Ok(Probed { time, run, tells })
    }
}

/// What Redis says of itself.
struct Probed {
    /// In microseconds.
    time: i64,
    /// The name of its process' run; empty where `INFO` is not allowed: then the time alone decides what is trusted.
    run: String,
    /// Whether others can be told which locks are given back.
    tells: bool,
}

async fn run<T: FromRedisValue>(
    connection: &MultiplexedConnection,
    invocation: &ScriptInvocation<'_>,
    most: Duration,
) -> Result<T, String> {
    let mut connection = connection.clone();
    let mut answer = pin!(invocation.invoke_async(&mut connection));
    let in_time = timeout(most.saturating_sub(GRACE), &mut answer).await;
    flatten(match in_time {
        Err(_) => timeout(GRACE, answer).await,
        in_time => in_time,
    })
}

/// Redis' errors hold its own words, never the address or what was sent.
fn flatten<T, E>(outcome: Result<Result<T, RedisError>, E>) -> Result<T, String> {
    match outcome {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}
