//! How an amount of money is written for people.

use sekali_core::domain::Money;

const NO_BREAK_SPACE: char = '\u{a0}';

/// `PHP 5.000,00`, `Rp 150.000,00`, `JPY 5.000`: the currency's code (Indonesia's rupiah by its
/// sign), a space, and the amount in the form of `id-ID` with all of the currency's decimals. It is
/// the same in every language, so that a patient finds the amount of the button again on every page,
/// in the invoice and in every export.
pub fn format_money(money: Money) -> String {
    written(money, ' ')
}

/// The same, for a document whose lines are broken at spaces: an amount stays in one piece.
pub(crate) fn unbroken_money(money: Money) -> String {
    written(money, NO_BREAK_SPACE)
}

fn written(money: Money, space: char) -> String {
    let plain = money.to_string();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let comma = if fraction.is_empty() { "" } else { "," };
    let unit = match money.currency.code() {
        "IDR" => "Rp",
        code => code,
    };
    format!("{sign}{unit}{space}{}{comma}{fraction}", grouped(whole))
}

/// The digits in groups of three, counted from the right.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('.');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekali_core::domain::Currency;

    #[test]
    fn every_currency_in_its_own_decimals() {
        let rows = [
            (500_000, "PHP", "PHP 5.000,00"),
            (15_000_000, "IDR", "Rp 150.000,00"),
            (5000, "JPY", "JPY 5.000"),
            (1_234_567, "KWD", "KWD 1.234,567"),
            (0, "PHP", "PHP 0,00"),
            (5, "PHP", "PHP 0,05"),
            (99_999, "PHP", "PHP 999,99"),
            (100_000, "PHP", "PHP 1.000,00"),
            (999, "JPY", "JPY 999"),
            (999_999_999_999, "JPY", "JPY 999.999.999.999"),
            (999_999_999_999, "IDR", "Rp 9.999.999.999,99"),
            (-200_000, "PHP", "-PHP 2.000,00"),
            (-100, "JPY", "-JPY 100"),
            (i64::MIN, "JPY", "-JPY 9.223.372.036.854.775.808"),
        ];
        for (minor, code, expected) in rows {
            let money = Money::new(minor, Currency::from_code(code).unwrap());
            assert_eq!(format_money(money), expected, "{minor} {code}");
        }
    }
}
