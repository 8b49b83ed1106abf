//! Where values come from, and who comes first.

use super::{SIMULATOR, gather, parsed, serve};
use crate::settings::{Key, SETTINGS, Source, setting};
use std::collections::BTreeSet;

#[test]
fn the_table_is_in_the_order_of_the_enum_and_names_nothing_twice() {
    for (index, row) in SETTINGS.iter().enumerate() {
        assert_eq!(row.key as usize, index, "{}", row.env);
        assert_eq!(setting(row.key).env, row.env);
    }
    let flags: BTreeSet<_> = SETTINGS.iter().map(|row| row.flag).collect();
    let variables: BTreeSet<_> = SETTINGS.iter().map(|row| row.env).collect();
    assert_eq!((flags.len(), variables.len()), (SETTINGS.len(), SETTINGS.len()));
}

#[test]
fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
    let file = Some("rate_limit = 3\n");
    let config = ("SEKALI_CONFIG", "sekali.toml");
    let env = [config, ("SEKALI_RATE_LIMIT", "2")];
    let flags = ["--rate-limit", "1"];
    for (values, text, source) in [
        (gather(&flags, &env, file), "1", Source::Flag),
        (gather(&[], &env, file), "2", Source::Environment),
        (gather(&[], &[config], file), "3", Source::File),
        (gather(&[], &[], file), "100", Source::Default),
    ] {
        let values = values.unwrap();
        assert_eq!((values.text(Key::RateLimit), values.source(Key::RateLimit)), (Some(text), source));
    }
}

#[test]
fn an_empty_text_counts_as_not_given_at_every_place() {
    let env = [("SEKALI_CONFIG", "sekali.toml"), ("SEKALI_RATE_LIMIT", ""), ("REDIS_URL", "")];
    let values = gather(&["--rate-limit", ""], &env, Some("rate_limit = 3\nredis_url = \"\"\n")).unwrap();
    assert_eq!((values.text(Key::RateLimit), values.source(Key::RateLimit)), (Some("3"), Source::File));
    assert_eq!(values.text(Key::RedisUrl), None);
    assert_eq!(gather(&[], &[("SEKALI_CONFIG", "")], None).unwrap().file(), None);
}

#[test]
fn the_file_may_come_from_the_flag_and_holds_texts_numbers_booleans_and_lists() {
    let file = "listen = \"127.0.0.1:0\"\nrate_limit = 5\nstripe_simulator = true\n\
                cors_origins = [\"https://a.example\", \"https://b.example\"]\n\
                jwt_secret = \"0123456789abcdef0123456789abcdef\"\n";
    let settings = serve(&["--config", "sekali.toml"], &[], Some(file)).unwrap();
    assert_eq!(settings.listen.port(), 0);
    assert_eq!(settings.rate_limit.unwrap().get(), 5);
    assert_eq!(settings.cors_origins.len(), 2);
}

#[test]
fn every_setting_has_a_flag_and_a_place_in_the_file() {
    for row in SETTINGS {
        let flag = format!("--{}=x", row.flag);
        assert_eq!(parsed(&[&flag]).get(&row.key).map(String::as_str), Some("x"), "{}", row.env);
        if row.key != Key::Config {
            let file = format!("{} = \"x\"\n", row.toml_key());
            let values = gather(&["--config", "sekali.toml"], &[], Some(&file)).unwrap();
            assert_eq!(
                (values.text(row.key), values.source(row.key)),
                (Some("x"), Source::File),
                "{}",
                row.env
            );
        }
    }
}

#[test]
fn a_switch_may_stand_alone() {
    let flags = parsed(&["--stripe-simulator", "--demo", "--auto-migrate=0"]);
    assert_eq!(flags[&Key::StripeSimulator], "1");
    assert_eq!(flags[&Key::Demo], "1");
    assert_eq!(flags[&Key::AutoMigrate], "0");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let env = |name: &str| (name == "SEKALI_LOG").then(|| std::ffi::OsString::from_vec(vec![0xff]));
    let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let surroundings = crate::settings::Surroundings { env: &env, read: &read };
    let error = crate::settings::Values::gather(&parsed(&[]), surroundings).err().unwrap();
    assert!(error.to_string().starts_with("SEKALI_LOG is not UTF-8: "), "{error}");
}

#[test]
fn nothing_secret_is_in_the_debug_form_of_the_settings() {
    let env = [
        SIMULATOR,
        &[("DATABASE_URL", "postgres://u:hunter2@127.0.0.1/db"), ("REDIS_URL", "redis://:hunter2@127.0.0.1")],
    ]
    .concat();
    let text = format!("{:?}", serve(&[], &env, None).unwrap());
    assert!(!text.contains("hunter2") && !text.contains(super::JWT_SECRET), "{text}");
}
