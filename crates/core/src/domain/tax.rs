//! Taxes that are recorded beside a payment.

use super::Money;

/// Parts of a million: rates are exact integers, 12 % is 120,000.
const WHOLE: i128 = 1_000_000;

/// One configured tax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRule {
    /// As it stands in `tax_records.tax_type`: `VAT`.
    pub name: String,
    /// The rate in parts of a million: 120,000 for 12 %.
    pub rate_ppm: i64,
}

/// What one rule comes to on one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxLine {
    /// The rule's name.
    pub name: String,
    /// The rule's rate when the payment was made, in parts of a million.
    pub rate_ppm: i64,
    /// The tax, in minor units of the payment's currency.
    pub amount: Money,
}

impl TaxLine {
    /// The part of this tax that falls on `refunded`, the part of the payment that was given back: worked
    /// out and rounded like the tax itself, so that a whole refund gives back the whole tax.
    pub fn refunded(&self, refunded: Money) -> Money {
        TaxRule { name: self.name.clone(), rate_ppm: self.rate_ppm }.on(refunded).amount
    }
}

impl TaxRule {
    /// The default pair of the contract, part 4: VAT 12 % and PPh 15 %.
    pub fn defaults() -> Vec<Self> {
        vec![Self { name: "VAT".into(), rate_ppm: 120_000 }, Self { name: "PPh".into(), rate_ppm: 150_000 }]
    }

    /// The tax on `amount`, rounded half up at the currency's decimals.
    pub fn on(&self, amount: Money) -> TaxLine {
        let exact = i128::from(amount.minor) * i128::from(self.rate_ppm);
        let rounded = (exact + WHOLE / 2).div_euclid(WHOLE);
        // A rate is at most 100 %, so the tax on an i64 fits into one.
        let minor = i64::try_from(rounded).unwrap_or(i64::MAX);
        TaxLine {
            name: self.name.clone(),
            rate_ppm: self.rate_ppm,
            amount: Money::new(minor, amount.currency),
        }
    }
}

/// The taxes on `amount`: none when the consultation is exempt.
pub fn taxes(rules: &[TaxRule], amount: Money, exempt: bool) -> Vec<TaxLine> {
    if exempt { Vec::new() } else { rules.iter().map(|rule| rule.on(amount)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    fn amounts(minor: i64, code: &str) -> Vec<i64> {
        let amount = Money::new(minor, Currency::from_code(code).unwrap());
        taxes(&TaxRule::defaults(), amount, false).iter().map(|line| line.amount.minor).collect()
    }

    #[test]
    fn the_contracts_example() {
        assert_eq!(amounts(500_000, "PHP"), [60_000, 75_000]);
    }

    #[test]
    fn half_is_rounded_up_at_the_currencys_decimals() {
        assert_eq!(amounts(30, "PHP"), [4, 5], "3.6 and 4.5 centavos");
        assert_eq!(amounts(10, "JPY"), [1, 2], "1.2 and 1.5 yen");
        assert_eq!(amounts(1, "KWD"), [0, 0]);
        assert_eq!(amounts(i64::MAX, "JPY").len(), 2);
    }

    #[test]
    fn the_tax_of_a_whole_refund_is_the_whole_tax() {
        for minor in [1, 30, 333, 500_000, 999_999_999_999] {
            let amount = Money::new(minor, Currency::PHP);
            for line in taxes(&TaxRule::defaults(), amount, false) {
                assert_eq!(line.refunded(amount), line.amount);
                assert_eq!(line.refunded(Money::new(0, Currency::PHP)).minor, 0);
            }
        }
    }

    #[test]
    fn an_exempt_consultation_has_no_taxes() {
        assert!(taxes(&TaxRule::defaults(), Money::new(500_000, Currency::PHP), true).is_empty());
    }
}
