//! What every endpoint works with.

use crate::capability::Capabilities;
use crate::demo::Demo;
use crate::http::console::Live;
use crate::jwt::Verifier;
use crate::session::Sessions;
use crate::settings::SellerSettings;
use sekali_core::domain::Timestamp;
use sekali_core::flow::cancel::Cancel;
use sekali_core::flow::inbox::Inbox;
use sekali_core::flow::outbox::Outbox;
use sekali_core::flow::pay::Pay;
use sekali_core::flow::reconcile::Reconcile;
use sekali_core::flow::refund::Refunds;
use sekali_core::ports::{Clock, ConsoleStore, Random, RateLimit, Store};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// The service, wired up.
pub struct App {
    /// The five steps.
    pub pay: Pay,
    /// Giving payments up; within it the way to Stripe, and settling.
    pub cancel: Cancel,
    /// Giving money back.
    pub refunds: Refunds,
    /// Asks Stripe about whatever nobody has told of.
    pub reconcile: Arc<Reconcile>,
    /// Between two passes of it.
    pub reconcile_interval: Duration,
    /// Tells the host application; `None`: nobody is told.
    pub outbox: Option<Outbox>,
    /// Where patients come from, and go back to.
    pub app_url: Option<String>,
    /// Who issues the invoices.
    pub seller: SellerSettings,
    /// Stripe's webhooks.
    pub inbox: Inbox,
    /// The database.
    pub store: Arc<dyn Store>,
    /// The database as operators look at it.
    pub console: Arc<dyn ConsoleStore>,
    /// Operators' sessions.
    pub sessions: Sessions,
    /// Who listens for what changes.
    pub live: Live,
    /// Exports under way at once: each reads as fast as it is taken.
    pub exports: Arc<Semaphore>,
    /// When this server began.
    pub started_at: Timestamp,
    /// Counts requests.
    pub rate: Arc<dyn RateLimit>,
    /// Counts requests while the shared counter is out of reach.
    pub rate_fallback: Arc<dyn RateLimit>,
    /// Who may call.
    pub verifier: Verifier,
    /// Who may go on to pay.
    pub capabilities: Capabilities,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Bounds.
    pub limits: Limits,
    /// Where browsers reach Sekali, without a slash at the end.
    pub public_url: String,
    /// Other origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Rings when an event has arrived.
    pub inbox_bell: Arc<Notify>,
    /// What belongs to the demo; `None`: it is off, and has no routes.
    pub demo: Option<Arc<Demo>>,
    /// Whether the metrics are served beside the API (and not on an address of their own).
    pub serves_metrics: bool,
    /// Pages of the built-in Stripe simulator; `None`: the real gateway is used.
    pub simulator: Option<axum::Router>,
}

/// Bounds on what is taken in.
pub struct Limits {
    /// Requests a minute for each user; 0 is off.
    pub rate: u32,
    /// The longest a request may take.
    pub request_timeout: Duration,
    /// The longest a request's body may take to arrive.
    pub body_timeout: Duration,
    /// Requests worked on at once; more are turned away.
    pub in_flight: Arc<Semaphore>,
    /// Visits that may wait for Stripe at once: when Stripe hangs, payments are made all the same.
    pub at_stripe: Arc<Semaphore>,
    /// How long idempotency keys are kept.
    pub key_retention: Duration,
}

impl Limits {
    /// A place among the requests that are worked on; `None`: they are all taken. Turned away at once, as a
    /// queue would only make everybody wait.
    pub(super) fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.in_flight.try_acquire().ok()
    }
}
