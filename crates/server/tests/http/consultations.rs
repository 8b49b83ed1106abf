//! Consultations, put by the host application or written by it in SQL (contract, parts 6 and 10).

use crate::on_every_backend;
use crate::support::client::Answer;
use crate::support::{Backend, Site, body};
use serde_json::json;

on_every_backend!(put_again_and_again, not_while_it_is_being_paid, written_in_sql, exempt_from_taxes,);

async fn put(site: &Site, id: &str, body: &str) -> Answer {
    let path = format!("/api/v1/consultations/{id}");
    site.put(&path).bearer(&site.service()).json(body.to_owned()).send().await
}

const CONTRACTS: &str = r#"{"patient_id": 1, "fee": "5000.00", "currency": "PHP"}"#;

async fn put_again_and_again(backend: Backend) {
    let site = Site::on(backend).await;
    let shown = json!({ "data": { "id": 5, "patient_id": 1, "fee": "5000.00", "currency": "PHP", "tax_exempt": false } });
    let created = put(&site, "5", CONTRACTS).await;
    assert_eq!((created.status, created.json()), (201, shown.clone()));
    let again = put(&site, "5", CONTRACTS).await;
    assert_eq!((again.status, again.json()), (200, shown));
    let changed = put(&site, "5", r#"{"patient_id": "2", "fee": 7000, "currency": "JPY"}"#).await;
    let shown = json!({ "data": { "id": 5, "patient_id": 2, "fee": "7000", "currency": "JPY", "tax_exempt": false } });
    assert_eq!((changed.status, changed.json()), (200, shown));
    let default = put(&site, "6", r#"{"patient_id": 1, "fee": 1}"#).await;
    assert_eq!(default.json()["data"]["currency"], "PHP");
    assert_eq!(site.count("konsultasis").await, 2);
}

async fn not_while_it_is_being_paid(backend: Backend) {
    let site = Site::on(backend).await;
    put(&site, "5", CONTRACTS).await;
    let (payment, _) = site.paid_for(1, 5, "k").await;
    for body in [
        r#"{"patient_id": 2, "fee": "5000.00", "currency": "PHP"}"#,
        r#"{"patient_id": 1, "fee": "5000.01", "currency": "PHP"}"#,
        r#"{"patient_id": 1, "fee": "5000.00", "currency": "IDR"}"#,
    ] {
        put(&site, "5", body).await.problem(409, "being-paid");
    }
    let row = site.database.query("SELECT patient_id, fee, currency FROM konsultasis").await;
    assert_eq!(row, [["1", "5000.00", "PHP"]]);
    assert_eq!(put(&site, "5", CONTRACTS).await.status, 200, "the same again is no change");
    let exempt = r#"{"patient_id": 1, "fee": "5000.00", "currency": "PHP", "tax_exempt": true}"#;
    assert_eq!(put(&site, "5", exempt).await.status, 200);
    site.press(1, 5, "k").await.duplicate_of(payment, "pending");
}

async fn written_in_sql(backend: Backend) {
    let site = Site::on(backend).await;
    let contracts = "INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES (5, 1, '5000.00', 'PHP')";
    site.database.execute(contracts).await.unwrap();
    site.database.execute("INSERT INTO konsultasis (id, patient_id, fee) VALUES (6, 1, 5000)").await.unwrap();
    site.paid_for(1, 5, "k5").await;
    site.paid_for(1, 6, "k6").await;
    // A fee that its currency cannot hold is the host's mistake: nobody is charged.
    let odd = "INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES (7, 1, '5000.50', 'JPY')";
    site.database.execute(odd).await.unwrap();
    let press = site.pay(1).header("X-Idempotency-Key", "k7").json(body(7, "5000.50"));
    press.send().await.failed_fields(&["amount"]);
    assert_eq!(site.count("payments").await, 2);
}

async fn exempt_from_taxes(backend: Backend) {
    let site = Site::on(backend).await;
    put(&site, "5", r#"{"patient_id": 1, "fee": "5000", "tax_exempt": true}"#).await;
    let kept = put(&site, "5", CONTRACTS).await;
    assert_eq!(kept.json()["data"]["tax_exempt"], true, "not given: stays as it is");
    site.paid_for(1, 5, "k").await;
    assert_eq!(site.count("tax_records").await, 0);
    put(&site, "6", r#"{"patient_id": 1, "fee": "5000", "tax_exempt": false}"#).await;
    site.paid_for(1, 6, "l").await;
    assert_eq!(site.count("tax_records").await, 2);
}

#[tokio::test]
async fn only_the_host_application_may() {
    let site = Site::new().await;
    let doctor = crate::support::tokens::with_claims(r#"{"sub":1,"exp":1705318200,"role":"doctor"}"#);
    for token in [site.patient(1), site.admin(), doctor] {
        let request = site.put("/api/v1/consultations/5").bearer(&token).json(CONTRACTS);
        request.send().await.problem(403, "forbidden");
    }
    assert_eq!(site.count("konsultasis").await, 0);
}

#[tokio::test]
async fn every_failing_field_is_named() {
    let site = Site::new().await;
    let rows: &[(&str, &[&str])] = &[
        ("{}", &["fee", "patient_id"]),
        (r#"{"patient_id":0,"fee":0,"currency":"php"}"#, &["currency", "fee", "patient_id"]),
        (
            r#"{"patient_id":"x","fee":"x","currency":7,"tax_exempt":"no"}"#,
            &["currency", "fee", "patient_id", "tax_exempt"],
        ),
        (r#"{"patient_id":1,"fee":"5000.001"}"#, &["fee"]),
        (r#"{"patient_id":1,"fee":"5000.5","currency":"JPY"}"#, &["fee"]),
        (r#"{"patient_id":1,"fee":"10000000000.00"}"#, &["fee"]),
        (r#"{"patient_id":1,"fee":-1}"#, &["fee"]),
        (r#"{"patient_id":1,"fee":1,"currency":"XXX"}"#, &["currency"]),
    ];
    for (body, fields) in rows {
        put(&site, "5", body).await.failed_fields(fields);
    }
    for id in ["0", "-5", "x", "5.0", "99999999999999999999"] {
        put(&site, id, CONTRACTS).await.problem(404, "consultation-not-found");
    }
    put(&site, "5", "{").await.problem(400, "malformed-request");
    let plain = site.put("/api/v1/consultations/5").bearer(&site.service()).body(CONTRACTS);
    plain.send().await.problem(415, "unsupported-media-type");
    put(&site, "5", &" ".repeat(20_000)).await.problem(413, "body-too-large");
    assert_eq!(site.count("konsultasis").await, 0);
}

#[tokio::test]
async fn without_a_currency_it_has_the_configured_one() {
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_DEFAULT_CURRENCY", "JPY")]).await;
    let put = put(&site, "5", r#"{"patient_id": 1, "fee": 7000}"#).await;
    assert_eq!(
        (&put.json()["data"]["currency"], &put.json()["data"]["fee"]),
        (&json!("JPY"), &json!("7000"))
    );
}
