//! The price is the consultation's, whatever was assumed at first.

use crate::support::script::Fault;
use crate::support::{CONSULTATION, PATIENT, Stage, created, decimal, money, press};
use sekali_core::domain::{Consultation, ConsultationId, Money, Terms};
use sekali_core::flow::pay::{PayError, PayRequest};
use sekali_core::ports::{CreateOutcome, NewPayment, StoreError};

const OTHER: ConsultationId = ConsultationId(6);

/// A press for [`OTHER`].
fn press_for(amount: &str) -> PayRequest {
    PayRequest { consultation: OTHER, amount: decimal(amount), ..press("k") }
}

#[tokio::test]
async fn the_usual_price_costs_one_round_trip() {
    let stage = Stage::set().await;
    created(stage.pay().pay(&press("k")).await);
    assert_eq!(stage.journal.store_calls(), ["create"]);
    let taxes = stage.rows("SELECT tax_type, tax_amount FROM tax_records ORDER BY id").await;
    assert_eq!(taxes, ["VAT | 600.00", "PPh | 750.00"]);
}

#[tokio::test]
async fn another_currency_is_worked_out_again() {
    let cases = [
        ("5000", "JPY", "5000", ["VAT | 600", "PPh | 750"]),
        ("25", "JPY", "25", ["VAT | 3", "PPh | 4"]),
        // Three decimals, which the default currency cannot hold: only the store knows the terms.
        ("5000.125", "KWD", "5000.125", ["VAT | 600.015", "PPh | 750.019"]),
        ("0.001", "KWD", "0.001", ["VAT | 0.000", "PPh | 0.000"]),
    ];
    for (amount, code, printed, taxes) in cases {
        let stage = Stage::set().await;
        stage.consult(OTHER, PATIENT, money(amount, code), None).await;
        let receipt = created(stage.pay().pay(&press_for(amount)).await);

        assert_eq!(receipt.payment.amount, money(amount, code));
        let record = stage.rows("SELECT data FROM payment_events").await;
        let recorded = format!(r#""amount":{{"amount":"{printed}","currency":"{code}"}}"#);
        assert!(record.len() == 1 && record[0].contains(&recorded), "{recorded}: {record:?}");
        assert_eq!(receipt.invoice.amount, receipt.payment.amount);
        assert_eq!(receipt.payment.amount.to_string(), printed);
        assert_eq!(stage.rows("SELECT tax_type, tax_amount FROM tax_records ORDER BY id").await, taxes);
        let [guess, priced] = stage.journal.creates().try_into().unwrap();
        assert_eq!((guess.reference, &guess.key, guess.at), (priced.reference, &priced.key, priced.at));
        assert_eq!(guess.fingerprint, priced.fingerprint);
    }
}

#[tokio::test]
async fn an_exempt_consultation_records_no_taxes() {
    let stage = Stage::set().await;
    stage.consult(OTHER, PATIENT, money("5000", "PHP"), Some(true)).await;
    let receipt = created(stage.pay().pay(&press_for("5000")).await);
    assert_eq!(receipt.payment.amount, money("5000", "PHP"));
    assert_eq!(stage.count("tax_records").await, 0);
    assert_eq!(stage.journal.creates().len(), 2);
}

#[tokio::test]
async fn an_amount_that_is_not_the_fee_makes_no_payment() {
    let cases = [("4999.99", "PHP"), ("5000.001", "PHP"), ("5000.5", "JPY"), ("5000.0001", "KWD")];
    for (amount, code) in cases {
        let stage = Stage::set().await;
        let fee = money("5000", code);
        stage.consult(OTHER, PATIENT, fee, None).await;
        let answer = stage.pay().pay(&press_for(amount)).await;

        assert_eq!(answer, Err(PayError::NotTheFee { currency: fee.currency }), "{amount} {code}");
        assert_eq!(stage.journal.names(), ["lookup", "try_acquire", "create", "release"]);
        assert_eq!(stage.count("payments").await, 0);
    }
}

#[tokio::test]
async fn terms_that_change_once_more_are_followed() {
    let stage = Stage::set().await;
    let fee = money("5000", "PHP");
    stage.store.creates.push(other_terms(fee, true));
    created(stage.pay().pay(&press("k")).await);
    let exempt = |new: &NewPayment| new.terms.tax_exempt;
    let tried: Vec<_> = stage.journal.creates().iter().map(exempt).collect();
    assert_eq!(tried, [false, true, false], "as assumed, as told, as it is");
    assert_eq!(stage.count("tax_records").await, 2);
}

#[tokio::test]
async fn terms_that_keep_changing_come_to_an_end() {
    let stage = Stage::set().await;
    let fee = money("5000", "PHP");
    for round in 0..20 {
        stage.store.creates.push(other_terms(fee, round % 2 == 0));
    }
    let answer = stage.pay().pay(&press("k")).await;
    assert!(matches!(answer, Err(PayError::Store(StoreError::Conflict(_)))), "{answer:?}");
    assert_eq!(
        stage.journal.names(),
        ["lookup", "try_acquire", "create", "create", "create", "create", "release"]
    );
}

fn other_terms(fee: Money, tax_exempt: bool) -> Fault<Vec<CreateOutcome>> {
    let terms = Terms { fee, tax_exempt };
    let consultation = Consultation { id: CONSULTATION, patient: PATIENT, terms };
    Fault::Answers(vec![CreateOutcome::OtherTerms(consultation)])
}

/// The least fee there is must not be taken for what a wrong amount stands for.
#[tokio::test]
async fn an_amount_that_its_currency_cannot_hold_is_no_fee_however_small_that_is() {
    let stage = Stage::set().await;
    stage.consult(OTHER, PATIENT, money("0.01", "PHP"), None).await;
    for amount in ["0.001", "0.011", "5000.001"] {
        let refused = stage.pay().pay(&press_for(amount)).await;
        assert!(matches!(refused, Err(PayError::NotTheFee { .. })), "{amount}: {refused:?}");
    }
    assert_eq!(stage.count("payments").await, 0);
}
