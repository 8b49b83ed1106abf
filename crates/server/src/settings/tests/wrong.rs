//! Each setting missing, wrong or contradictory: one sentence that names it, says what is wrong and
//! what would be right, and shows no secret.

use super::{SIMULATOR, STRIPE, serve, serve_with};

/// The sentence is one line with nothing secret in it and advice at its end.
fn assert_sentence(error: &str, expected: &str, case: &dyn std::fmt::Debug) {
    assert!(error.starts_with(expected), "{case:?}\n  got      {error}\n  expected {expected}");
    assert!(error.contains(": give ") || error.contains(": write "), "no advice: {error}");
    assert!(!error.contains('\n') && !error.contains("hidden"), "{error}");
}

#[test]
fn a_missing_setting() {
    let without = |name: &str| STRIPE.iter().filter(|(key, _)| *key != name).copied().collect::<Vec<_>>();
    for (name, expected) in [
        (
            "SEKALI_JWT_SECRET",
            "SEKALI_JWT_SECRET is not set: give at least 32 bytes, for example with: openssl rand -base64 48",
        ),
        ("STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY is not set, and SEKALI_STRIPE_SIMULATOR is off: give "),
        ("STRIPE_WEBHOOK_SECRET", "STRIPE_WEBHOOK_SECRET is not set: give the signing secret"),
    ] {
        assert_sentence(&serve_with(&without(name), &[]).unwrap_err(), expected, &name);
        assert_sentence(&serve_with(STRIPE, &[(name, "")]).unwrap_err(), expected, &("empty", name));
    }
}

/// The setting, its text, and how the sentence goes on after the name.
const WRONG: &[(&str, &str, &str)] = &[
    ("SEKALI_JWT_SECRET", "hidden", "is too short (6 bytes): give at least 32 bytes"),
    ("SEKALI_LISTEN", "8080", "is \"8080\", not an IP address and a port"),
    ("SEKALI_LISTEN", "example.org:80", "is \"example.org:80\", not an IP address"),
    ("SEKALI_LISTEN", "127.0.0.1:65536", "is \"127.0.0.1:65536\", not an IP address"),
    ("SEKALI_PUBLIC_URL", "localhost:8080", "is \"localhost:8080\", not an address with http:// or https://"),
    ("SEKALI_PUBLIC_URL", "ftp://localhost", "is \"ftp://localhost\", not an address with http"),
    ("SEKALI_PUBLIC_URL", "http://", "is \"http://\", not an address with http"),
    ("SEKALI_PUBLIC_URL", "http://localhost/pay", "is \"http://localhost/pay\", an address with a path"),
    ("SEKALI_PUBLIC_URL", "http://localhost?a=b", "is \"http://localhost?a=b\", an address with a query"),
    (
        "SEKALI_PUBLIC_URL",
        "http://localhost#a",
        "is \"http://localhost#a\", an address with a query or fragment",
    ),
    (
        "SEKALI_PUBLIC_URL",
        "http://u:hidden@localhost",
        "is \"http://u:***@localhost\", an address with a user",
    ),
    (
        "SEKALI_APP_URL",
        "javascript:alert(1)",
        "is \"javascript:alert(1)\", not an address with http:// or https://",
    ),
    ("SEKALI_APP_URL", "http://u:hidden@a.example", "is \"http://u:***@a.example\", an address with a user"),
    ("DATABASE_URL", "mysql://u:hidden@h/db", "is neither a postgres:// nor a sqlite:// address"),
    ("DATABASE_URL", "hidden", "is neither a postgres:// nor a sqlite:// address"),
    ("DATABASE_URL", "postgres://u:hidden@/db", "is not an address that PostgreSQL's clients understand"),
    (
        "DATABASE_URL",
        "postgres://u:hidden@h:port/db",
        "is not an address that PostgreSQL's clients understand",
    ),
    (
        "DATABASE_URL",
        "postgres://u:hidden@h/db?foo=1",
        "is not an address that PostgreSQL's clients understand",
    ),
    ("DATABASE_URL", "sqlite::memory:", "is a database in memory, which forgets every payment"),
    ("DATABASE_URL", "sqlite://:memory:", "is a database in memory"),
    ("DATABASE_URL", "sqlite://x.db?mode=memory", "is a database in memory"),
    ("DATABASE_URL", "sqlite://file::memory:", "is a database in memory"),
    ("DATABASE_URL", "sqlite:sekali.db", "is a SQLite address without //"),
    ("DATABASE_URL", "sqlite://x.db?mode=rwc", "is a SQLite address with options"),
    ("DATABASE_URL", "sqlite://file:x.db", "is a SQLite address with options"),
    ("DATABASE_URL", "sqlite://", "is a SQLite address that names no file"),
    ("DATABASE_URL", "sqlite:///var/lib/", "is a SQLite address that names no file"),
    ("SEKALI_DATABASE_POOL", "0", "is \"0\", not a whole number from 1 to 1000"),
    ("SEKALI_DATABASE_POOLER", "pgbouncer", "is \"pgbouncer\", neither 0 nor 1"),
    ("SEKALI_AUTO_MIGRATE", "yes", "is \"yes\", neither 0 nor 1"),
    ("REDIS_URL", "127.0.0.1:6379", "is not a redis:// address"),
    ("REDIS_URL", "http://hidden", "is not a redis:// address"),
    ("REDIS_URL", "rediss://:hidden@h", "is an address with TLS (rediss://), which is not built in"),
    ("REDIS_URL", "redis://", "is an address without a host"),
    ("REDIS_URL", "redis://h/zero", "is an address whose path is not a database's number"),
    ("SEKALI_STRIPE_SIMULATOR", "on", "is \"on\", neither 0 nor 1"),
    ("SEKALI_CHECKOUT_EXPIRES", "1799", "is \"1799\", not a whole number from 1800 to 86400"),
    ("SEKALI_CHECKOUT_EXPIRES", "86401", "is \"86401\", not a whole number from 1800 to 86400"),
    ("SEKALI_TAXES", "VAT", "is \"VAT\", not NAME=PERCENT at \"VAT\""),
    ("SEKALI_TAXES", "VAT=12,", "is \"VAT=12,\", not NAME=PERCENT at \"\""),
    ("SEKALI_TAXES", "VAT=101", "is \"VAT=101\", not NAME=PERCENT"),
    ("SEKALI_TAXES", "VAT=-1", "is \"VAT=-1\", not NAME=PERCENT"),
    ("SEKALI_TAXES", "VAT=0.00001", "is \"VAT=0.00001\", not NAME=PERCENT"),
    ("SEKALI_TAXES", "=12", "is \"=12\", not NAME=PERCENT"),
    ("SEKALI_TAXES", "VAT=12,VAT=1", "is \"VAT=12,VAT=1\", a list that names VAT twice"),
    ("SEKALI_DEFAULT_CURRENCY", "php", "is \"php\", not the code of a currency"),
    ("SEKALI_DEFAULT_CURRENCY", "XXX", "is \"XXX\", not the code of a currency"),
    ("SEKALI_KEY_RETENTION", "71", "is \"71\", not a whole number from 72 to 87600"),
    ("SEKALI_RATE_LIMIT", "abc", "is \"abc\", not a whole number from 0 to 1000000: give for example 100"),
    ("SEKALI_RATE_LIMIT", "-1", "is \"-1\", not a whole number"),
    ("SEKALI_RATE_LIMIT", "+1", "is \"+1\", not a whole number"),
    ("SEKALI_RATE_LIMIT", "1.5", "is \"1.5\", not a whole number"),
    ("SEKALI_RATE_LIMIT", "99999999999999999999", "is \"99999999999999999999\", not a whole number"),
    ("SEKALI_CORS_ORIGINS", "*", "is \"*\", a list with not an address with http:// or https:// in it"),
    (
        "SEKALI_CORS_ORIGINS",
        "https://a.example/x",
        "is \"https://a.example/x\", a list with an address with a path",
    ),
    ("SEKALI_CORS_ORIGINS", "https://a.example,", "is \"https://a.example,\", a list with not an address"),
    ("SEKALI_REQUEST_TIMEOUT", "0", "is \"0\", not a whole number from 1 to 600"),
    ("SEKALI_REQUEST_TIMEOUT", "30s", "is \"30s\", not a whole number from 1 to 600"),
    ("SEKALI_MAX_IN_FLIGHT", "0", "is \"0\", not a whole number from 1 to 1000000"),
    ("SEKALI_MAX_CONNECTIONS", "many", "is \"many\", not a whole number from 1 to 1000000"),
    ("SEKALI_METRICS_LISTEN", "9090", "is \"9090\", not an IP address and a port"),
    (
        "SEKALI_METRICS_LISTEN",
        "127.0.0.1:8080",
        "is \"127.0.0.1:8080\", the address of SEKALI_LISTEN as well",
    ),
    ("SEKALI_DEMO", "2", "is \"2\", neither 0 nor 1"),
    ("SEKALI_LOG", "info,sekali=loud", "is \"info,sekali=loud\", not a filter that tracing reads"),
    ("SEKALI_LOG_FORMAT", "xml", "is \"xml\", neither json nor pretty"),
];

#[test]
fn a_wrong_setting() {
    for (name, value, expected) in WRONG {
        let error = serve_with(SIMULATOR, &[(name, value)]).unwrap_err();
        assert_sentence(&error, &format!("{name} {expected}"), &(name, value));
    }
}

#[test]
fn a_wrong_setting_beside_stripe() {
    for (name, value, expected) in [
        (
            "STRIPE_SECRET_KEY",
            "sk hidden",
            "is not one word of visible ASCII characters: give the secret key",
        ),
        ("STRIPE_SECRET_KEY", "pk_test_hidden", "is a publishable key (pk_…)"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_hidden,", "is not a list of secrets with commas between them"),
        ("STRIPE_WEBHOOK_SECRET", ",", "is not a list of secrets"),
        ("STRIPE_WEBHOOK_SECRET", "whsec hidden", "is not a list of secrets"),
        (
            "STRIPE_API_BASE",
            "api.stripe.com",
            "is \"api.stripe.com\", not an address with http:// or https://",
        ),
        (
            "STRIPE_API_BASE",
            "http://api.stripe.com",
            "is \"http://api.stripe.com\", an address that would send the key",
        ),
        (
            "STRIPE_API_BASE",
            "https://api.stripe.com?a=b",
            "is \"https://api.stripe.com?a=b\", an address with a query",
        ),
    ] {
        let error = serve_with(STRIPE, &[(name, value)]).unwrap_err();
        assert_sentence(&error, &format!("{name} {expected}"), &(name, value));
    }
}

#[test]
fn settings_that_contradict_each_other() {
    let on = ("SEKALI_STRIPE_SIMULATOR", "1");
    let both = "SEKALI_STRIPE_SIMULATOR and STRIPE_SECRET_KEY are both set: give only one";
    assert_sentence(&serve_with(STRIPE, &[on]).unwrap_err(), both, &"both");
    let demo = "SEKALI_DEMO is on without SEKALI_STRIPE_SIMULATOR: give ";
    assert_sentence(&serve_with(STRIPE, &[("SEKALI_DEMO", "1")]).unwrap_err(), demo, &"demo");
    let base = "STRIPE_API_BASE and SEKALI_STRIPE_SIMULATOR are both set: give ";
    let given = [("STRIPE_API_BASE", "http://127.0.0.1:1")];
    assert_sentence(&serve_with(SIMULATOR, &given).unwrap_err(), base, &"base");
}

#[test]
fn the_simulator_away_from_loopback() {
    for (name, value) in [
        ("SEKALI_LISTEN", "0.0.0.0:8080"),
        ("SEKALI_LISTEN", "[::]:8080"),
        ("SEKALI_LISTEN", "192.168.1.5:8080"),
        ("SEKALI_PUBLIC_URL", "http://192.168.1.5:8080"),
        ("SEKALI_PUBLIC_URL", "https://pay.example.org"),
        ("SEKALI_PUBLIC_URL", "http://localhost.example.org"),
        ("SEKALI_PUBLIC_URL", "http://[::2]"),
    ] {
        let error = serve_with(SIMULATOR, &[(name, value)]).unwrap_err();
        let expected = format!("SEKALI_STRIPE_SIMULATOR does not run with {name} {value}, as anyone there");
        assert_sentence(&error, &expected, &value);
    }
}

#[test]
fn a_flag_and_a_line_of_the_file_are_named_beside_the_setting() {
    let flag = serve(&["--rate-limit", "abc"], SIMULATOR, None).unwrap_err();
    assert_sentence(
        &flag,
        "SEKALI_RATE_LIMIT (given as --rate-limit) is \"abc\", not a whole number",
        &"flag",
    );
    let file = serve(&["--config", "sekali.toml"], SIMULATOR, Some("rate_limit = \"abc\"\n")).unwrap_err();
    assert_sentence(
        &file,
        "SEKALI_RATE_LIMIT (rate_limit in sekali.toml) is \"abc\", not a whole number",
        &"file",
    );
}

#[test]
fn a_wrong_file() {
    for (text, expected) in [
        (None, "SEKALI_CONFIG names sekali.toml, which cannot be read ("),
        (
            Some("listen = \"x\"\njwt_secret = hidden\n"),
            "SEKALI_CONFIG names sekali.toml, which is not TOML in line 2",
        ),
        (
            Some("lisen = \"x\"\n"),
            "SEKALI_CONFIG names sekali.toml, which sets \"lisen\", no setting of Sekali's",
        ),
        (Some("config = \"x\"\n"), "SEKALI_CONFIG names sekali.toml, which sets \"config\", no setting"),
        (
            Some("[server]\nlisten = \"x\"\n"),
            "SEKALI_CONFIG names sekali.toml, which sets \"server\", no setting",
        ),
        (
            Some("rate_limit = 1.5\n"),
            "SEKALI_RATE_LIMIT (rate_limit in sekali.toml) is neither a text, a whole number",
        ),
        (Some("cors_origins = [1]\n"), "SEKALI_CORS_ORIGINS (cors_origins in sekali.toml) is neither a text"),
    ] {
        let error = serve(&["--config", "sekali.toml"], SIMULATOR, text).unwrap_err();
        assert_sentence(&error, expected, &text);
    }
}
