//! Amounts of money: integer minor units with their currency.

use super::{Currency, Decimal};
use std::fmt;
use thiserror::Error;

/// The largest amount, in minor units: what Stripe's largest currencies take at once (twelve digits), and
/// far enough below an i64 that taxes and audits never overflow.
pub const LARGEST_MINOR: i64 = 999_999_999_999;

/// Why a decimal is no amount in a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// It has more decimals than the currency, or is too large.
    #[error("not an amount in this currency")]
    Unrepresentable,
}

/// An amount in minor units (centavos for PHP, whole yen for JPY).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// Of this currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The amount `decimal` in whole units of `currency`; an error when it has more decimals than
    /// the currency (zeros at the end are no decimals).
    pub fn from_decimal(decimal: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let minor = decimal.to_minor(currency.decimals()).filter(|minor| *minor <= LARGEST_MINOR);
        let minor = minor.ok_or(MoneyError::Unrepresentable)?;
        Ok(Self { minor, currency })
    }

    /// The exact decimal in whole units.
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(i128::from(self.minor), -i32::try_from(self.currency.decimals()).unwrap_or(0))
    }
}

/// The decimal with the currency's own number of decimals and without its name: `5000.00`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals();
        let unit = 10_u64.pow(decimals);
        let sign = if self.minor < 0 { "-" } else { "" };
        let (whole, rest) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        match usize::try_from(decimals) {
            Ok(width) if width > 0 => write!(f, "{sign}{whole}.{rest:0width$}"),
            _ => write!(f, "{sign}{whole}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str, code: &str) -> Result<String, MoneyError> {
        let currency = Currency::from_code(code).unwrap();
        Money::from_decimal(Decimal::parse_json_number(text).unwrap(), currency).map(|m| m.to_string())
    }

    #[test]
    fn amounts_by_currency() {
        let rows = [
            ("5000", "PHP", Ok("5000.00")),
            ("5000.00", "PHP", Ok("5000.00")),
            ("1e3", "PHP", Ok("1000.00")),
            ("5000.000", "PHP", Ok("5000.00")),
            ("5000.001", "PHP", Err(())),
            ("150000.5", "IDR", Ok("150000.50")),
            ("5000", "JPY", Ok("5000")),
            ("5000.0", "JPY", Ok("5000")),
            ("5000.5", "JPY", Err(())),
            ("1.234", "KWD", Ok("1.234")),
            ("1.2345", "KWD", Err(())),
            ("0.01", "PHP", Ok("0.01")),
            ("-1", "PHP", Ok("-1.00")),
            ("9999999999.99", "PHP", Ok("9999999999.99")),
            ("10000000000.00", "PHP", Err(())),
        ];
        for (text, code, expected) in rows {
            assert_eq!(money(text, code).as_deref().map_err(|_| ()), expected, "{text} {code}");
        }
    }
}
