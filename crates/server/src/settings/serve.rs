//! The typed settings of each command, with the rules that they have to keep.

use super::read::socket_address;
use super::{DatabaseUrl, Gateway, Key, Secret, SettingsError, SimulatorReach, Values, WebAddress};
use sekali_core::domain::{Currency, Decimal, TaxRule};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// RFC 8725, part 3.5, wants a key of the hash's size for HS256.
const SHORTEST_JWT_SECRET: usize = 32;
/// Stripe's own bounds for `expires_at`: half an hour and a day.
const CHECKOUT_SECONDS: std::ops::RangeInclusive<u64> = 1800..=86_400;
/// Three days are promised to clients (design, part 1, rule 1); ten years are as good as for ever.
const RETENTION_HOURS: std::ops::RangeInclusive<u64> = 72..=87_600;

/// Where payments are kept: what `migrate` and `verify` need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// The database.
    pub url: DatabaseUrl,
    /// Connections to PostgreSQL, at most.
    pub pool: u16,
    /// Whether the start brings the tables up to date.
    pub auto_migrate: bool,
}

/// How callers prove who they are: what `token` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// The key of HS256, at least 32 bytes.
    pub secret: Secret,
    /// What tokens must carry as `iss`, if anything.
    pub issuer: Option<String>,
    /// What tokens must carry in `aud`, if anything.
    pub audience: Option<String>,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One flat JSON object a line (contract, part 7).
    Json,
    /// For people.
    Pretty,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A filter that [`EnvFilter`] is known to read.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// Everything that `serve` runs by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How browsers reach the service; unset: see [`Settings::public_address`].
    pub public_url: Option<WebAddress>,
    /// Where payments are kept.
    pub database: DatabaseSettings,
    /// Redis; unset: cache, lock and rate limit in memory. It may hold a password.
    pub redis_url: Option<Secret>,
    /// How callers prove who they are.
    pub tokens: TokenSettings,
    /// Who takes the money.
    pub gateway: Gateway,
    /// How long a checkout page stays open.
    pub checkout_expires: Duration,
    /// Taxes recorded beside each payment.
    pub taxes: Vec<TaxRule>,
    /// The currency of consultations that name none.
    pub default_currency: Currency,
    /// How long idempotency keys are kept.
    pub key_retention: Duration,
    /// Requests a minute for each user; `None` is no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<WebAddress>,
    /// After this a request is given up.
    pub request_timeout: Duration,
    /// Requests worked on at once.
    pub max_in_flight: u32,
    /// Client connections held at once.
    pub max_connections: u32,
    /// An address of its own for `/metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether the demo page's routes are there.
    pub demo: bool,
    /// What is logged.
    pub log: LogSettings,
}

impl Settings {
    /// How browsers reach the service that is `bound` to this address: what was configured, or
    /// `http://` and the address.
    pub fn public_address(&self, bound: SocketAddr) -> String {
        self.public_url.as_ref().map_or_else(|| format!("http://{bound}"), ToString::to_string)
    }
}

impl Values {
    /// What `serve` runs by, or the first thing that is wrong.
    pub fn serve(&self, reach: SimulatorReach) -> Result<Settings, SettingsError> {
        let listen = self.required(Key::Listen, socket_address)?;
        let public_url = self.optional(Key::PublicUrl, WebAddress::parse_origin)?;
        let tokens = self.token()?;
        let gateway = self.gateway(listen, public_url.as_ref(), reach)?;
        Ok(Settings {
            database: self.database()?,
            redis_url: self.optional(Key::RedisUrl, super::address::redis_url)?,
            tokens,
            checkout_expires: Duration::from_secs(self.number(Key::CheckoutExpires, CHECKOUT_SECONDS)?),
            taxes: self.required(Key::Taxes, taxes)?,
            default_currency: self.required(Key::DefaultCurrency, currency)?,
            key_retention: Duration::from_secs(3600 * self.number(Key::KeyRetention, RETENTION_HOURS)?),
            rate_limit: self.limit(Key::RateLimit, 1_000_000)?,
            cors_origins: self.optional(Key::CorsOrigins, origins)?.unwrap_or_default(),
            request_timeout: Duration::from_secs(self.number(Key::RequestTimeout, 1..=600)?),
            max_in_flight: self.number(Key::MaxInFlight, 1..=1_000_000)?,
            max_connections: self.number(Key::MaxConnections, 1..=1_000_000)?,
            metrics_listen: self.metrics_listen(listen)?,
            demo: self.demo(&gateway)?,
            log: self.log()?,
            listen,
            public_url,
            gateway,
        })
    }

    /// What `migrate` and `verify` need.
    pub fn database(&self) -> Result<DatabaseSettings, SettingsError> {
        let url = self.required(Key::DatabaseUrl, DatabaseUrl::parse)?;
        let embedded = matches!(url, DatabaseUrl::Sqlite(_));
        let pool = self.number(Key::DatabasePool, 1..=1000)?;
        Ok(DatabaseSettings { url, pool, auto_migrate: self.switch(Key::AutoMigrate)?.unwrap_or(embedded) })
    }

    /// What `token` needs.
    pub fn token(&self) -> Result<TokenSettings, SettingsError> {
        let secret = self.required(Key::JwtSecret, |text| match text.len() {
            SHORTEST_JWT_SECRET.. => Ok(Secret::new(text)),
            length => Err(format!("too short ({length} bytes)")),
        })?;
        let text = |key| self.text(key).map(str::to_owned);
        Ok(TokenSettings { secret, issuer: text(Key::JwtIssuer), audience: text(Key::JwtAudience) })
    }

    /// What is logged, and how.
    pub fn log(&self) -> Result<LogSettings, SettingsError> {
        let filter = self.required(Key::Log, |text| match EnvFilter::builder().parse(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("not a filter that tracing reads ({error})")),
        })?;
        let format = self.required(Key::LogFormat, |text| match text {
            "json" => Ok(LogFormat::Json),
            "pretty" => Ok(LogFormat::Pretty),
            _ => Err("neither json nor pretty".into()),
        })?;
        Ok(LogSettings { filter, format })
    }

    fn metrics_listen(&self, listen: SocketAddr) -> Result<Option<SocketAddr>, SettingsError> {
        let address = self.optional(Key::MetricsListen, socket_address)?;
        if address.is_some_and(|address| address == listen && address.port() != 0) {
            return Err(self.wrong(Key::MetricsListen, "the address of SEKALI_LISTEN as well"));
        }
        Ok(address)
    }

    fn demo(&self, gateway: &Gateway) -> Result<bool, SettingsError> {
        let demo = self.switch(Key::Demo)?.unwrap_or(false);
        if demo && !matches!(gateway, Gateway::Simulator { .. }) {
            return Err(SettingsError::new(
                "SEKALI_DEMO is on without SEKALI_STRIPE_SIMULATOR: give SEKALI_STRIPE_SIMULATOR=1, as the \
                 demo hands out tokens to anyone, or take SEKALI_DEMO away",
            ));
        }
        Ok(demo)
    }
}

/// `VAT=12,PPh=15`: names with their rates in percent, or `none`.
fn taxes(text: &str) -> Result<Vec<TaxRule>, String> {
    if text == "none" {
        return Ok(Vec::new());
    }
    let mut rules: Vec<TaxRule> = Vec::new();
    for part in text.split(',') {
        let rule = tax(part.trim()).ok_or_else(|| format!("not NAME=PERCENT at {part:?}"))?;
        if rules.iter().any(|other| other.name == rule.name) {
            return Err(format!("a list that names {} twice", rule.name));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn tax(part: &str) -> Option<TaxRule> {
    let (name, percent) = part.split_once('=')?;
    let word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // Percent with four decimals are parts of a million.
    let rate_ppm = Decimal::parse_digits(percent).ok()?.to_minor(4)?;
    (word && (0..=1_000_000).contains(&rate_ppm)).then(|| TaxRule { name: name.to_owned(), rate_ppm })
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::from_code(text).ok_or_else(|| "not the code of a currency in upper case".into())
}

fn origins(text: &str) -> Result<Vec<WebAddress>, String> {
    let origin = |part: &str| WebAddress::parse_origin(part.trim());
    text.split(',').map(origin).collect::<Result<_, _>>().map_err(|what| format!("a list with {what} in it"))
}
