//! The typed settings of each command, with the rules that they have to keep.

use super::read::{not_set, socket_address, visible_word};
use super::{DatabaseUrl, Gateway, Key, Secret, SettingsError, SimulatorReach, Values, WebAddress};
use sekali_core::domain::{Currency, Decimal, TaxRule};
use sekali_host_webhooks::{HostConfig, HostConfigError, HostWebhooks};
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
    /// Whether a pooler hands each transaction to another session of PostgreSQL's.
    pub pooler: bool,
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

/// Who issues the invoices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SellerSettings {
    /// Name.
    pub name: String,
    /// Address, line by line.
    pub address: Vec<String>,
    /// Tax number (NPWP).
    pub tax_id: Option<String>,
    /// Where to write to.
    pub email: Option<String>,
}

/// Where the host application is told of each payment's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// The address; it may hold a token in its query.
    pub url: Secret,
    /// The current secret first; several while they are rotated.
    pub secrets: Vec<Secret>,
}

/// What the reconciler goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconcileSettings {
    /// Between two passes.
    pub interval: Duration,
    /// How long a payment may wait for somebody to go on to pay it.
    pub pending_expires: Duration,
    /// Automatic refunds an hour, at most.
    pub automatic_refunds: u32,
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
    /// Stripe's payment method types that the checkout page offers.
    pub payment_methods: Vec<String>,
    /// What the reconciler goes by.
    pub reconcile: ReconcileSettings,
    /// Who is told of each payment's events; `None`: nobody.
    pub host: Option<HostSettings>,
    /// Where patients come from; unset: the pages on the way to pay lead nowhere else.
    pub app_url: Option<WebAddress>,
    /// Who issues the invoices.
    pub seller: SellerSettings,
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
            payment_methods: self.required(Key::PaymentMethods, payment_methods)?,
            reconcile: self.reconcile()?,
            host: self.host()?,
            app_url: self.optional(Key::AppUrl, WebAddress::parse)?,
            seller: self.seller()?,
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
        let pooler = self.switch(Key::DatabasePooler)?.unwrap_or(false);
        let auto_migrate = self.switch(Key::AutoMigrate)?.unwrap_or(embedded);
        Ok(DatabaseSettings { url, pool, pooler, auto_migrate })
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

    fn reconcile(&self) -> Result<ReconcileSettings, SettingsError> {
        Ok(ReconcileSettings {
            interval: Duration::from_secs(self.number(Key::ReconcileInterval, 1..=3600)?),
            pending_expires: Duration::from_secs(self.number(Key::PendingExpires, 60..=2_592_000)?),
            automatic_refunds: self.number(Key::AutomaticRefunds, 0..=100_000)?,
        })
    }

    fn host(&self) -> Result<Option<HostSettings>, SettingsError> {
        let url = self.optional(Key::HostWebhookUrl, |text| Ok(Secret::new(text)))?;
        let secrets = self.optional(Key::HostWebhookSecret, |text| {
            let secrets: Result<Vec<_>, _> = text.split(',').map(|word| visible_word(word.trim())).collect();
            secrets.map_err(|_| "not a list of secrets with commas between them".into())
        })?;
        match (url, secrets) {
            (None, None) => Ok(None),
            (Some(url), Some(secrets)) => {
                let host = HostSettings { url, secrets };
                self.check_host(&host)?;
                Ok(Some(host))
            }
            (Some(_), None) => Err(not_set(Key::HostWebhookSecret)),
            (None, Some(_)) => Err(not_set(Key::HostWebhookUrl)),
        }
    }

    fn check_host(&self, host: &HostSettings) -> Result<(), SettingsError> {
        let config = HostConfig {
            url: host.url.expose().to_owned(),
            secrets: host.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
        };
        match HostWebhooks::new(config) {
            Ok(_) => Ok(()),
            Err(error @ (HostConfigError::NoSecret | HostConfigError::Secret(_))) => {
                Err(self.wrong(Key::HostWebhookSecret, &error.to_string()))
            }
            Err(error) => Err(self.wrong(Key::HostWebhookUrl, &error.to_string())),
        }
    }

    fn seller(&self) -> Result<SellerSettings, SettingsError> {
        let line = |text: &str| {
            let plain = !text.chars().any(char::is_control);
            plain.then(|| text.trim().to_owned()).ok_or_else(|| "a text with control characters".to_owned())
        };
        let lines = |text: &str| text.split('|').map(line).collect::<Result<Vec<_>, _>>();
        Ok(SellerSettings {
            name: self.required(Key::SellerName, line)?,
            address: self.optional(Key::SellerAddress, lines)?.unwrap_or_default(),
            tax_id: self.optional(Key::SellerTaxId, line)?,
            email: self.optional(Key::SellerEmail, line)?,
        })
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

/// Words as Stripe writes them.
fn payment_methods(text: &str) -> Result<Vec<String>, String> {
    let word = |part: &str| {
        let part = part.trim();
        let plain = !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        if plain { Ok(part.to_owned()) } else { Err(format!("not one of Stripe's words at {part:?}")) }
    };
    let words = text.split(',').map(word).collect::<Result<Vec<_>, _>>()?;
    for (at, word) in words.iter().enumerate() {
        if words[..at].contains(word) {
            return Err(format!("a list that names {word} twice"));
        }
    }
    Ok(words)
}

fn currency(text: &str) -> Result<Currency, String> {
    Currency::from_code(text).ok_or_else(|| "not the code of a currency in upper case".into())
}

fn origins(text: &str) -> Result<Vec<WebAddress>, String> {
    let origin = |part: &str| WebAddress::parse_origin(part.trim());
    text.split(',').map(origin).collect::<Result<_, _>>().map_err(|what| format!("a list with {what} in it"))
}
