//! A configuration that cannot be used is told at the start.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_stripe::{StripeConfig, StripeConfigError, StripeGateway};
use std::sync::Arc;
use support::{Constant, Impatient};

fn config() -> StripeConfig {
    StripeConfig {
        base: "https://api.stripe.com".to_owned(),
        secret_key: "sk_1".to_owned(),
        webhook_secrets: vec!["whsec_1".to_owned()],
        payment_method_types: vec!["card".to_owned()],
    }
}

fn fault(change: impl FnOnce(&mut StripeConfig)) -> Option<StripeConfigError> {
    let mut config = config();
    change(&mut config);
    StripeGateway::new(config, Arc::new(Impatient::default()), Arc::new(Constant)).err()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn what_can_be_used() {
    assert_eq!(fault(|_| {}), None);
    assert_eq!(fault(|config| config.base = "http://127.0.0.1:8080/stripe-simulator/".to_owned()), None);
    assert_eq!(fault(|config| config.webhook_secrets = words(&["whsec_1", "whsec_2"])), None);
    assert_eq!(
        fault(|config| config.payment_method_types = words(&["card", "p24", "us_bank_account"])),
        None
    );
}

#[test]
fn bases() {
    for base in ["", "api.stripe.com", "ftp://x", "https://x/?q", "https://u:p@x", "https://"] {
        let told = fault(|config| config.base = base.to_owned());
        assert_eq!(told, Some(StripeConfigError::Base(base.to_owned())), "{base}");
    }
}

#[test]
fn keys() {
    for key in ["", "sk 1", "sk_1\n", "sk_é"] {
        let told = fault(|config| config.secret_key = key.to_owned());
        assert_eq!(told, Some(StripeConfigError::SecretKey), "{key:?}");
    }
}

#[test]
fn webhook_secrets() {
    for secrets in [&[][..], &[""], &["w", ""]] {
        let told = fault(|config| config.webhook_secrets = words(secrets));
        assert_eq!(told, Some(StripeConfigError::WebhookSecret));
    }
}

#[test]
fn ways_to_pay() {
    for (methods, named) in [
        (&[][..], ""),
        (&["card", ""], "card, "),
        (&["Card"], "Card"),
        (&["card", "card"], "card, card"),
        (&["card,fpx"], "card,fpx"),
        (&["a b"], "a b"),
    ] {
        let told = fault(|config| config.payment_method_types = words(methods));
        assert_eq!(told, Some(StripeConfigError::PaymentMethodTypes(named.to_owned())));
    }
}
