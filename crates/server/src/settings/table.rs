//! The table of all settings.

/// One setting, as the code asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant's meaning stands in its row of the table")]
pub enum Key {
    Config,
    Listen,
    PublicUrl,
    DatabaseUrl,
    DatabasePool,
    DatabasePooler,
    AutoMigrate,
    RedisUrl,
    JwtSecret,
    JwtIssuer,
    JwtAudience,
    StripeSecretKey,
    StripeWebhookSecret,
    StripeApiBase,
    StripeSimulator,
    CheckoutExpires,
    PaymentMethods,
    PendingExpires,
    ReconcileInterval,
    AutomaticRefunds,
    HostWebhookUrl,
    HostWebhookSecret,
    AppUrl,
    SellerName,
    SellerAddress,
    SellerTaxId,
    SellerEmail,
    Taxes,
    DefaultCurrency,
    KeyRetention,
    RateLimit,
    CorsOrigins,
    RequestTimeout,
    MaxInFlight,
    MaxConnections,
    MetricsListen,
    Demo,
    Log,
    LogFormat,
}

/// Which commands a setting concerns: `serve` takes all, `migrate` and `verify` the database and
/// the log, `token` only the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Where the settings themselves come from.
    File,
    /// Where payments are kept.
    Database,
    /// How callers prove who they are.
    Tokens,
    /// What is logged, and how.
    Log,
    /// Everything that only a running server needs.
    Server,
}

/// What holds when nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// Something that depends on other settings, in words.
    Computed(&'static str),
    /// Nothing: the setting is optional, or has to be given.
    Unset,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// How the code names it.
    pub key: Key,
    /// The environment variable, which is also its name in messages.
    pub env: &'static str,
    /// The flag, without `--`.
    pub flag: &'static str,
    /// What holds when nothing is given.
    pub fallback: Fallback,
    /// Whether the value is never shown.
    pub secret: bool,
    /// Whether the flag may stand alone, which means 1.
    pub switch: bool,
    /// Which commands it concerns.
    pub group: Group,
    /// What it is, in one line.
    pub meaning: &'static str,
    /// A value that would be right.
    pub example: &'static str,
}

impl Setting {
    /// Its key in the TOML file: `rate_limit`.
    pub fn toml_key(&self) -> String {
        self.flag.replace('-', "_")
    }

    /// The end of a sentence about it: what would be right. A secret's example is a description.
    pub(super) fn advice(&self) -> String {
        if self.secret {
            format!("give {}", self.example)
        } else {
            format!("give for example {}", self.example)
        }
    }
}

/// The row of `key`.
pub fn setting(key: Key) -> &'static Setting {
    // The rows stand in the order of the enum, which a test holds them to.
    &SETTINGS[key as usize]
}

const fn row(
    key: Key,
    (env, flag): (&'static str, &'static str),
    group: Group,
    fallback: Fallback,
    example: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { key, env, flag, fallback, secret: false, switch: false, group, meaning, example }
}

const fn secret(row: Setting) -> Setting {
    Setting { secret: true, ..row }
}

const fn switch(row: Setting) -> Setting {
    Setting { switch: true, ..row }
}

use Fallback::{Computed, Unset, Value};
use Group::{Database, File, Log, Server, Tokens};

/// Every setting, in the order in which `--help` and `sekali config` show them.
pub const SETTINGS: &[Setting] = &[
    row(
        Key::Config,
        ("SEKALI_CONFIG", "config"),
        File,
        Unset,
        "/etc/sekali.toml",
        "A TOML file with settings; flags and the environment come before it",
    ),
    row(
        Key::Listen,
        ("SEKALI_LISTEN", "listen"),
        Server,
        Value("127.0.0.1:8080"),
        "127.0.0.1:8080",
        "Address to listen on; port 0 takes a free one",
    ),
    row(
        Key::PublicUrl,
        ("SEKALI_PUBLIC_URL", "public-url"),
        Server,
        Computed("http:// and the address"),
        "https://pay.example.org",
        "How browsers reach it: scheme, host and port",
    ),
    row(
        Key::DatabaseUrl,
        ("DATABASE_URL", "database-url"),
        Database,
        Value("sqlite://sekali.db"),
        "sqlite://sekali.db or postgres://sekali:password@127.0.0.1:5432/sekali",
        "Where payments are kept: PostgreSQL, or a file for SQLite",
    ),
    row(
        Key::DatabasePool,
        ("SEKALI_DATABASE_POOL", "database-pool"),
        Database,
        Value("16"),
        "16",
        "Connections to PostgreSQL, at most",
    ),
    switch(row(
        Key::DatabasePooler,
        ("SEKALI_DATABASE_POOLER", "database-pooler"),
        Database,
        Value("0"),
        "1",
        "Whether a pooler hands each transaction to another session of PostgreSQL (PgBouncer in transaction mode)",
    )),
    switch(row(
        Key::AutoMigrate,
        ("SEKALI_AUTO_MIGRATE", "auto-migrate"),
        Database,
        Computed("1 for SQLite, 0 for PostgreSQL"),
        "1",
        "Whether the start brings the database's tables up to date",
    )),
    row(
        Key::RedisUrl,
        ("REDIS_URL", "redis-url"),
        Server,
        Unset,
        "redis://127.0.0.1:6379",
        "Cache, lock and rate limit for several servers; in memory when unset, for one server only",
    ),
    secret(row(
        Key::JwtSecret,
        ("SEKALI_JWT_SECRET", "jwt-secret"),
        Tokens,
        Unset,
        "at least 32 bytes, for example with: openssl rand -base64 48",
        "Signs and checks tokens (HS256), at least 32 bytes",
    )),
    row(
        Key::JwtIssuer,
        ("SEKALI_JWT_ISSUER", "jwt-issuer"),
        Tokens,
        Unset,
        "https://app.example.org",
        "When set, tokens must carry it as iss",
    ),
    row(
        Key::JwtAudience,
        ("SEKALI_JWT_AUDIENCE", "jwt-audience"),
        Tokens,
        Unset,
        "sekali",
        "When set, tokens must carry it in aud",
    ),
    secret(row(
        Key::StripeSecretKey,
        ("STRIPE_SECRET_KEY", "stripe-secret-key"),
        Server,
        Unset,
        "the secret key of your Stripe account, sk_live_… or sk_test_…",
        "The key of your Stripe account",
    )),
    secret(row(
        Key::StripeWebhookSecret,
        ("STRIPE_WEBHOOK_SECRET", "stripe-webhook-secret"),
        Server,
        Unset,
        "the signing secret of Stripe's webhook endpoint, whsec_…, several with commas between them",
        "Signing secret of Stripe's webhooks; several with commas while they are rotated",
    )),
    row(
        Key::StripeApiBase,
        ("STRIPE_API_BASE", "stripe-api-base"),
        Server,
        Value("https://api.stripe.com"),
        "https://api.stripe.com",
        "Where Stripe's API is spoken",
    ),
    switch(row(
        Key::StripeSimulator,
        ("SEKALI_STRIPE_SIMULATOR", "stripe-simulator"),
        Server,
        Value("0"),
        "1",
        "The built-in simulator in place of Stripe; no money moves, and it answers on loopback only",
    )),
    row(
        Key::CheckoutExpires,
        ("SEKALI_CHECKOUT_EXPIRES", "checkout-expires"),
        Server,
        Value("86400"),
        "86400",
        "Seconds for which a checkout page stays open, 1800 to 86400",
    ),
    row(
        Key::PaymentMethods,
        ("SEKALI_PAYMENT_METHODS", "payment-methods"),
        Server,
        Value("card"),
        "card,us_bank_account",
        "Stripe's payment method types that the checkout page offers, with commas between them",
    ),
    row(
        Key::PendingExpires,
        ("SEKALI_PENDING_EXPIRES", "pending-expires"),
        Server,
        Value("86400"),
        "86400",
        "Seconds after which a payment that nobody went on to pay expires, 60 to 2592000",
    ),
    row(
        Key::ReconcileInterval,
        ("SEKALI_RECONCILE_INTERVAL", "reconcile-interval"),
        Server,
        Value("30"),
        "30",
        "Seconds between two passes of the reconciler, 1 to 3600",
    ),
    row(
        Key::AutomaticRefunds,
        ("SEKALI_AUTOMATIC_REFUNDS", "automatic-refunds"),
        Server,
        Value("10"),
        "10",
        "Refunds an hour, at most, of money that settles no payment; 0: such money is only shown",
    ),
    secret(row(
        Key::HostWebhookUrl,
        ("SEKALI_HOST_WEBHOOK_URL", "host-webhook-url"),
        Server,
        Unset,
        "an address such as https://app.example.org/webhooks/sekali",
        "Where the host application is told of each payment's events; nobody is told when unset",
    )),
    secret(row(
        Key::HostWebhookSecret,
        ("SEKALI_HOST_WEBHOOK_SECRET", "host-webhook-secret"),
        Server,
        Unset,
        "whsec_ and the base64 of 24 to 64 random bytes, for example: echo whsec_$(openssl rand -base64 32)",
        "Signs what the host application is told (Standard Webhooks); several with commas while they are rotated",
    )),
    row(
        Key::AppUrl,
        ("SEKALI_APP_URL", "app-url"),
        Server,
        Unset,
        "https://app.example.org/consultations",
        "Where patients come from: the pages on the way to pay lead back there",
    ),
    row(
        Key::SellerName,
        ("SEKALI_SELLER_NAME", "seller-name"),
        Server,
        Value("Sekali"),
        "Klinik Sehat",
        "Who issues the invoices",
    ),
    row(
        Key::SellerAddress,
        ("SEKALI_SELLER_ADDRESS", "seller-address"),
        Server,
        Unset,
        "Jl. Merdeka 1|Jakarta 10110",
        "The seller's address on invoices, with | between its lines",
    ),
    row(
        Key::SellerTaxId,
        ("SEKALI_SELLER_TAX_ID", "seller-tax-id"),
        Server,
        Unset,
        "01.234.567.8-901.000",
        "The seller's tax number (NPWP) on invoices",
    ),
    row(
        Key::SellerEmail,
        ("SEKALI_SELLER_EMAIL", "seller-email"),
        Server,
        Unset,
        "billing@example.org",
        "Whom invoices tell to write to",
    ),
    row(
        Key::Taxes,
        ("SEKALI_TAXES", "taxes"),
        Server,
        Value("VAT=12,PPh=15"),
        "VAT=12,PPh=15",
        "Taxes recorded beside each payment, in percent; none for no tax",
    ),
    row(
        Key::DefaultCurrency,
        ("SEKALI_DEFAULT_CURRENCY", "default-currency"),
        Server,
        Value("PHP"),
        "PHP",
        "Currency of consultations that name none (ISO 4217)",
    ),
    row(
        Key::KeyRetention,
        ("SEKALI_KEY_RETENTION", "key-retention"),
        Server,
        Value("72"),
        "72",
        "Hours for which idempotency keys are kept, at least 72",
    ),
    row(
        Key::RateLimit,
        ("SEKALI_RATE_LIMIT", "rate-limit"),
        Server,
        Value("100"),
        "100",
        "Requests a minute for each user; 0 is off",
    ),
    row(
        Key::CorsOrigins,
        ("SEKALI_CORS_ORIGINS", "cors-origins"),
        Server,
        Unset,
        "https://app.example.org,https://admin.example.org",
        "Origins whose pages may call the API, with commas between them",
    ),
    row(
        Key::RequestTimeout,
        ("SEKALI_REQUEST_TIMEOUT", "request-timeout"),
        Server,
        Value("30"),
        "30",
        "Seconds after which a request is given up, 1 to 600",
    ),
    row(
        Key::MaxInFlight,
        ("SEKALI_MAX_IN_FLIGHT", "max-in-flight"),
        Server,
        Value("1024"),
        "1024",
        "Requests worked on at once; more are turned away with 503",
    ),
    row(
        Key::MaxConnections,
        ("SEKALI_MAX_CONNECTIONS", "max-connections"),
        Server,
        Value("10000"),
        "10000",
        "Client connections held at once",
    ),
    row(
        Key::MetricsListen,
        ("SEKALI_METRICS_LISTEN", "metrics-listen"),
        Server,
        Unset,
        "127.0.0.1:9090",
        "An address of its own for /metrics",
    ),
    switch(row(
        Key::Demo,
        ("SEKALI_DEMO", "demo"),
        Server,
        Value("0"),
        "1",
        "Routes for the demo page; only beside the simulator",
    )),
    row(
        Key::Log,
        ("SEKALI_LOG", "log"),
        Log,
        Value("info"),
        "info,sekali=debug",
        "What is logged, as tracing's filters read it",
    ),
    row(
        Key::LogFormat,
        ("SEKALI_LOG_FORMAT", "log-format"),
        Log,
        Value("json"),
        "json",
        "How it is logged: json or pretty",
    ),
];
