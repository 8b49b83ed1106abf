//! Amounts: exact, in the consultation's own currency, and no float on the way (contract, parts 1, 3
//! and 4).

use crate::support::{Site, body};

/// What an amount leads to.
#[derive(Clone, Copy, Debug)]
enum Leads {
    /// A payment of this amount.
    To(&'static str),
    /// 422 on the field `amount`.
    Unprocessable,
    /// 400: not JSON.
    NotJson,
    /// 413.
    TooLarge,
}
use Leads::{NotJson, To, TooLarge, Unprocessable};

/// For each row a service with one consultation of this fee and currency, and a press with this amount.
async fn check(fee: &str, currency: &str, rows: &[(&str, Leads)]) {
    let site = Site::with(crate::support::Backend::SqliteMemory, &[("SEKALI_RATE_LIMIT", "0")]).await;
    for (number, (amount, leads)) in (1_i64..).zip(rows) {
        site.consultation(number, 1, fee, currency).await;
        let key = format!("k{number}");
        let request = site.pay(1).header("X-Idempotency-Key", &key).json(body(number, amount));
        let answer = request.send().await;
        let shown = format!("{amount:.30} of {fee} {currency}: {:.300}", answer.text());
        let stored = format!("SELECT amount FROM payments WHERE consultation_id = {number}");
        let stored = site.database.query(&stored).await;
        match leads {
            To(amount) => {
                assert_eq!(answer.status, 201, "{shown}");
                let data = &answer.json()["data"];
                assert_eq!(data["payment"]["amount"], *amount, "{shown}");
                assert_eq!(data["invoice"]["amount"], *amount, "{shown}");
                assert_eq!(data["payment"]["currency"], currency, "{shown}");
                assert_eq!(stored, [[*amount]], "{shown}");
                continue;
            }
            Unprocessable => {
                assert_eq!(answer.status, 422, "{shown}");
                answer.failed_fields(&["amount"]);
            }
            NotJson => drop(answer.problem(400, "malformed-request")),
            TooLarge => drop(answer.problem(413, "body-too-large")),
        }
        assert!(stored.is_empty(), "{shown}");
    }
}

#[tokio::test]
async fn pesos() {
    let ten_thousand = "9".repeat(10_000);
    let ten_thousand_in_string = format!("\"{ten_thousand}\"");
    let decimals = format!("5000.{}", "0".repeat(10_000));
    let hundred_thousand = "9".repeat(100_000);
    check(
        "5000.00",
        "PHP",
        &[
            ("5000", To("5000.00")),
            ("5000.00", To("5000.00")),
            ("5000.000", To("5000.00")),
            ("5e3", To("5000.00")),
            ("5E+3", To("5000.00")),
            ("50000e-1", To("5000.00")),
            ("\"5000\"", To("5000.00")),
            ("\"5000.00\"", To("5000.00")),
            ("\"5000.000\"", To("5000.00")),
            ("1e3", Unprocessable),
            ("5000.001", Unprocessable),
            ("\"5000.001\"", Unprocessable),
            ("4999.99", Unprocessable),
            ("5000.0000000000000001", Unprocessable),
            ("-1", Unprocessable),
            ("-5000", Unprocessable),
            ("\"-5000\"", Unprocessable),
            ("0", Unprocessable),
            ("-0", Unprocessable),
            ("0.00", Unprocessable),
            ("\"5e3\"", Unprocessable),
            ("\"+5000\"", Unprocessable),
            ("\" 5000\"", Unprocessable),
            ("\"5,000\"", Unprocessable),
            ("\"\"", Unprocessable),
            ("\"NaN\"", Unprocessable),
            ("\"Infinity\"", Unprocessable),
            ("\"\u{665}\"", Unprocessable),
            ("true", Unprocessable),
            ("null", Unprocessable),
            ("NaN", NotJson),
            ("1e400", Unprocessable),
            ("\"1e400\"", Unprocessable),
            ("1e-400", Unprocessable),
            ("1e99999999999999999999", Unprocessable),
            ("9223372036854775808", Unprocessable),
            (&ten_thousand, Unprocessable),
            (&ten_thousand_in_string, Unprocessable),
            (&decimals, Unprocessable),
            (&hundred_thousand, TooLarge),
        ],
    )
    .await;
    check("1000.00", "PHP", &[("1e3", To("1000.00")), ("1000.5", Unprocessable)]).await;
    check("0.01", "PHP", &[("0.01", To("0.01")), ("1e-2", To("0.01")), ("0.010", To("0.01"))]).await;
    // A float would read this as 9007199254.740993.
    check("9007199254.74", "PHP", &[("9007199254.74", To("9007199254.74"))]).await;
    check("9999999999.99", "PHP", &[("9999999999.99", To("9999999999.99")), ("1e10", Unprocessable)]).await;
}

#[tokio::test]
async fn yen_have_no_decimals() {
    check(
        "5000",
        "JPY",
        &[
            ("5000", To("5000")),
            ("5000.00", To("5000")),
            ("\"5000.0\"", To("5000")),
            ("5e3", To("5000")),
            ("5000.5", Unprocessable),
            ("5000.01", Unprocessable),
            ("50", Unprocessable),
            ("500000", Unprocessable),
        ],
    )
    .await;
}

#[tokio::test]
async fn rupiah_have_two() {
    check(
        "150000.50",
        "IDR",
        &[
            ("150000.5", To("150000.50")),
            ("150000.50", To("150000.50")),
            ("150000", Unprocessable),
            ("150000.505", Unprocessable),
        ],
    )
    .await;
}

#[tokio::test]
async fn dinar_have_three() {
    check(
        "1.234",
        "KWD",
        &[
            ("1.234", To("1.234")),
            ("1.2340", To("1.234")),
            ("1234e-3", To("1.234")),
            ("1.23", Unprocessable),
            ("1.2345", Unprocessable),
        ],
    )
    .await;
}

#[tokio::test]
async fn taxes_are_recorded_in_the_consultations_currency() {
    let site = Site::new().await;
    for (id, fee, currency, vat, pph) in [
        (1, "5000.00", "PHP", "600.00", "750.00"),
        (2, "5001", "JPY", "600", "750"),
        // 0.14808 and 0.1851: half up at three decimals.
        (3, "1.234", "KWD", "0.148", "0.185"),
        // 15 % of 0.10 is 0.015: half up.
        (4, "0.10", "PHP", "0.01", "0.02"),
    ] {
        site.consultation(id, 1, fee, currency).await;
        let request = site.pay(1).header("X-Idempotency-Key", &format!("k{id}"));
        assert_eq!(request.json(body(id, fee)).send().await.status, 201);
        let taxes = format!(
            "SELECT t.tax_type, t.tax_amount FROM tax_records t JOIN payments p ON p.id = t.payment_id
             WHERE p.consultation_id = {id} ORDER BY t.id"
        );
        assert_eq!(site.database.query(&taxes).await, [["VAT", vat], ["PPh", pph]], "{fee} {currency}");
    }
}
