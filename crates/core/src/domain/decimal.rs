//! Exact decimals, as clients write them. No amount ever passes through a float.

use std::fmt;
use thiserror::Error;

/// More characters than any amount of money needs; what is longer is refused before it is read.
const LONGEST: usize = 64;
/// Powers of ten beyond this are no amount of money; the bound keeps the plain form short.
const LARGEST_EXPONENT: i32 = 30;

/// Why a text is no decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecimalError {
    /// Not of the form of a number.
    #[error("not a decimal number")]
    Malformed,
    /// A number, but larger, smaller or longer than any amount of money.
    #[error("a number out of range")]
    OutOfRange,
}

/// An exact decimal: `mantissa` × 10^`exponent`, with no zeros at the mantissa's end, so that 5000,
/// 5000.00 and 5e3 are the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };

    /// `mantissa` × 10^`exponent`.
    pub fn new(mantissa: i128, exponent: i32) -> Self {
        let (mut mantissa, mut exponent) = (mantissa, exponent);
        if mantissa == 0 {
            return Self::ZERO;
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        Self { mantissa, exponent }
    }

    /// Reads a JSON number (RFC 8259, part 6): `5000`, `5000.00`, `5e3`, `-1`.
    pub fn parse_json_number(text: &str) -> Result<Self, DecimalError> {
        let (number, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        Self::parse_scaled(number, exponent)
    }

    /// Reads decimal digits with an optional sign and fraction: `5000`, `5000.00`, `-1`.
    pub fn parse_digits(text: &str) -> Result<Self, DecimalError> {
        Self::parse_scaled(text, 0)
    }

    fn parse_scaled(text: &str, exponent: i32) -> Result<Self, DecimalError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return Err(DecimalError::Malformed),
            Some(parts) => parts,
            None => (digits, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::Malformed);
        }
        if text.len() > LONGEST {
            return Err(DecimalError::OutOfRange);
        }
        let all = format!("{whole}{}", fraction.trim_end_matches('0'));
        let mantissa: i128 = all.trim_start_matches('0').parse().or_else(|_| zero_or_too_long(&all))?;
        let shift =
            i32::try_from(fraction.trim_end_matches('0').len()).map_err(|_| DecimalError::OutOfRange)?;
        let value = Self::new(if negative { -mantissa } else { mantissa }, exponent.saturating_sub(shift));
        value.in_range()
    }

    fn in_range(self) -> Result<Self, DecimalError> {
        if self.mantissa != 0 && self.exponent.abs() > LARGEST_EXPONENT {
            return Err(DecimalError::OutOfRange);
        }
        Ok(self)
    }

    /// Whether it is more than nothing.
    pub fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// The value in units of 10^-`decimals`, if it has no more decimals than that and fits.
    pub fn to_minor(self, decimals: u32) -> Option<i64> {
        let shift = u32::try_from(self.exponent.checked_add(i32::try_from(decimals).ok()?)?).ok()?;
        let scaled = self.mantissa.checked_mul(10_i128.checked_pow(shift)?)?;
        i64::try_from(scaled).ok()
    }
}

fn zero_or_too_long(digits: &str) -> Result<i128, DecimalError> {
    if digits.bytes().all(|b| b == b'0') { Ok(0) } else { Err(DecimalError::OutOfRange) }
}

fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    // Saturation keeps 1e99999999999 a number, which is then out of range.
    let magnitude = digits.parse::<i32>().unwrap_or(i32::MAX / 2).min(i32::MAX / 2);
    Ok(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// The one plain form of the value: no exponent, no zeros at the end of the fraction.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        match usize::try_from(-self.exponent) {
            Ok(0) | Err(_) => {
                let zeros = usize::try_from(self.exponent).unwrap_or(0);
                write!(f, "{sign}{digits}{}", "0".repeat(zeros))
            }
            Ok(places) => {
                let padded = format!("{digits:0>width$}", width = places + 1);
                let (whole, fraction) = padded.split_at(padded.len() - places);
                write!(f, "{sign}{whole}.{fraction}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_value_has_one_form() {
        for text in ["5000", "5000.00", "5e3", "5E+3", "5000.000", "50000e-1", "0.5e4"] {
            assert_eq!(Decimal::parse_json_number(text).map(|d| d.to_string()), Ok("5000".into()), "{text}");
        }
        assert_eq!(Decimal::parse_digits("0.50").map(|d| d.to_string()), Ok("0.5".into()));
        assert_eq!(Decimal::parse_digits("-0.001").map(|d| d.to_string()), Ok("-0.001".into()));
        assert_eq!(Decimal::parse_digits("000").map(|d| d.to_string()), Ok("0".into()));
        assert_eq!(Decimal::parse_digits("-0"), Ok(Decimal::ZERO));
        assert_eq!(Decimal::parse_json_number("0e999999999999"), Ok(Decimal::ZERO));
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for text in [
            "", "-", ".", "5.", ".5", "+5", "5,0", "1_000", " 5", "5 ", "NaN", "Infinity", "٥", "5e", "e3",
            "0x10", "--1",
        ] {
            assert_eq!(Decimal::parse_json_number(text), Err(DecimalError::Malformed), "{text}");
        }
        assert_eq!(Decimal::parse_digits("5e3"), Err(DecimalError::Malformed), "a string holds digits only");
    }

    #[test]
    fn what_is_no_amount_of_money_is_out_of_range() {
        for text in ["1e400", "1e-400", "1e99999999999999999999", &"9".repeat(60), &"9".repeat(10_000)] {
            assert_eq!(Decimal::parse_json_number(text), Err(DecimalError::OutOfRange), "{text:.20}");
        }
    }

    #[test]
    fn what_is_longer_than_any_amount_is_not_read() {
        let of_length = |length: usize| format!("{}5", "0".repeat(length - 1));
        assert_eq!(Decimal::parse_digits(&of_length(64)).map(|d| d.to_string()), Ok("5".into()));
        for length in [65, 66, 100] {
            assert_eq!(Decimal::parse_digits(&of_length(length)), Err(DecimalError::OutOfRange), "{length}");
        }
    }

    #[test]
    fn nothing_and_less_are_not_positive() {
        let is_positive = |text| Decimal::parse_digits(text).unwrap().is_positive();
        assert!(is_positive("0.001"));
        assert!(!is_positive("0") && !is_positive("0.00") && !is_positive("-0.001"));
    }

    #[test]
    fn minor_units_are_exact_or_nothing() {
        let decimal = |text| Decimal::parse_json_number(text).unwrap();
        assert_eq!(decimal("5000.00").to_minor(2), Some(500_000));
        assert_eq!(decimal("5000").to_minor(0), Some(5000));
        assert_eq!(decimal("0.001").to_minor(3), Some(1));
        assert_eq!(decimal("5000.001").to_minor(2), None);
        assert_eq!(decimal("5000.5").to_minor(0), None);
        assert_eq!(decimal("92233720368547758.07").to_minor(2), Some(i64::MAX));
        assert_eq!(decimal("92233720368547758.08").to_minor(2), None);
        assert_eq!(decimal("1e30").to_minor(4), None);
    }

    proptest! {
        #[test]
        fn minor_units_survive_the_way_out_and_back(minor in any::<i64>(), decimals in 0_u32..=4) {
            let decimal = Decimal::new(i128::from(minor), -i32::try_from(decimals).unwrap());
            let again = Decimal::parse_digits(&decimal.to_string()).unwrap();
            prop_assert_eq!(again.to_minor(decimals), Some(minor));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}") {
            let _ = Decimal::parse_json_number(&text);
            let _ = Decimal::parse_digits(&text);
        }
    }
}
