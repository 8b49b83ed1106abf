//! Currencies as Stripe counts them, and amounts as people read them.

/// Stripe's table of presentment currencies, <https://docs.stripe.com/currencies>.
const SUPPORTED: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd \
    bwp byn bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq \
    gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl \
    mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron \
    rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd \
    vuv wst xaf xcd xof xpf yer zar zmw";
const NO_DECIMALS: &str = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf";
const THREE_DECIMALS: &str = "bhd jod kwd omr tnd";
/// Without decimals in life, but with two in Stripe's API, both always zero.
const WHOLE_HUNDREDS: &str = "isk ugx";

/// Eight digits is the most that Stripe takes in one charge.
pub(crate) const MAX_AMOUNT: i64 = 99_999_999;

fn listed(table: &str, currency: &str) -> bool {
    table.split_whitespace().any(|entry| entry == currency)
}

/// Whether a lower-case code is a currency that can be charged.
pub(crate) fn is_supported(currency: &str) -> bool {
    listed(SUPPORTED, currency)
}

/// How many digits of an amount in Stripe's smallest units stand behind the decimal point.
fn decimals(currency: &str) -> usize {
    if listed(NO_DECIMALS, currency) {
        0
    } else if listed(THREE_DECIMALS, currency) {
        3
    } else {
        2
    }
}

/// Every amount in this currency has to be a multiple of this: the card networks cannot carry finer steps.
pub(crate) fn step(currency: &str) -> i64 {
    if listed(THREE_DECIMALS, currency) {
        10
    } else if listed(WHOLE_HUNDREDS, currency) {
        100
    } else {
        1
    }
}

/// An amount in smallest units as Stripe's API writes it in its messages: 500000 in `php` is "₱5,000.00".
pub(crate) fn format(amount: i64, currency: &str) -> String {
    let (sign, whole, fraction) = parts(amount, decimals(currency));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{}{point}{fraction}", symbol(currency), grouped(&whole, ','))
}

/// The same as the payer reads it: "PHP 5.000,00", as it stands on the button that led here and on the invoice that
/// follows. With the decimals that the currency has in life.
pub(crate) fn shown(amount: i64, currency: &str) -> String {
    let (sign, whole, mut fraction) = parts(amount, decimals(currency));
    if listed(WHOLE_HUNDREDS, currency) {
        fraction.clear();
    } else if currency == "mga" {
        fraction.push_str("00");
    }
    let comma = if fraction.is_empty() { "" } else { "," };
    let unit = if currency == "idr" { "Rp".to_owned() } else { currency.to_uppercase() };
    format!("{sign}{unit} {}{comma}{fraction}", grouped(&whole, '.'))
}

/// Sign, whole units and the digits behind the point.
fn parts(amount: i64, decimals: usize) -> (&'static str, String, String) {
    let digits = format!("{:0>width$}", amount.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    (if amount < 0 { "-" } else { "" }, whole.to_owned(), fraction.to_owned())
}

fn grouped(whole: &str, separator: char) -> String {
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

fn symbol(currency: &str) -> String {
    let known = match currency {
        "php" => "₱",
        "usd" => "$",
        "eur" => "€",
        "gbp" => "£",
        "jpy" => "¥",
        "krw" => "₩",
        "inr" => "₹",
        "thb" => "฿",
        "vnd" => "₫",
        "idr" => "Rp ",
        "myr" => "RM ",
        "sgd" => "S$",
        "aud" => "A$",
        other => return format!("{} ", other.to_uppercase()),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{format, is_supported, shown, step};

    #[test]
    fn amounts_read_as_people_write_them() {
        for (amount, currency, text) in [
            (500_000, "php", "₱5,000.00"),
            (5, "php", "₱0.05"),
            (99_999_999, "usd", "$999,999.99"),
            (5_000, "jpy", "¥5,000"),
            (123, "jpy", "¥123"),
            (5_120, "kwd", "KWD 5.120"),
            (15_000_000, "idr", "Rp 150,000.00"),
            (-1_050, "eur", "-€10.50"),
        ] {
            assert_eq!(format(amount, currency), text);
        }
    }

    #[test]
    fn amounts_read_as_on_the_button() {
        for (amount, currency, text) in [
            (500_000, "php", "PHP 5.000,00"),
            (15_000_000, "idr", "Rp 150.000,00"),
            (5_000, "jpy", "JPY 5.000"),
            (5_120, "kwd", "KWD 5,120"),
            (500_000, "isk", "ISK 5.000"),
            (5_000, "mga", "MGA 5.000,00"),
            (-200_000, "php", "-PHP 2.000,00"),
        ] {
            assert_eq!(shown(amount, currency), text);
        }
    }

    #[test]
    fn steps_and_codes() {
        assert_eq!((step("kwd"), step("isk"), step("php"), step("jpy")), (10, 100, 1, 1));
        assert!(is_supported("php") && !is_supported("PHP") && !is_supported("xxx") && !is_supported("us"));
    }
}
