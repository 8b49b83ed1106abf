//! Currencies of ISO 4217 with the number of decimals that money in them has.

use std::fmt;

/// A currency that money can be paid in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The Philippine peso: the default of a consultation that names none (contract, part 4).
    pub const PHP: Self = Self(iso_currency::Currency::PHP);

    /// Reads an upper-case code of three letters. `None` for an unknown one and for those that have
    /// no minor unit because nobody pays in them (gold, testing, "no currency").
    pub fn from_code(code: &str) -> Option<Self> {
        let currency = iso_currency::Currency::from_code(code)?;
        currency.exponent().map(|_| Self(currency))
    }

    /// `PHP`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals an amount has: 2 for PHP, 0 for JPY, 3 for KWD.
    pub fn decimals(self) -> u32 {
        self.0.exponent().map_or(2, u32::from)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_those_of_iso_4217() {
        for (code, decimals) in [("PHP", 2), ("IDR", 2), ("JPY", 0), ("KWD", 3), ("USD", 2), ("CLF", 4)] {
            assert_eq!(Currency::from_code(code).map(Currency::decimals), Some(decimals), "{code}");
        }
    }

    #[test]
    fn what_nobody_pays_in_is_no_currency() {
        for code in ["XAU", "XXX", "XTS", "php", "PH", "PHPP", "", "€"] {
            assert_eq!(Currency::from_code(code), None, "{code}");
        }
    }
}
