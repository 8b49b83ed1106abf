//! Amounts as Stripe writes them, which is not always ISO 4217's way
//! (<https://docs.stripe.com/currencies>).

use sekali_core::domain::{Currency, Money};

/// No decimals at Stripe. MGA has two in ISO 4217.
const NONE: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

/// Three decimals, of which the last must be zero.
const THREE: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Everything else has two at Stripe. That includes IDR; HUF and TWD, whose special case concerns
/// payouts only; and UGX and ISK, which have none in ISO 4217: Stripe kept two for them, always `00`
/// (its page lists UGX among those without decimals as well, but the special case is the rule).
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        code if NONE.contains(&code) => 0,
        code if THREE.contains(&code) => 3,
        _ => 2,
    }
}

/// What Stripe is to charge, in its own minor units; `None` for an amount that it cannot charge
/// exactly: half an ariary, a single fils.
pub fn to_stripe(amount: Money) -> Option<i64> {
    let charged = rescale(amount.minor, amount.currency.decimals(), decimals(amount.currency))?;
    let coarse = decimals(amount.currency) == 3 && charged % 10 != 0;
    (!coarse).then_some(charged)
}

/// What Stripe says it charges; `None` for a currency that is none of ours (Stripe writes codes in
/// lower case) or an amount that is none in it.
pub fn from_stripe(amount: i64, currency: &str) -> Option<Money> {
    let currency = Currency::from_code(&currency.to_ascii_uppercase())?;
    rescale(amount, decimals(currency), currency.decimals()).map(|minor| Money::new(minor, currency))
}

/// The same value with another number of decimals, if it is exact.
fn rescale(value: i64, from: u32, to: u32) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to))?;
    if to >= from { value.checked_mul(factor) } else { (value % factor == 0).then_some(value / factor) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::Decimal;

    fn money(text: &str, code: &str) -> Money {
        let decimal = Decimal::parse_digits(text).unwrap();
        Money::from_decimal(decimal, Currency::from_code(code).unwrap()).unwrap()
    }

    #[test]
    fn amounts_by_currency() {
        let rows = [
            ("5000.00", "PHP", Some(500_000)),
            ("150000", "IDR", Some(15_000_000)),
            ("150000.5", "IDR", Some(15_000_050)),
            ("500", "JPY", Some(500)),
            ("500", "KRW", Some(500)),
            ("500", "XOF", Some(500)),
            ("5", "ISK", Some(500)),
            ("5", "UGX", Some(500)),
            ("10.45", "HUF", Some(1045)),
            ("800.45", "TWD", Some(80_045)),
            ("12", "MGA", Some(12)),
            ("12.50", "MGA", None),
            ("5.120", "KWD", Some(5120)),
            ("5.12", "BHD", Some(5120)),
            ("5.124", "KWD", None),
            ("0.001", "TND", None),
        ];
        for (text, code, charged) in rows {
            let amount = money(text, code);
            assert_eq!(to_stripe(amount), charged, "{text} {code}");
            if let Some(charged) = charged {
                assert_eq!(from_stripe(charged, &code.to_lowercase()), Some(amount), "{text} {code}");
            }
        }
    }

    #[test]
    fn what_is_no_amount_of_ours() {
        assert_eq!(from_stripe(100, "btc"), None);
        assert_eq!(from_stripe(100, ""), None);
        assert_eq!(from_stripe(550, "isk"), None, "Stripe never charges half a króna");
        assert_eq!(from_stripe(550, "ugx"), None, "nor half a shilling");
        assert_eq!(from_stripe(i64::MAX, "mga"), None);
        assert_eq!(to_stripe(Money::new(i64::MAX, Currency::from_code("ISK").unwrap())), None);
    }

    #[test]
    fn every_currency_comes_back() {
        let codes = ["AED", "AUD", "EUR", "GBP", "MYR", "SGD", "THB", "USD", "VND", "BIF", "OMR", "JOD"];
        for code in codes.into_iter().chain(NONE).chain(THREE) {
            let amount = money("120", code);
            let charged = to_stripe(amount).unwrap();
            assert_eq!(from_stripe(charged, code), Some(amount), "{code}");
        }
    }
}
