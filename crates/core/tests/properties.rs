//! Money, taxes and keys for any input at all, against arithmetic that shares nothing with theirs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use sekali_core::domain::money::LARGEST_MINOR;
use sekali_core::domain::tax::taxes;
use sekali_core::domain::{
    ConsultationId, Currency, Decimal, Fingerprint, IdempotencyKey, Money, PaymentMethod, TaxRule,
};

/// Of each number of decimals that a currency can have: none, two, three, four.
const CODES: [&str; 10] = ["JPY", "KRW", "UGX", "PHP", "IDR", "USD", "MGA", "KWD", "BHD", "CLF"];

fn currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(&CODES[..]).prop_map(|code| Currency::from_code(code).unwrap())
}

/// Any amount, with many small ones, round ones and ones at the upper bound.
fn minor() -> impl Strategy<Value = i64> {
    prop_oneof![
        0..=LARGEST_MINOR,
        0..=10_000_i64,
        (0..=9_999_999_i64).prop_map(|hundreds| hundreds * 100),
        (LARGEST_MINOR - 1000)..=LARGEST_MINOR,
    ]
}

/// Multiplication as it is done on paper, digit by digit; the result's digits.
fn on_paper(one: u64, other: u64) -> Vec<u8> {
    let digits = |number: u64| number.to_string().bytes().rev().map(|b| b - b'0').collect::<Vec<_>>();
    let (one, other) = (digits(one), digits(other));
    let mut sums = vec![0_u32; one.len() + other.len()];
    for (i, a) in one.iter().enumerate() {
        for (j, b) in other.iter().enumerate() {
            sums[i + j] += u32::from(*a) * u32::from(*b);
        }
    }
    let mut carried = 0;
    let mut result = Vec::new();
    for sum in sums {
        carried += sum;
        result.push(u8::try_from(carried % 10).unwrap());
        carried /= 10;
    }
    assert_eq!(carried, 0);
    result
}

/// The product with its last six digits cut off; up, if the first of them is five or more.
fn a_millionth_half_up(mut digits: Vec<u8>) -> i64 {
    digits.resize(digits.len().max(7), 0);
    let up = i64::from(digits[5] >= 5);
    let whole: String = digits[6..].iter().rev().map(|digit| char::from(b'0' + digit)).collect();
    whole.parse::<i64>().unwrap() + up
}

fn rule(rate_ppm: i64) -> TaxRule {
    TaxRule { name: "VAT".into(), rate_ppm }
}

proptest! {
    #[test]
    fn a_tax_is_what_paper_says(minor in minor(), rate in 0_i64..=1_000_000, currency in currency()) {
        let tax = rule(rate).on(Money::new(minor, currency)).amount;
        let expected = a_millionth_half_up(on_paper(minor.unsigned_abs(), rate.unsigned_abs()));
        prop_assert_eq!(tax, Money::new(expected, currency));
        prop_assert!((0..=minor).contains(&tax.minor));
    }

    /// At exactly half a minor unit the tax goes up, a millionth below it goes down.
    #[test]
    fn exactly_half_goes_up(units in 0_i64..=499_999, currency in currency()) {
        let rate = 2 * units + 1;
        prop_assert_eq!(rule(rate).on(Money::new(500_000, currency)).amount.minor, units + 1);
        prop_assert_eq!(rule(rate).on(Money::new(499_999, currency)).amount.minor, units + i64::from(rate <= 0));
    }

    #[test]
    fn taxes_are_each_rules_own(minor in minor(), rates in prop::collection::vec(0_i64..=1_000_000, 0..5), currency in currency()) {
        let rules: Vec<_> = rates.iter().map(|rate| rule(*rate)).collect();
        let amount = Money::new(minor, currency);
        let lines = taxes(&rules, amount, false);
        prop_assert_eq!(lines.len(), rules.len());
        for (line, rule) in lines.iter().zip(&rules) {
            prop_assert_eq!(line.amount, rule.on(amount).amount);
            prop_assert_eq!(line.rate_ppm, rule.rate_ppm);
        }
        prop_assert!(taxes(&rules, amount, true).is_empty());
    }

    /// However a payment is given back in parts, the taxes that fall on what is back by then only grow, end at
    /// the whole tax, and are never a whole minor unit from their exact share.
    #[test]
    fn refunded_parts_add_up(minor in 1..=LARGEST_MINOR, rate in 0_i64..=1_000_000, cuts in prop::collection::vec(any::<u64>(), 0..8), currency in currency()) {
        let tax = rule(rate).on(Money::new(minor, currency));
        let mut totals: Vec<i64> = cuts.iter().map(|cut| i64::try_from(cut % minor.unsigned_abs()).unwrap()).collect();
        totals.push(minor);
        totals.sort_unstable();
        let (mut before, mut sum) = (0, 0);
        for total in totals {
            let refunded = tax.refunded(Money::new(total, currency)).minor;
            prop_assert!(refunded >= before, "a refund never takes tax back again");
            sum += refunded - before;
            before = refunded;
            let distance = i128::from(refunded) * 1_000_000 - i128::from(total) * i128::from(rate);
            prop_assert!(distance.abs() <= 500_000, "{distance} millionths from its share");
        }
        prop_assert_eq!(sum, tax.amount.minor);
    }

    /// Every way to write an amount is one amount, one key's fingerprint, and one text.
    #[test]
    fn one_amount_however_it_is_written(minor in 1..=LARGEST_MINOR, currency in currency(), zeros in 0_usize..8, moved in 0_i32..8) {
        let money = Money::new(minor, currency);
        let plain = money.to_string();
        let decimals = usize::try_from(currency.decimals()).unwrap();
        let fraction = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        prop_assert_eq!(fraction, decimals, "{}", plain);
        let more_zeros = if decimals == 0 { format!("{plain}.{}", "0".repeat(zeros + 1)) } else { format!("{plain}{}", "0".repeat(zeros)) };
        let shift = i32::try_from(decimals).unwrap() + moved;
        let with_exponent = format!("{minor}{}e-{shift}", "0".repeat(usize::try_from(moved).unwrap()));
        let spellings = [
            Decimal::parse_digits(&plain), Decimal::parse_json_number(&plain), Decimal::parse_digits(&more_zeros),
            Decimal::parse_digits(&format!("{}{plain}", "0".repeat(zeros))), Decimal::parse_json_number(&with_exponent),
            Decimal::parse_json_number(&with_exponent.to_uppercase()),
        ];
        let of = |decimal| Fingerprint::of(ConsultationId(5), decimal, PaymentMethod::Stripe);
        for spelling in spellings {
            let spelling = spelling.unwrap();
            prop_assert_eq!(Money::from_decimal(spelling, currency), Ok(money));
            prop_assert_eq!(of(spelling), of(money.to_decimal()));
        }
    }

    /// One digit more than the currency has is no amount in it, unless it is a nought.
    #[test]
    fn a_digit_too_many_is_no_amount(minor in 0..=99_999_999_i64, digit in 0_u8..=9, currency in currency()) {
        let plain = Money::new(minor, currency).to_string();
        let dot = if currency.decimals() == 0 { "." } else { "" };
        let read = Decimal::parse_digits(&format!("{plain}{dot}{digit}")).unwrap();
        prop_assert_eq!(Money::from_decimal(read, currency).is_ok(), digit == 0);
    }

    #[test]
    fn beyond_the_largest_is_no_amount(above in 1..=i64::MAX - LARGEST_MINOR, currency in currency()) {
        let decimal = Money::new(LARGEST_MINOR + above, currency).to_decimal();
        prop_assert!(Money::from_decimal(decimal, currency).is_err());
    }

    /// Nothing wraps: what does not fit is nothing, and what fits is exact.
    #[test]
    fn minor_units_never_wrap(mantissa in any::<i128>(), exponent in -60_i32..=60, decimals in 0_u32..=4) {
        let decimal = Decimal::new(mantissa, exponent);
        if let Some(minor) = decimal.to_minor(decimals) {
            prop_assert_eq!(Decimal::new(i128::from(minor), -i32::try_from(decimals).unwrap()), decimal);
        }
        prop_assert_eq!(decimal.is_positive(), mantissa > 0);
    }

    #[test]
    fn keys_are_printable_and_not_blank(text in prop_oneof!["[ -~]{0,300}", "\\PC{0,20}", "[ \t\n]{0,5}"]) {
        let fits = text.chars().count() <= 255 && text.chars().all(|c| (' '..='~').contains(&c)) && text.chars().any(|c| c != ' ');
        prop_assert_eq!(IdempotencyKey::new(text.clone()).is_ok(), fits, "{:?}", text);
    }

    #[test]
    fn a_fingerprint_survives_its_text(bytes in any::<[u8; 32]>()) {
        let fingerprint = Fingerprint(bytes);
        prop_assert_eq!(Fingerprint::from_hex(&fingerprint.to_hex()), Some(fingerprint));
    }
}
