//! What right settings come to.

use super::{JWT_SECRET, SIMULATOR, STRIPE, gather, serve, serve_with};
use crate::settings::{DatabaseUrl, Gateway, LogFormat, Secret, SimulatorReach, WebAddress};
use sekali_core::domain::TaxRule;
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = serve_with(SIMULATOR, &[]).unwrap();
    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.public_url, None);
    assert_eq!(settings.database.url, DatabaseUrl::Sqlite("sekali.db".into()));
    assert_eq!(settings.database.pool, 16);
    assert!(settings.database.auto_migrate);
    assert_eq!(settings.redis_url, None);
    assert_eq!(settings.tokens.secret.expose(), JWT_SECRET);
    assert_eq!((settings.tokens.issuer, settings.tokens.audience), (None, None));
    assert_eq!(settings.gateway, Gateway::Simulator { webhook_secrets: vec![] });
    assert_eq!(settings.checkout_expires, Duration::from_hours(24));
    assert_eq!(settings.taxes, TaxRule::defaults());
    assert_eq!(settings.default_currency.code(), "PHP");
    assert_eq!(settings.key_retention, Duration::from_hours(72));
    assert_eq!(settings.rate_limit.unwrap().get(), 100);
    assert!(settings.cors_origins.is_empty() && !settings.demo);
    assert_eq!(settings.request_timeout, Duration::from_secs(30));
    assert_eq!((settings.max_in_flight, settings.max_connections), (1024, 10_000));
    assert_eq!((settings.metrics_listen, settings.app_url), (None, None));
    assert_eq!((settings.log.filter.as_str(), settings.log.format), ("info", LogFormat::Json));
}

#[test]
fn stripe_may_have_several_webhook_secrets_and_another_base() {
    let more = [
        ("STRIPE_WEBHOOK_SECRET", "whsec_new, whsec_old"),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111/base/"),
    ];
    let Gateway::Stripe { secret_key, webhook_secrets, api_base } =
        serve_with(STRIPE, &more).unwrap().gateway
    else {
        panic!("the key was given")
    };
    assert_eq!(secret_key.expose(), "sk_test_hidden");
    assert_eq!(webhook_secrets.iter().map(Secret::expose).collect::<Vec<_>>(), ["whsec_new", "whsec_old"]);
    assert_eq!(api_base.as_str(), "http://127.0.0.1:12111/base");
    let Gateway::Stripe { api_base, .. } = serve_with(STRIPE, &[]).unwrap().gateway else {
        panic!("as above")
    };
    assert_eq!(api_base.as_str(), "https://api.stripe.com");
}

#[test]
fn patients_are_led_back_to_the_very_address_that_was_given() {
    for address in ["https://app.example.org/pasien/", "https://app.example.org/pasien"] {
        let settings = serve_with(SIMULATOR, &[("SEKALI_APP_URL", address)]).unwrap();
        assert_eq!(settings.app_url.unwrap().whole(), address);
    }
}

#[test]
fn stripe_may_be_served_to_the_world() {
    let more = [("SEKALI_LISTEN", "0.0.0.0:80"), ("SEKALI_PUBLIC_URL", "https://pay.example.org/")];
    let settings = serve_with(STRIPE, &more).unwrap();
    assert_eq!(settings.public_address(settings.listen), "https://pay.example.org");
}

#[test]
fn the_public_address_follows_the_bound_one() {
    let settings = serve_with(SIMULATOR, &[("SEKALI_LISTEN", "[::1]:0")]).unwrap();
    assert_eq!(settings.public_address("[::1]:4711".parse().unwrap()), "http://[::1]:4711");
}

#[test]
fn databases() {
    for (text, expected) in [
        ("sqlite://sekali.db", Some("sekali.db")),
        ("sqlite://data/my sekali.db", Some("data/my sekali.db")),
        ("sqlite:///var/lib/sekali.db", Some("/var/lib/sekali.db")),
        ("postgres://u:p@127.0.0.1:5432/sekali", None),
        ("postgresql://127.0.0.1/sekali?sslmode=require", None),
        ("postgresql://u@%2Fvar%2Frun%2Fpostgresql/sekali", None),
    ] {
        let database = gather(&[], &[("DATABASE_URL", text)], None).unwrap().database().unwrap();
        match (expected, database.url) {
            (Some(path), DatabaseUrl::Sqlite(found)) => assert_eq!(found, PathBuf::from(path)),
            (None, DatabaseUrl::Postgres(url)) => assert_eq!(url.expose(), text),
            (_, other) => panic!("{text}: {other:?}"),
        }
        assert_eq!(database.auto_migrate, expected.is_some(), "on for SQLite, off for PostgreSQL");
    }
    let asked = [("DATABASE_URL", "postgres://127.0.0.1/db"), ("SEKALI_AUTO_MIGRATE", "true")];
    assert!(gather(&[], &asked, None).unwrap().database().unwrap().auto_migrate);
    for (given, pooled) in [("0", false), ("1", true)] {
        let database = gather(&[], &[("SEKALI_DATABASE_POOLER", given)], None).unwrap().database().unwrap();
        assert_eq!(database.pooler, pooled);
    }
}

#[test]
fn a_command_needs_only_its_own_settings() {
    let unrelated = [("SEKALI_LISTEN", "nonsense"), ("SEKALI_RATE_LIMIT", "nonsense")];
    let values = gather(&[], &unrelated, None).unwrap();
    assert!(values.database().is_ok() && values.log().is_ok());
    let with_secret = [&unrelated[..], &[("SEKALI_JWT_SECRET", JWT_SECRET)]].concat();
    assert!(gather(&[], &with_secret, None).unwrap().token().is_ok());
}

#[test]
fn loopback_is_what_only_this_machine_reaches() {
    for (listen, public) in [
        ("127.0.0.1:0", "http://localhost:8080"),
        ("127.8.9.1:80", "http://127.1.2.3"),
        ("[::1]:8080", "https://[::1]:8443"),
        ("localhost:8080", "http://LOCALHOST:8080/"),
        ("[::ffff:127.0.0.1]:8080", "http://127.0.0.1:8080"),
    ] {
        let more = [("SEKALI_LISTEN", listen), ("SEKALI_PUBLIC_URL", public)];
        assert!(serve_with(SIMULATOR, &more).is_ok(), "{listen} {public}");
    }
}

#[test]
fn the_demo_may_be_shown_on_a_private_network_and_no_further() {
    let reached = |listen: &str, public: &str| {
        let env = [SIMULATOR, &[("SEKALI_LISTEN", listen), ("SEKALI_PUBLIC_URL", public)]].concat();
        gather(&[], &env, None).unwrap().serve(SimulatorReach::PrivateNetwork).is_ok()
    };
    assert!(reached("192.168.1.5:8080", "http://192.168.1.5:8080"));
    assert!(reached("[fd00::5]:8080", "http://[fd00::5]:8080"));
    assert!(!reached("0.0.0.0:8080", "http://192.168.1.5:8080"), "every network, public ones too");
    assert!(!reached("203.0.113.5:8080", "http://192.168.1.5:8080"));
    assert!(!reached("192.168.1.5:8080", "http://203.0.113.5"));
    assert!(!reached("192.168.1.5:8080", "http://demo.example.org"));
}

#[test]
fn other_values() {
    let settings = serve_with(
        SIMULATOR,
        &[
            ("SEKALI_TAXES", "PPN=11, X=0.0001"),
            ("SEKALI_RATE_LIMIT", "0"),
            ("SEKALI_DEFAULT_CURRENCY", "JPY"),
            ("SEKALI_CORS_ORIGINS", "https://a.example, http://localhost:5173/"),
            ("SEKALI_CHECKOUT_EXPIRES", "1800"),
            ("SEKALI_METRICS_LISTEN", "127.0.0.1:9090"),
            ("SEKALI_DEMO", "true"),
            ("SEKALI_LOG", "warn,sekali=debug"),
            ("SEKALI_LOG_FORMAT", "pretty"),
            ("REDIS_URL", "redis://user:p@127.0.0.1:6379/2"),
        ],
    )
    .unwrap();
    assert_eq!(settings.taxes.iter().map(|tax| tax.rate_ppm).collect::<Vec<_>>(), [110_000, 1]);
    assert_eq!(settings.rate_limit, None);
    assert_eq!(settings.default_currency.code(), "JPY");
    let origins: Vec<_> = settings.cors_origins.iter().map(WebAddress::as_str).collect();
    assert_eq!(origins, ["https://a.example", "http://localhost:5173"]);
    assert_eq!(settings.checkout_expires, Duration::from_mins(30));
    assert!(settings.metrics_listen.is_some() && settings.demo);
    assert_eq!(settings.log.format, LogFormat::Pretty);
    assert!(settings.redis_url.is_some());
    assert!(serve(&["--taxes", "none"], SIMULATOR, None).unwrap().taxes.is_empty());
}
