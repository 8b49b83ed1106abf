//! The simulator itself: the database, the ports, and the two ways to work with them.

use std::sync::Arc;

use tokio::sync::{Notify, futures::Notified};

use crate::due;
use crate::failure::Failure;
use crate::ports::{Clock, Random};
use crate::storage::deliveries::Times;
use crate::storage::{Access, Database, Storage, StorageError, Tx, settings};
use crate::work::{Cause, Work, new_id};

/// How many things of a kind one transaction lets happen before the next one goes on.
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

/// Who is told what happens: any number of receivers, as in Stripe's dashboard.
#[derive(Clone, Default)]
pub struct Webhooks {
    /// The addresses that every event is sent to.
    pub urls: Vec<String>,
    /// What webhooks are signed with (`whsec_…`); may be empty where there is no address.
    pub secret: String,
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
    public_base: String,
    webhooks: Webhooks,
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
    let webhooks = Webhooks { urls: vec![config.webhook_url], secret: config.webhook_secret };
    open_with(config.public_base, webhooks, &config.storage, clock, random).await
}

/// Opens the simulator's storage as [`open`] does, for any number of receivers of webhooks.
///
/// # Errors
/// As those of [`open`].
pub async fn open_with(
    public_base: String,
    webhooks: Webhooks,
    storage: &Storage,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Simulator, Error> {
    require_address("public base", &public_base)?;
    for url in &webhooks.urls {
        require_address("webhook address", url)?;
    }
    if webhooks.secret.is_empty() && !webhooks.urls.is_empty() {
        return Err(Error::EmptySecret);
    }
    let client = crate::webhooks::client()?;
    let database = Database::open(storage).await?;
    let inner = Inner { database, clock, random, public_base, webhooks, client, written: Notify::new() };
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
    pub(crate) fn webhooks(&self) -> &Webhooks {
        &self.inner.webhooks
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.inner.client
    }

    /// Unix milliseconds of the process's own clock, which nobody moves.
    pub(crate) fn real_ms(&self) -> i64 {
        self.inner.clock.now_ms()
    }

    pub(crate) fn new_request_id(&self) -> String {
        new_id(self.inner.random.as_ref(), "req_", 14)
    }

    /// Resolves after the next write of this process.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.inner.written.notified()
    }

    /// Runs `job` on one state of the database. What is due happens first, so that nobody reads a session that
    /// is still open after its time.
    pub(crate) async fn read<T, F>(&self, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Result<T, Failure> + Send + 'static,
    {
        self.let_time_pass().await?;
        self.transact(Access::Read, Cause::default(), job).await
    }

    /// Runs `job` alone among the writers, again after what is due has happened.
    pub(crate) async fn write<T, F>(&self, cause: Cause, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let after_what_is_due = |work: &mut Work<'_>| {
            while due::run(work, SWEEP)? > 0 {}
            job(work)
        };
        let outcome = self.transact(Access::Write, cause, after_what_is_due).await;
        self.ring();
        outcome
    }

    /// Lets happen what is due, if something is.
    pub(crate) async fn let_time_pass(&self) -> Result<(), Failure> {
        while self.transact(Access::Read, Cause::default(), |work| Ok(due::any(work)?)).await? {
            let run = |work: &mut Work<'_>| Ok(due::run(work, SWEEP)?);
            self.transact(Access::Write, Cause::default(), run).await?;
            self.ring();
        }
        Ok(())
    }

    /// Wakes whoever delivers webhooks in this process.
    pub(crate) fn ring(&self) {
        self.inner.written.notify_waiters();
    }

    /// Runs `job` without anything else happening: for what concerns no object.
    pub(crate) async fn transact<T, F>(&self, access: Access, cause: Cause, job: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&mut Work<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let run = move |tx: &mut dyn Tx| {
            let real = inner.clock.now_ms();
            let times = Times { now: real.saturating_add(settings::clock_offset(tx)?), real };
            job(&mut Work {
                tx,
                times,
                receivers: inner.webhooks.urls.len(),
                random: inner.random.as_ref(),
                public_base: &inner.public_base,
                cause,
            })
        };
        self.inner.database.transact(access, run).await
    }
}
