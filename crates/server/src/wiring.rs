//! From settings to a service: which adapter stands behind each port.

use crate::capability::Capabilities;
use crate::demo::Demo;
use crate::http::{App, Limits, Live};
use crate::jwt::Verifier;
use crate::session::Sessions;
use crate::settings::{DatabaseSettings, DatabaseUrl, Gateway as GatewaySettings, Settings};
use crate::start_error::StartError;
use hmac::{Hmac, KeyInit, Mac};
use sekali_coordination::{MemoryCoordination, RedisCoordination};
use sekali_core::flow::cancel::Cancel;
use sekali_core::flow::checkout::{Checkout, CheckoutRules};
use sekali_core::flow::inbox::Inbox;
use sekali_core::flow::outbox::Outbox;
use sekali_core::flow::pay::{Duplicates, Pay, Pricing};
use sekali_core::flow::reconcile::{Reconcile, ReconcileRules};
use sekali_core::flow::refund::Refunds;
use sekali_core::flow::settle::Settle;
use sekali_core::ports::{
    Clock, ConsoleStore, Gateway, Probe, Random, RateLimit, SchemaState, StatusBoard, Store, Turnstile,
};
use sekali_host_webhooks::{HostConfig, HostWebhooks};
use sekali_store_postgres::{Options, PostgresStore};
use sekali_store_sqlite::SqliteStore;
use sekali_stripe::{StripeConfig, StripeGateway};
use sekali_stripe_simulator::Simulator;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};

/// A body that takes longer than this to arrive is not waited for.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Exports that run at once, and no more: they are in nobody's way then.
const EXPORTS: usize = 2;
/// The simulator believes any key that looks like one.
const SIMULATOR_KEY: &str = "sk_test_sekali";

/// What the process hands in: its clock, its randomness, and who watches the steps.
#[derive(Clone)]
pub struct Ambient {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Who watches.
    pub probe: Arc<dyn Probe>,
}

/// The ports through which a service decides, as they are wired. The fault harness puts something in between,
/// in programs of its own, to see whether it finds what is wrong.
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// Stripe.
    pub gateway: Arc<dyn Gateway>,
    /// Answers by key, and one request at a time.
    pub turnstile: Arc<dyn Turnstile>,
    /// The status of payments.
    pub board: Arc<dyn StatusBoard>,
}

/// What stands between the adapters and the flows.
pub type Between<'b> = &'b (dyn Fn(Ports) -> Ports + Sync);

/// A wired service, with the simulator where there is one.
pub struct Wired {
    /// What the endpoints work with.
    pub app: App,
    /// Stripe's stand-in.
    pub simulator: Option<Simulator>,
}

/// One database: as the flows see it, and as operators do.
pub struct Opened {
    /// For the flows.
    pub store: Arc<dyn Store>,
    /// For the console.
    pub console: Arc<dyn ConsoleStore>,
}

impl Opened {
    fn of<D: Store + ConsoleStore + 'static>(database: D) -> Self {
        let database = Arc::new(database);
        Self { store: database.clone(), console: database }
    }
}

/// Opens the database, without looking at its tables.
pub fn open_store(settings: &DatabaseSettings) -> Result<Opened, StartError> {
    match &settings.url {
        DatabaseUrl::Sqlite(path) => Ok(Opened::of(SqliteStore::open(path)?)),
        DatabaseUrl::Postgres(url) => {
            let (connections, pooled) = (usize::from(settings.pool), settings.pooler);
            let options = Options { connections, pooled, ..Options::default() };
            Ok(Opened::of(PostgresStore::connect(url.expose(), &options)?))
        }
    }
}

/// Makes sure that the tables are this program's: brought up to date where that is allowed.
pub async fn prepare_schema(store: &dyn Store, auto_migrate: bool) -> Result<(), StartError> {
    match store.schema().await? {
        SchemaState::Current => Ok(()),
        SchemaState::Newer { version } => Err(StartError::NewerDatabase(version)),
        SchemaState::Empty | SchemaState::Old { .. } if auto_migrate => {
            for step in store.migrate().await? {
                tracing::info!(step, "Migration ran");
            }
            Ok(())
        }
        SchemaState::Empty => Err(StartError::EmptyDatabase),
        SchemaState::Old { version } => Err(StartError::OldDatabase(version)),
    }
}

/// The roles that one coordination plays.
struct Coordination {
    turnstile: Arc<dyn Turnstile>,
    board: Arc<dyn StatusBoard>,
    rate: Arc<dyn RateLimit>,
}

fn all_roles<C: Turnstile + StatusBoard + RateLimit + 'static>(one: Arc<C>) -> Coordination {
    Coordination { turnstile: one.clone(), board: one.clone(), rate: one }
}

async fn coordination(settings: &Settings, ambient: &Ambient) -> Result<Coordination, StartError> {
    let Some(url) = &settings.redis_url else {
        tracing::warn!("Coordination is in memory: run one server only, or set REDIS_URL");
        return Ok(all_roles(Arc::new(MemoryCoordination::new(ambient.clock.clone()))));
    };
    let redis = RedisCoordination::connect(url.expose(), ambient.clock.clone(), ambient.random.clone()).await;
    Ok(all_roles(Arc::new(redis.map_err(|error| StartError::Redis(error.to_string()))?)))
}

/// Wires everything for a service that listens on `bound`.
pub async fn wire(
    settings: &Settings,
    ambient: &Ambient,
    bound: SocketAddr,
    between: Between<'_>,
) -> Result<Wired, StartError> {
    let Opened { store, console } = open_store(&settings.database)?;
    prepare_schema(&*store, settings.database.auto_migrate).await?;
    let Coordination { turnstile, board, rate } = coordination(settings, ambient).await?;
    let public_url = settings.public_address(bound).trim_end_matches('/').to_owned();
    let (gateway, simulator) = gateway(settings, ambient, bound, &public_url).await?;
    let Ports { store, gateway, turnstile, board } = between(Ports { store, gateway, turnstile, board });
    let settle = Settle {
        store: store.clone(),
        gateway,
        board,
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
        probe: ambient.probe.clone(),
        installation: store.installation().await?,
    };
    let demo = settings.demo.then(|| {
        Arc::new(Demo::new(settings.tokens.clone(), format!("http://{bound}"), ambient.clock.clone()))
    });
    let pay = Pay {
        store: store.clone(),
        turnstile,
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
        probe: match &demo {
            Some(demo) => demo.trace.probe(ambient.probe.clone()),
            None => ambient.probe.clone(),
        },
        pricing: Pricing { taxes: settings.taxes.clone(), default_currency: settings.default_currency },
        duplicates: Arc::new(Duplicates::default()),
        presses: Arc::default(),
    };
    let reconcile = reconcile(settings, settle.clone(), &public_url);
    let outbox = outbox(settings, ambient, &store)?;
    let secret = settings.tokens.secret.expose().as_bytes();
    let app = App {
        pay,
        cancel: reconcile.cancel.clone(),
        refunds: reconcile.refunds.clone(),
        reconcile: Arc::new(reconcile),
        reconcile_interval: settings.reconcile.interval,
        outbox,
        app_url: settings.app_url.as_ref().map(|url| url.whole().to_owned()),
        seller: settings.seller.clone(),
        inbox: Inbox { settle },
        store,
        console,
        sessions: Sessions::new(secret, &public_url),
        live: Live::default(),
        exports: Arc::new(Semaphore::new(EXPORTS)),
        started_at: ambient.clock.now(),
        rate,
        rate_fallback: Arc::new(MemoryCoordination::new(ambient.clock.clone())),
        verifier: Verifier::new(secret, settings.tokens.issuer.clone(), settings.tokens.audience.clone()),
        capabilities: Capabilities::new(secret, &public_url),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
        limits: limits(settings),
        public_url,
        cors_origins: settings.cors_origins.iter().map(ToString::to_string).collect(),
        inbox_bell: Arc::new(Notify::new()),
        demo,
        serves_metrics: settings.metrics_listen.is_none(),
        simulator: simulator.clone().map(sekali_stripe_simulator::router),
    };
    Ok(Wired { app, simulator })
}

/// The flows that follow a payment after it is made.
fn reconcile(settings: &Settings, settle: Settle, public_url: &str) -> Reconcile {
    let rules = CheckoutRules { public_url: public_url.to_owned(), expires_in: settings.checkout_expires };
    Reconcile {
        holder: settle.random.uuid(),
        cancel: Cancel { checkout: Checkout { settle: settle.clone(), rules } },
        refunds: Refunds { settle },
        rules: ReconcileRules {
            interval: settings.reconcile.interval,
            pending_expires: settings.reconcile.pending_expires,
            automatic_refunds_an_hour: settings.reconcile.automatic_refunds.into(),
        },
        watermark: Mutex::default(),
        begin_after: Mutex::default(),
        renewed: Mutex::default(),
    }
}

/// The reconciler alone, for a command beside a running service.
pub async fn wire_reconciler(settings: &Settings, ambient: &Ambient) -> Result<Reconcile, StartError> {
    let Opened { store, .. } = open_store(&settings.database)?;
    prepare_schema(&*store, false).await?;
    let public_url = settings.public_address(settings.listen).trim_end_matches('/').to_owned();
    let gateway = match &settings.gateway {
        // The simulator answers within the running service.
        GatewaySettings::Simulator { .. } => {
            let base = format!("{public_url}/stripe-simulator");
            client(settings, ambient, &base, SIMULATOR_KEY, vec![simulator_secret(settings)])?
        }
        GatewaySettings::Stripe { .. } => gateway(settings, ambient, settings.listen, &public_url).await?.0,
    };
    let settle = Settle {
        installation: store.installation().await?,
        store,
        gateway,
        board: coordination(settings, ambient).await?.board,
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
        probe: ambient.probe.clone(),
    };
    Ok(reconcile(settings, settle, &public_url))
}

fn outbox(
    settings: &Settings,
    ambient: &Ambient,
    store: &Arc<dyn Store>,
) -> Result<Option<Outbox>, StartError> {
    let Some(host) = &settings.host else { return Ok(None) };
    let config = HostConfig {
        url: host.url.expose().to_owned(),
        secrets: host.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
    };
    let host = HostWebhooks::new(config).map_err(|error| StartError::Host(error.to_string()))?;
    Ok(Some(Outbox {
        store: store.clone(),
        host: Arc::new(host),
        clock: ambient.clock.clone(),
        random: ambient.random.clone(),
        probe: ambient.probe.clone(),
    }))
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        rate: settings.rate_limit.map_or(0, std::num::NonZeroU32::get),
        request_timeout: settings.request_timeout,
        body_timeout: BODY_TIMEOUT.min(settings.request_timeout),
        in_flight: Arc::new(Semaphore::new(settings.max_in_flight as usize)),
        at_stripe: Arc::new(Semaphore::new((settings.max_in_flight as usize).div_ceil(4))),
        key_retention: settings.key_retention,
    }
}

/// Stripe's client, aimed at Stripe or at the simulator within this very server: the same client
/// over HTTP either way.
async fn gateway(
    settings: &Settings,
    ambient: &Ambient,
    bound: SocketAddr,
    public_url: &str,
) -> Result<(Arc<dyn Gateway>, Option<Simulator>), StartError> {
    match &settings.gateway {
        GatewaySettings::Stripe { secret_key, webhook_secrets, api_base } => {
            let secrets = webhook_secrets.iter().map(|secret| secret.expose().to_owned()).collect();
            Ok((client(settings, ambient, api_base.as_str(), secret_key.expose(), secrets)?, None))
        }
        GatewaySettings::Simulator { webhook_secrets } => {
            let given = webhook_secrets.iter().map(|secret| secret.expose().to_owned());
            let secrets: Vec<String> = given.chain([simulator_secret(settings)]).collect();
            let simulator = simulator(settings, ambient, bound, public_url, &secrets[0]).await?;
            let base = format!("http://{bound}/stripe-simulator");
            Ok((client(settings, ambient, &base, SIMULATOR_KEY, secrets)?, Some(simulator)))
        }
    }
}

fn client(
    settings: &Settings,
    ambient: &Ambient,
    base: &str,
    key: &str,
    webhook_secrets: Vec<String>,
) -> Result<Arc<dyn Gateway>, StartError> {
    let config = StripeConfig {
        base: base.to_owned(),
        secret_key: key.to_owned(),
        webhook_secrets,
        payment_method_types: settings.payment_methods.clone(),
    };
    let gateway = StripeGateway::new(config, ambient.clock.clone(), ambient.random.clone());
    Ok(Arc::new(gateway.map_err(|error| StartError::Gateway(error.to_string()))?))
}

async fn simulator(
    settings: &Settings,
    ambient: &Ambient,
    bound: SocketAddr,
    public_url: &str,
    webhook_secret: &str,
) -> Result<Simulator, StartError> {
    tracing::warn!("The built-in Stripe simulator is on: no real money is taken");
    let config = sekali_stripe_simulator::Config {
        public_base: format!("{public_url}/stripe-simulator"),
        webhook_url: format!("http://{bound}/webhooks/stripe"),
        webhook_secret: webhook_secret.to_owned(),
        storage: match &settings.database.url {
            DatabaseUrl::Sqlite(path) => sekali_stripe_simulator::Storage::Sqlite { path: beside(path) },
            DatabaseUrl::Postgres(url) => {
                sekali_stripe_simulator::Storage::Postgres { url: url.expose().to_owned() }
            }
        },
    };
    let clock = Arc::new(SimulatorClock(ambient.clock.clone()));
    let random = Arc::new(SimulatorRandom(ambient.random.clone()));
    let simulator = sekali_stripe_simulator::open(config, clock, random).await;
    simulator.map_err(|error| StartError::Gateway(error.to_string()))
}

/// `sekali.db` has its simulator's state in `sekali.db.stripe-simulator`.
fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".stripe-simulator");
    name.into()
}

/// The same on every server that shares the token secret, as the simulator is.
fn simulator_secret(settings: &Settings) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(settings.tokens.secret.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(b"sekali stripe simulator webhooks v1");
    let digits = mac.finalize().into_bytes();
    format!("whsec_{}", digits.iter().map(|byte| char::from(b'a' + byte % 26)).collect::<String>())
}

struct SimulatorClock(Arc<dyn Clock>);

impl sekali_stripe_simulator::Clock for SimulatorClock {
    fn now_ms(&self) -> i64 {
        self.0.now().as_micros() / 1000
    }
}

struct SimulatorRandom(Arc<dyn Random>);

impl sekali_stripe_simulator::Random for SimulatorRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}
