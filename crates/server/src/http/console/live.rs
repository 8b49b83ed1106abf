//! `GET /console/api/live`: tells the page what has changed, as server-sent events.
//!
//! What has changed is read from the record, which every server writes and each decision goes into, so it does not matter
//! which server made it. The record is read only while somebody listens, by one task for all who listen to this server.

mod follower;

use super::guard::Signed;
use super::view::ZONE;
use crate::http::App;
use crate::http::problem::{Kind, Problem};
use crate::session::Session;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use follower::Follower;
use futures_util::stream;
use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sekali_core::domain::PaymentId;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Who may listen to one server at once.
const LISTENERS: usize = 100;
/// How often the record is read.
const POLL: Duration = Duration::from_millis(500);
/// How often a listener is looked after: whether its session has ended, and whether it is to hear something.
const TICK: Duration = Duration::from_secs(1);
/// Ticks between two words about the health page, which are a sign of life as well.
const HEALTH: u64 = 5;
/// News that a slow listener may be behind with.
const BACKLOG: usize = 64;
/// Payments that are named at once.
const NAMED: usize = 200;

/// Who listens to this server, and who reads the record for them.
pub struct Live {
    listeners: Arc<Semaphore>,
    news: broadcast::Sender<Arc<Vec<PaymentId>>>,
    follows: Mutex<bool>,
    /// Whether it is known where the record ends: what comes from now on is told.
    ready: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            news: broadcast::channel(BACKLOG).0,
            follows: Mutex::new(false),
            ready: watch::channel(false).0,
            stop: watch::channel(false).0,
        }
    }
}

impl Live {
    /// Ends every stream: the server stops.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Takes it that somebody reads the record; `false`: somebody does already.
    fn begins(&self) -> bool {
        !std::mem::replace(&mut *self.follows.lock().unwrap_or_else(PoisonError::into_inner), true)
    }

    /// Whether nobody listens any more, in which case nobody reads the record any more either: both under one lock, so
    /// that who comes now starts anew.
    fn ends(&self) -> bool {
        let mut follows = self.follows.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = self.news.receiver_count() == 0 || *self.stop.borrow();
        if ends {
            *follows = false;
            self.ready.send_replace(false);
        }
        ends
    }
}

/// Begins to tell.
pub(super) async fn live(
    State(app): State<Arc<App>>,
    Extension(signed): Extension<Signed>,
) -> Result<Response, Problem> {
    let Ok(place) = app.live.listeners.clone().try_acquire_owned() else {
        return Err(Problem::new(Kind::Overloaded).retry_after(10));
    };
    // In this order: what begins to be read after this is heard.
    let news = app.live.news.subscribe();
    if app.live.begins() {
        tokio::spawn(follow(app.clone()));
    }
    // Whoever has been greeted misses nothing.
    let _ = app.live.ready.subscribe().wait_for(|ready| *ready).await;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stop = app.live.stop.subscribe();
    let listener =
        Listener { app, session: signed.session, news, stop, ticks, ticked: 0, over: false, _place: place };
    let hello = listener.hello();
    let parts = stream::unfold((Some(hello), listener), |(hello, mut listener)| async move {
        let text = match hello {
            Some(hello) => hello,
            None => listener.next().await?,
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (None, listener)))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // Some proxies gather answers up otherwise.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// Reads the record for all who listen, until nobody does.
async fn follow(app: Arc<App>) {
    let mut follower = Follower::default();
    while !app.live.ends() {
        match follower.look(&*app.console, app.clock.monotonic()).await {
            Ok(changed) if changed.is_empty() => {}
            Ok(changed) => drop(app.live.news.send(Arc::new(changed))),
            // Those who listen ask for themselves, and are told there that the database is out of reach.
            Err(error) => tracing::debug!(%error, "Console: The record cannot be followed right now"),
        }
        app.live.ready.send_replace(true);
        app.clock.sleep(POLL).await;
    }
}

struct Listener {
    app: Arc<App>,
    session: Session,
    news: broadcast::Receiver<Arc<Vec<PaymentId>>>,
    stop: watch::Receiver<bool>,
    ticks: Interval,
    ticked: u64,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    fn hello(&self) -> String {
        let (at, until) = (self.app.clock.now().rfc3339(), self.session.expires_at.rfc3339());
        let hello = event("hello", &json!({ "zone": ZONE, "at": at, "expires_at": until }));
        format!("retry: 3000\n{hello}")
    }

    /// What there is to tell next; `None`: it is over.
    async fn next(&mut self) -> Option<String> {
        if self.over {
            return None;
        }
        loop {
            tokio::select! {
                () = stopped(&mut self.stop) => return Some(self.end("stopping")),
                news = self.news.recv() => match news {
                    Ok(changed) => return Some(payments(&changed)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        return Some(event("payments", &json!({ "ids": [], "more": true })));
                    }
                    Err(broadcast::error::RecvError::Closed) => return Some(self.end("stopping")),
                },
                _ = self.ticks.tick() => if let Some(text) = self.tick() { return Some(text) },
            }
        }
    }

    fn tick(&mut self) -> Option<String> {
        let now = self.app.clock.now();
        if now >= self.session.expires_at {
            return Some(self.end("session"));
        }
        self.ticked += 1;
        self.ticked.is_multiple_of(HEALTH).then(|| event("health", &json!({ "at": now.rfc3339() })))
    }

    fn end(&mut self, reason: &str) -> String {
        self.over = true;
        event("end", &json!({ "reason": reason }))
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell any more: that is the end as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn payments(changed: &[PaymentId]) -> String {
    let ids: Vec<_> = changed.iter().take(NAMED).map(|payment| payment.0).collect();
    event("payments", &json!({ "ids": ids, "more": changed.len() > NAMED }))
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}
