//! A start with settings that are wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use sekali_stripe_simulator::{Config, Error, Storage, SystemClock, SystemRandom, open};
use support::Folder;

async fn refusal(change: impl Fn(&mut Config)) -> Error {
    let folder = Folder::new();
    let mut config = Config {
        public_base: "http://127.0.0.1:8080/stripe-simulator".to_owned(),
        webhook_url: "http://127.0.0.1:8080/webhooks/stripe".to_owned(),
        webhook_secret: support::SECRET.to_owned(),
        storage: folder.storage(),
    };
    change(&mut config);
    open(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await.err().expect("it started")
}

#[tokio::test]
async fn each_wrong_setting_is_named() {
    let error = refusal(|config| config.public_base = "127.0.0.1:8080".to_owned()).await;
    assert!(matches!(error, Error::Address { setting: "public base", .. }), "{error}");
    let error = refusal(|config| config.webhook_url = "file:///hook".to_owned()).await;
    assert!(matches!(error, Error::Address { setting: "webhook address", .. }), "{error}");
    let error = refusal(|config| config.webhook_secret.clear()).await;
    assert!(matches!(error, Error::EmptySecret), "{error}");
    let nowhere = Storage::Sqlite { path: "/nowhere/at/all.db".into() };
    let error = refusal(|config| config.storage = nowhere.clone()).await;
    assert!(matches!(error, Error::Storage(_)), "{error}");
    // Port 9 of the loopback: nobody listens there.
    let nobody = Storage::Postgres { url: "postgres://nobody@127.0.0.1:9/nothing".to_owned() };
    let error = refusal(|config| config.storage = nobody.clone()).await;
    assert!(matches!(error, Error::Storage(_)), "{error}");
}
