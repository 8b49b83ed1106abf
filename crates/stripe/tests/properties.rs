//! Amounts and signatures as Stripe writes them, for any input at all.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use sekali_core::domain::money::LARGEST_MINOR;
use sekali_core::domain::{Currency, Money, Timestamp};
use sekali_core::ports::gateway::WebhookError;
use sekali_stripe::money::{from_stripe, to_stripe};
use sekali_stripe::verify_webhook;
use sha2::Sha256;
use std::fmt::Write;

/// A currency, its decimals at home, and at Stripe.
const CURRENCIES: [(&str, u32, u32); 9] = [
    ("JPY", 0, 0),
    ("VND", 0, 0),
    ("PHP", 2, 2),
    ("IDR", 2, 2),
    ("USD", 2, 2),
    // Two decimals in ISO 4217, none at Stripe; and the other way round.
    ("MGA", 2, 0),
    ("UGX", 0, 2),
    // Three decimals, of which the last must be nought.
    ("KWD", 3, 3),
    ("BHD", 3, 3),
];

proptest! {
    /// What Stripe charges is the same value in whole units, or it is not charged at all.
    #[test]
    fn the_value_is_the_same_at_stripe(row in prop::sample::select(&CURRENCIES[..]), minor in 0..=LARGEST_MINOR) {
        let (code, home, there) = row;
        let currency = Currency::from_code(code).unwrap();
        prop_assert_eq!(currency.decimals(), home);
        // Both in ten-thousandths, compared without a division.
        let value = |amount: i64, decimals: u32| i128::from(amount) * 10_i128.pow(4 - decimals);
        match to_stripe(Money::new(minor, currency)) {
            Some(charged) => {
                prop_assert_eq!(value(charged, there), value(minor, home));
                prop_assert!(there != 3 || charged % 10 == 0);
                prop_assert_eq!(from_stripe(charged, &code.to_lowercase()), Some(Money::new(minor, currency)));
            }
            None => prop_assert!((there == 3 && minor % 10 != 0) || (home > there && minor % 100 != 0), "{} {}", minor, code),
        }
    }

    #[test]
    fn nothing_of_stripes_wraps(amount in any::<i64>(), row in prop::sample::select(&CURRENCIES[..])) {
        let (code, home, there) = row;
        if let Some(money) = from_stripe(amount, code) {
            let value = |amount: i64, decimals: u32| i128::from(amount) * 10_i128.pow(4 - decimals);
            prop_assert_eq!(value(money.minor, home), value(amount, there));
        }
    }
}

const NOW: i64 = 1_705_314_600;
const SECRET: &str = "whsec_of_the_properties";

fn digest(secret: &str, time: &str, payload: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(payload);
    mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn payload(id: &str) -> Vec<u8> {
    format!(r#"{{"id":"{id}","type":"ping","data":{{}}}}"#).into_bytes()
}

fn verify(payload: &[u8], header: &str) -> Result<String, WebhookError> {
    let secrets = ["whsec_old".to_owned(), SECRET.to_owned()];
    verify_webhook(&secrets, payload, header, Timestamp::from_seconds(NOW)).map(|event| event.id)
}

proptest! {
    /// Taken if and only if one of the v1 is right and the time is near, whatever stands beside them and in
    /// whatever order.
    #[test]
    fn one_right_v1_in_time(
        id in "[a-z0-9_]{1,20}", offset in -400_i64..=400, right in any::<bool>(),
        noise in prop::collection::vec(prop_oneof!["v1=[0-9a-f]{64}", "v0=[0-9a-f]{64}", "v[2-9]=[a-z]{0,5}"], 0..6),
        turned in 0_usize..8,
    ) {
        let (payload, time) = (payload(&id), (NOW + offset).to_string());
        let signed = digest(if right { SECRET } else { "whsec_of_others" }, &time, &payload);
        let mut parts = vec![format!("t={time}"), format!("v1={signed}")];
        parts.extend(noise);
        let length = parts.len();
        parts.rotate_left(turned % length);
        let verdict = verify(&payload, &parts.join(","));
        let expected = match (right, offset.abs() <= 300) {
            (false, _) => Err(WebhookError::Forged),
            (true, false) => Err(WebhookError::OutOfTolerance),
            (true, true) => Ok(id),
        };
        prop_assert_eq!(verdict, expected);
    }

    /// Any byte changed, put in or left out, of body or header: no longer Stripe's.
    #[test]
    fn nothing_changed_is_believed(at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0_u8..3, in_body in any::<bool>()) {
        let body = payload("evt_1");
        let header = format!("t={NOW},v1={}", digest(SECRET, &NOW.to_string(), &body));
        let mut changed = if in_body { body.clone() } else { header.clone().into_bytes() };
        let place = at.index(changed.len());
        match how {
            0 => changed[place] = byte,
            1 => changed.insert(place, byte),
            _ => drop(changed.remove(place)),
        }
        let (new_body, new_header) = if in_body { (changed, Some(header.clone())) } else { (body.clone(), String::from_utf8(changed).ok()) };
        let Some(new_header) = new_header else { return Ok(()) };
        let verdict = verify(&new_body, &new_header);
        // A signature's digits may be of either case, and blanks may stand around a part: the same header.
        let part = |part: &str| match part.trim().split_once('=') {
            Some((scheme, value)) => format!("{scheme}={}", value.to_ascii_lowercase()),
            None => part.trim().to_owned(),
        };
        let bare = |header: &str| header.split(',').map(part).collect::<Vec<_>>();
        let same = new_body == body && bare(&new_header) == bare(&header);
        prop_assert!(verdict.is_err() || same, "{}", new_header);
    }

    #[test]
    fn no_header_makes_it_panic(header in "\\PC{0,200}", body in prop::collection::vec(any::<u8>(), 0..50)) {
        prop_assert!(verify(&body, &header).is_err());
    }
}
