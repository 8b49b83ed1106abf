//! The simulator itself: the database, the ports, and the two ways to work with them.

use std::sync::Arc;

use tokio::sync::{Notify, futures::Notified};

use crate::checkout;
use crate::failure::Failure;
use crate::model::session::Session;
use crate::ports::{Clock, Random};
use crate::storage::{Access, Database, Storage, StorageError, Tx, objects};
use crate::work::{Cause, Work, new_id};

/// How many sessions one transaction expires before the next one goes on.
const SWEEP: i64 = 100;

/// What the simulator is told at its start.
#[derive(Clone)]
pub struct Config {
    /// Where browsers reach the simulator, without a slash at the end:
    /// `http://127.0.0.1:8080/stripe-simulator`. The addresses of payment pages begin with it.
    pub public_base: String,
    /// Where webhooks are sent.
    pub webhook_url: String,
    /// What webhooks are signed with, as in Stripe's dashboard (`whsec_…`).
    pub webhook_secret: String,
    /// Where the state is kept.
    pub storage: Storage,
}

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address in the configuration is none.
    #[error("the simulator's {setting} is not an http address: {value}")]
    Address {
        /// Which setting.
        setting: &'static str,
        /// What stands there.
        value: String,
    },
    /// The webhook secret is empty.
    #[error("the simulator's webhook secret is empty")]
    EmptySecret,
    /// The database could not be opened or brought up to date.
    #[error("the simulator's storage: {0}")]
    Storage(#[from] StorageError),
    /// The client for webhooks could not be made.
    #[error("the simulator's webhook client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A Stripe to pay against. Cheap to clone; all clones, and all processes on the same database, are one
/// Stripe.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    config: Config,
    client: reqwest::Client,
    /// Rung after every write, for whoever delivers webhooks in this process.
    written: Notify,
}

/// Opens the simulator's storage, making it if it is missing.
///
/// # Errors
/// When an address or the secret in `config` is none, when the database is out of reach, or was made by a later
/// version.
pub async fn open(
    config: Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Simulator, Error> {
    require_address("public base", &config.public_base)?;
    require_address("webhook address", &config.webhook_url)?;
    if config.webhook_secret.is_empty() {
        return Err(Error::EmptySecret);
    }
    let client = crate::webhooks::client()?;
    let database = Database::open(&config.storage).await?;
    let inner = Inner { database, clock, random, config, client, written: Notify::new() };
    Ok(Simulator { inner: Arc::new(inner) })
}

fn require_address(setting: &'static str, value: &str) -> Result<(), Error> {
    if is_http_address(value) {
        return Ok(());
    }
    Err(Error::Address { setting, value: value.to_owned() })
}

/// Whether a text is an absolute `http` or `https` address.
pub(crate) fn is_http_address(value: &str) -> bool {
    reqwest::Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

impl Simulator {
    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.inner.client
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    pub(crate) fn new_request_id(&self) -> String {
        new_id(self.inner.random.as_ref(), "req_", 14)
    }

    /// Resolves after the next write of this process.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.inner.written.notified()
    }

    /// Runs `job` on one state of the database. Sessions whose time is over are expired first, so that nobody
    /// reads one that is still open.
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.expire_overdue().await?;
        self.transact(Access::Read, Cause::default(), job).await
    }

    /// Runs `job` alone among the writers, again after what is overdue has expired.
    pub(crate) async fn write<T, F>(&self, cause: Cause, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let expire_then = |work: &mut Work<'_>| {
            while checkout::expire_overdue(work, SWEEP)? > 0 {}
            job(work)
        };
        let outcome = self.transact(Access::Write, cause, expire_then).await;
        self.inner.written.notify_waiters();
        outcome
    }

    /// Expires what is overdue, if something is.
    pub(crate) async fn expire_overdue(&self) -> Result<(), Failure> {
        while self.transact(Access::Read, Cause::default(), any_overdue).await? {
            let expire = |work: &mut Work<'_>| Ok(checkout::expire_overdue(work, SWEEP)?);
            self.transact(Access::Write, Cause::default(), expire).await?;
            self.inner.written.notify_waiters();
        }
        Ok(())
    }

    /// Runs `job` without expiring anything: for what concerns no session.
    pub(crate) async fn transact<T, F>(&self, access: Access, cause: Cause, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let run = move |tx: &mut dyn Tx| {
            job(&mut Work {
                tx,
                now_ms: inner.clock.now_ms(),
                random: inner.random.as_ref(),
                public_base: &inner.config.public_base,
                cause,
            })
        };
        self.inner.database.transact(access, run).await
    }
}

fn any_overdue(work: &mut Work<'_>) -> Result<bool, Failure> {
    let now = work.now();
    let overdue: Vec<Session> = objects::due(work.tx, now, 1)?;
    Ok(!overdue.is_empty())
}
