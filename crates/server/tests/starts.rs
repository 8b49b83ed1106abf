//! The program itself, as a process: what it starts with, and the one sentence that it does not
//! start with (contract, part 10).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use sekali_store_postgres::MIGRATIONS;
use std::time::Duration;
use support::client::{Request, split};
use support::database::{Database, Folder};
use support::program::{run, started, text};
use support::{JWT_SECRET, eventually};
use tokio::process::Command;

/// It must not start, and say why in one line with all of these words.
async fn refuses(arguments: &[&str], env: &[(&str, &str)], words: &[&str]) {
    let output = run(arguments, env).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?} {env:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{arguments:?} {env:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{word} is missing: {said}");
    }
    assert!(!said.contains("hidden"), "a secret is shown: {said}");
}

/// `base` with further variables; the last of two of one name counts, and an empty one is as none.
async fn serve_refuses(base: &[(&str, &str)], more: &[(&str, &str)], words: &[&str]) {
    refuses(&["serve"], &[base, more].concat(), words).await;
}

const STRIPE: &[(&str, &str)] = &[
    ("SEKALI_LISTEN", "127.0.0.1:0"),
    ("SEKALI_JWT_SECRET", JWT_SECRET),
    ("STRIPE_SECRET_KEY", "sk_test_hidden"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_hidden"),
];

/// What `serve` needs with the simulator, and where its database is.
fn simulator(database: &str) -> Vec<(&str, &str)> {
    vec![
        ("SEKALI_LISTEN", "127.0.0.1:0"),
        ("SEKALI_JWT_SECRET", JWT_SECRET),
        ("SEKALI_STRIPE_SIMULATOR", "1"),
        ("DATABASE_URL", database),
    ]
}

#[tokio::test]
async fn a_setting_that_is_missing() {
    for name in ["SEKALI_JWT_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] {
        serve_refuses(STRIPE, &[(name, "")], &[name, "is not set", "give"]).await;
        let without: Vec<_> = STRIPE.iter().filter(|(key, _)| *key != name).copied().collect();
        serve_refuses(&without, &[], &[name, "is not set", "give"]).await;
    }
    refuses(&["token", "--user", "1"], &[], &["SEKALI_JWT_SECRET is not set"]).await;
}

#[tokio::test]
async fn a_setting_that_is_wrong() {
    for (name, value) in [
        ("SEKALI_CONFIG", "/nowhere/sekali.toml"),
        ("SEKALI_LISTEN", "8080"),
        ("SEKALI_LISTEN", "localhost:http"),
        ("SEKALI_PUBLIC_URL", "pay.example.org"),
        ("SEKALI_PUBLIC_URL", "https://pay.example.org/path"),
        ("DATABASE_URL", "mysql://u:hidden@h/db"),
        ("DATABASE_URL", "sqlite::memory:"),
        ("DATABASE_URL", "postgres://u:hidden@h:port/db"),
        ("SEKALI_DATABASE_POOL", "0"),
        ("SEKALI_DATABASE_POOLER", "pgbouncer"),
        ("SEKALI_AUTO_MIGRATE", "yes"),
        ("REDIS_URL", "http://:hidden@h"),
        ("SEKALI_JWT_SECRET", "hidden: shorter than 32 bytes"),
        ("STRIPE_SECRET_KEY", "pk_test_hidden"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_hidden,"),
        ("STRIPE_API_BASE", "http://api.stripe.com"),
        ("SEKALI_STRIPE_SIMULATOR", "on"),
        ("SEKALI_CHECKOUT_EXPIRES", "60"),
        ("SEKALI_TAXES", "VAT"),
        ("SEKALI_DEFAULT_CURRENCY", "peso"),
        ("SEKALI_KEY_RETENTION", "24"),
        ("SEKALI_RATE_LIMIT", "many"),
        ("SEKALI_CORS_ORIGINS", "*"),
        ("SEKALI_REQUEST_TIMEOUT", "0"),
        ("SEKALI_MAX_IN_FLIGHT", "0"),
        ("SEKALI_MAX_CONNECTIONS", "-1"),
        ("SEKALI_METRICS_LISTEN", "9090"),
        ("SEKALI_DEMO", "2"),
        ("SEKALI_LOG", "info,sekali=loud"),
        ("SEKALI_LOG_FORMAT", "xml"),
        ("SEKALI_PAYMENT_METHODS", "Card"),
        ("SEKALI_PAYMENT_METHODS", "card,"),
        ("SEKALI_PENDING_EXPIRES", "59"),
        ("SEKALI_RECONCILE_INTERVAL", "0"),
        ("SEKALI_AUTOMATIC_REFUNDS", "-1"),
        ("SEKALI_SELLER_NAME", "Klinik\nSehat"),
        ("SEKALI_SELLER_ADDRESS", "Jl. Merdeka 1|\t"),
        ("SEKALI_SELLER_TAX_ID", "\u{7f}"),
        ("SEKALI_SELLER_EMAIL", "a\nb"),
        ("SEKALI_HOST_WEBHOOK_SECRET", "whsec_hidden,"),
    ] {
        serve_refuses(STRIPE, &[(name, value)], &[name]).await;
    }
    refuses(&["serve", "--rate-limit", "many"], STRIPE, &["SEKALI_RATE_LIMIT", "--rate-limit"]).await;
}

#[tokio::test]
async fn settings_that_contradict_each_other() {
    let on = ("SEKALI_STRIPE_SIMULATOR", "1");
    serve_refuses(STRIPE, &[on], &["SEKALI_STRIPE_SIMULATOR", "STRIPE_SECRET_KEY"]).await;
    serve_refuses(STRIPE, &[("SEKALI_DEMO", "1")], &["SEKALI_DEMO", "SEKALI_STRIPE_SIMULATOR"]).await;
    let base = simulator("sqlite:///nowhere/sekali.db");
    let api = [("STRIPE_API_BASE", "http://127.0.0.1:1")];
    serve_refuses(&base, &api, &["STRIPE_API_BASE", "SEKALI_STRIPE_SIMULATOR"]).await;
    for (name, value) in [
        ("SEKALI_LISTEN", "0.0.0.0:0"),
        ("SEKALI_LISTEN", "[::]:0"),
        ("SEKALI_PUBLIC_URL", "https://pay.example.org"),
        ("SEKALI_PUBLIC_URL", "http://192.168.1.5:8080"),
    ] {
        serve_refuses(&base, &[(name, value)], &["SEKALI_STRIPE_SIMULATOR", name]).await;
    }
}

/// An address without a secret would tell the host things that it cannot believe.
#[tokio::test]
async fn a_host_that_cannot_be_told() {
    let database = Database::sqlite();
    let url = database.url();
    let base = simulator(&url);
    let (address, secret) = ("SEKALI_HOST_WEBHOOK_URL", "SEKALI_HOST_WEBHOOK_SECRET");
    let good = ("https://app.example.org/hook?token=hidden", "whsec_aGlkZGVuIGhpZGRlbiBoaWRkZW4gaGlkZGVu");
    serve_refuses(&base, &[(address, good.0)], &[secret, "is not set", "whsec_"]).await;
    serve_refuses(&base, &[(secret, good.1)], &[address, "is not set", "https://"]).await;
    for wrong in ["app.example.org/hidden", "ftp://hidden", "https://u:hidden@h/", "https://h/#hidden"] {
        serve_refuses(&base, &[(address, wrong), (secret, good.1)], &[address]).await;
    }
    for wrong in ["hidden", "whsec_hidden", "whsec_aGlkZGVu"] {
        serve_refuses(&base, &[(address, good.0), (secret, wrong)], &[secret, "secret 1", "base64"]).await;
    }
    let second = format!("{},whsec_aGlkZGVu", good.1);
    serve_refuses(&base, &[(address, good.0), (secret, &second)], &[secret, "secret 2"]).await;
    let rotated = format!("{},{}", good.1, good.1);
    starts(&base, &[(address, good.0), (secret, &rotated)]).await;
}

#[tokio::test]
async fn a_file_that_is_wrong() {
    let folder = Folder::new();
    let file = folder.0.join("sekali.toml");
    for (toml, words) in [
        ("rate_limit = \"many\"\n", &["SEKALI_RATE_LIMIT", "rate_limit"][..]),
        ("ratelimit = 7\n", &["SEKALI_CONFIG", "ratelimit"]),
        ("jwt_secret = hidden\n", &["SEKALI_CONFIG", "line 1"]),
    ] {
        std::fs::write(&file, toml).unwrap();
        serve_refuses(STRIPE, &[("SEKALI_CONFIG", file.to_str().unwrap())], words).await;
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_used() {
    let folder = Folder::new();
    let directory = format!("sqlite://{}", folder.0.display());
    let no_database = folder.0.join("letter.txt");
    std::fs::write(&no_database, "Dear reader, this is no database, however long it may go on.".repeat(100))
        .unwrap();
    let letter = format!("sqlite://{}", no_database.display());
    let closed = format!("postgres://u:hidden@127.0.0.1:{}/db", sekali_test_support::free_port());
    for url in ["sqlite:///nowhere/at/all/sekali.db", &directory, &letter, &closed] {
        serve_refuses(&simulator(url), &[], &["DATABASE_URL"]).await;
        for command in ["migrate", "verify"] {
            refuses(&[command], &[("DATABASE_URL", url)], &["DATABASE_URL"]).await;
        }
    }
}

#[tokio::test]
async fn an_address_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let database = Database::sqlite();
    let url = database.url();
    for name in ["SEKALI_LISTEN", "SEKALI_METRICS_LISTEN"] {
        serve_refuses(&simulator(&url), &[(name, &address)], &[name, &address]).await;
    }
}

#[tokio::test]
async fn an_empty_database() {
    let database = Database::sqlite();
    let url = database.url();
    let off = [("SEKALI_AUTO_MIGRATE", "0")];
    serve_refuses(&simulator(&url), &off, &["DATABASE_URL", "sekali migrate"]).await;
    refuses(&["verify"], &[("DATABASE_URL", &url)], &["sekali migrate"]).await;
    migrate_twice_then_serve(&url, &off).await;
    // The embedded default brings itself up to date.
    let other = Database::sqlite();
    starts(&simulator(&other.url()), &[]).await;

    let database = Database::postgres();
    let url = database.url();
    serve_refuses(&simulator(&url), &[], &["DATABASE_URL", "sekali migrate"]).await;
    migrate_twice_then_serve(&url, &[]).await;
    let other = Database::postgres();
    starts(&simulator(&other.url()), &[("SEKALI_AUTO_MIGRATE", "1")]).await;
}

async fn migrate_twice_then_serve(url: &str, more: &[(&str, &str)]) {
    let first = run(&["migrate"], &[("DATABASE_URL", url)]).await;
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("ran ") && text(&first.stdout).contains("up to date now"));
    let second = run(&["migrate"], &[("DATABASE_URL", url)]).await;
    assert!(second.status.success());
    assert_eq!(text(&second.stdout), "the database is up to date\n");
    starts(&simulator(url), more).await;
}

#[tokio::test]
async fn an_old_database() {
    let database = Database::postgres();
    let url = database.url();
    let ledger = "CREATE TABLE sekali_migrations (version bigint PRIMARY KEY, name text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()); INSERT INTO sekali_migrations VALUES (1, 'initial')";
    database.execute(MIGRATIONS[0].sql).await.unwrap();
    database.execute(ledger).await.unwrap();
    serve_refuses(&simulator(&url), &[], &["DATABASE_URL", "older", "sekali migrate"]).await;
    refuses(&["verify"], &[("DATABASE_URL", &url)], &["older", "sekali migrate"]).await;
    let migrated = run(&["migrate"], &[("DATABASE_URL", &url)]).await;
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    starts(&simulator(&url), &[]).await;
}

#[tokio::test]
async fn a_newer_database() {
    for database in [Database::sqlite(), Database::postgres()] {
        let url = database.url();
        assert!(run(&["migrate"], &[("DATABASE_URL", &url)]).await.status.success());
        let newer = "INSERT INTO sekali_migrations (version, name) VALUES (9999, 'of tomorrow')";
        database.execute(newer).await.unwrap();
        for more in [("SEKALI_AUTO_MIGRATE", "0"), ("SEKALI_AUTO_MIGRATE", "1")] {
            serve_refuses(&simulator(&url), &[more], &["DATABASE_URL", "newer", "9999"]).await;
        }
        for command in ["migrate", "verify"] {
            refuses(&[command], &[("DATABASE_URL", &url)], &["DATABASE_URL", "newer", "9999"]).await;
        }
    }
}

/// It starts, is ready, and ends in good order when it is asked to.
async fn starts(base: &[(&str, &str)], more: &[(&str, &str)]) {
    let mut started = started(&[base, more].concat()).await;
    let (address, path) = split(&format!("http://{}/readyz", started.address));
    assert_eq!(Request::new(address, "GET", &path).send().await.status, 200);
    let pid = started.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(10), started.child.wait()).await;
    assert!(ended.expect("it stops within 10 s").unwrap().success());
}

#[tokio::test]
async fn what_serve_says_of_itself() {
    let database = Database::sqlite();
    let url = database.url();
    let started = started(&simulator(&url)).await;
    assert!(started.log.contains("Coordination is in memory: run one server only"), "{}", started.log);
    assert!(!started.log.contains(JWT_SECRET));
    assert!(!started.address.ends_with(":0"), "the port that was taken: {}", started.address);
    let (address, _) = split(&format!("http://{}/", started.address));
    // Two tokens of the command line's: the host application's, and the patient's.
    let token = async |arguments: &[&str]| {
        let all = [&["token", "--user", "1"], arguments].concat();
        text(&run(&all, &[("SEKALI_JWT_SECRET", JWT_SECRET)]).await.stdout).trim_end().to_owned()
    };
    let service = token(&["--role", "service"]).await;
    let put = Request::new(address, "PUT", "/api/v1/consultations/5").bearer(&service);
    assert_eq!(
        put.json(r#"{"patient_id": 1, "fee": "5000.00", "currency": "PHP"}"#).send().await.status,
        201
    );
    let patient = token(&["--ttl", "5m"]).await;
    let press = Request::new(address, "POST", "/api/v1/payments").bearer(&patient);
    let press = press.header("X-Idempotency-Key", "k").json(support::body(5, "5000.00"));
    assert_eq!(press.clone().send().await.status, 201);
    assert_eq!(press.send().await.status, 409);
    eventually("the payment stands", async || {
        database.query("SELECT COUNT(*) FROM payments").await == [["1"]]
    })
    .await;
}

#[tokio::test]
async fn every_command_has_help_with_an_example() {
    let all = text(&run(&["--help"], &[]).await.stdout);
    assert!(all.contains("Example"), "{all}");
    let nested = ["outbox list", "outbox replay"];
    let commands =
        ["serve", "demo", "migrate", "verify", "config", "token", "reconcile", "outbox", "stripe-simulator"];
    for command in commands.into_iter().chain(nested) {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        assert!(all.contains(words[0]), "{command} is missing in {all}");
        let output = run(&words, &[]).await;
        let help = text(&output.stdout);
        assert!(
            output.status.success() && help.contains("Example") && help.contains("sekali"),
            "{command}: {help}"
        );
    }
    for arguments in [&["pay"][..], &["serve", "--no-such-flag"], &["token"], &[]] {
        let output = run(arguments, &[]).await;
        assert!(!output.status.success() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn config_shows_what_is_in_force_and_no_secret() {
    let folder = Folder::new();
    let file = folder.0.join("sekali.toml");
    std::fs::write(
        &file,
        "rate_limit = 7\nrequest_timeout = 8\nredis_url = \"redis://:hidden-r@127.0.0.1/1\"\n",
    )
    .unwrap();
    let env = [
        ("SEKALI_CONFIG", file.to_str().unwrap()),
        ("SEKALI_JWT_SECRET", "hidden-jwt-secret-of-more-than-32-bytes"),
        ("STRIPE_SECRET_KEY", "sk_test_hidden"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_hidden"),
        ("DATABASE_URL", "postgres://sekali:hidden@127.0.0.1/sekali"),
        ("SEKALI_REQUEST_TIMEOUT", "9"),
        ("SEKALI_MAX_IN_FLIGHT", "10"),
        ("SEKALI_HOST_WEBHOOK_URL", "https://app.example.org/hook?token=hidden&x=hidden"),
        ("SEKALI_HOST_WEBHOOK_SECRET", "whsec_aGlkZGVuaGlkZGVuaGlkZGVuaGlkZGVu"),
    ];
    for format in [&[][..], &["--json"]] {
        let output = run(&[&["config", "--max-in-flight", "11"], format].concat(), &env).await;
        let shown = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(!shown.contains("hidden") && !shown.contains("aGlkZGVu"), "{shown}");
        assert!(shown.contains("***") && shown.contains("postgres://sekali:***@127.0.0.1/sekali"), "{shown}");
    }
    let output = run(&["config", "--max-in-flight", "11", "--json"], &env).await;
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let in_force = |name: &str| {
        let rows = document["settings"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["source"].as_str().unwrap().to_owned())
    };
    for (name, value, source) in [
        ("SEKALI_MAX_IN_FLIGHT", "11", "flag"),
        ("SEKALI_REQUEST_TIMEOUT", "9", "environment"),
        ("SEKALI_RATE_LIMIT", "7", "file"),
        ("SEKALI_LISTEN", "127.0.0.1:8080", "default"),
    ] {
        assert_eq!(in_force(name), (value.to_owned(), source.to_owned()), "{name}");
    }
}

/// A payment's row with what SQL wants of it.
fn payment(reference: u8) -> String {
    format!(
        "INSERT INTO payments (reference, user_id, consultation_id, amount_minor, currency, currency_decimals,
           payment_method, status, created_at, updated_at)
         VALUES ('00000000-0000-4000-8000-0000000000{reference:02}', 1, 5, 500000, 'PHP', 2, 'stripe', 'pending',
           '2024-01-15 10:30:00', '2024-01-15 10:30:00')"
    )
}

#[tokio::test]
async fn verify_finds_what_is_broken() {
    for database in [Database::sqlite(), Database::postgres()] {
        let url = database.url();
        let verify = async || run(&["verify"], &[("DATABASE_URL", &url)]).await;
        assert!(run(&["migrate"], &[("DATABASE_URL", &url)]).await.status.success());
        let host = "INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES (5, 1, '5000.00', 'PHP')";
        database.execute(host).await.unwrap();
        let clean = verify().await;
        assert!(clean.status.success(), "{}", text(&clean.stdout));
        assert!(text(&clean.stdout).contains("invariants hold") && !text(&clean.stdout).contains("BROKEN"));

        database.execute(&payment(1)).await.unwrap();
        let refused = database.execute(&payment(2)).await;
        assert!(refused.is_err(), "the index stands: a second active payment is refused");
        database.execute("DROP INDEX payments_one_active").await.unwrap();
        database.execute(&payment(2)).await.unwrap();
        let broken = verify().await;
        let table = text(&broken.stdout);
        assert_eq!(broken.status.code(), Some(1), "{table}");
        assert!(
            table.contains("BROKEN  I1   a consultation has at most one active payment of its patient"),
            "{table}"
        );
        let rows: Vec<Vec<&str>> =
            table.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert!(rows.contains(&vec!["consultation_id", "user_id", "payment_count"]), "{table}");
        assert!(rows.contains(&vec!["5", "1", "2"]), "{table}");
        assert!(table.contains("BROKEN  I3   every payment has exactly one invoice"), "{table}");
    }
}
