//! One payment in the console: all that belongs to it.

use crate::on_every_backend;
use crate::support::stripe::GOOD;
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};

on_every_backend!(a_payment_with_all_that_belongs_to_it,);

async fn a_payment_with_all_that_belongs_to_it(backend: Backend) {
    let site = Site::on(backend).await;
    let opened = site.completed(1, 5, GOOD).await;
    let payment = opened.payment;
    site.press(1, 5, "key-5").await.duplicate_of(payment, "completed");
    eventually("the duplicate is in the record", async || {
        site.record_of(payment).await.contains(&"duplicate".to_owned())
    })
    .await;
    eventually("the webhook is dealt with", async || {
        site.count("gateway_events WHERE finished_at IS NULL").await == 0
    })
    .await;
    let operator = site.operator(7).await;
    let page = operator.page(payment).await;
    assert_eq!(page["zone"], "UTC");
    assert_eq!((&page["payment"]["id"], &page["payment"]["status"]), (&json!(payment), &json!("completed")));
    assert_eq!(page["payment"].get("matched"), None);
    let five_thousand = json!({ "amount": "5000.00", "currency": "PHP", "text": "PHP 5.000,00" });
    assert_eq!(page["remaining"], five_thousand);
    assert_eq!(page["actions"], json!({ "refund": true, "cancel": false, "reconcile": true }));
    let vat = &page["taxes"][0];
    assert_eq!(
        (&vat["type"], &vat["rate"], &vat["amount"]["text"]),
        (&json!("VAT"), &json!("12"), &json!("PHP 600,00"))
    );
    assert_eq!(page["taxes"].as_array().unwrap().len(), 2);
    assert_eq!(page["keys"], json!([{ "key": "key-5", "user_id": 1, "created_at": "2024-01-15T10:30:00Z" }]));
    let session = &page["sessions"][0];
    assert_eq!((&session["state"], &session["stripe_id"]), (&json!("complete"), &json!(opened.session)));
    assert_eq!(session.get("request"), None, "it holds the way back to the payment's page");
    let capture = &page["captures"][0];
    assert_eq!((&capture["disposition"], &capture["amount"]), (&json!("settled"), &five_thousand));
    assert_eq!((&page["refunds"], &page["disputes"], &page["cases"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!(page["outbox"], Value::Null, "no host is told");
    let mut events = page["events"].as_array().unwrap().iter();
    let event = events.find(|event| event["kind"] == "checkout.session.completed").unwrap();
    assert_eq!((&event["object"], &event["state"]), (&json!(opened.session), &json!("done")));

    let story = page["timeline"]["data"].as_array().unwrap();
    let timeline = operator.read(&format!("/console/api/payments/{payment}/timeline")).await;
    assert_eq!(&timeline["data"], &page["timeline"]["data"]);
    assert_eq!(timeline["data"].as_array().unwrap().len(), site.record_of(payment).await.len());
    let texts: Vec<_> = story.iter().map(|moment| moment["text"].as_str().unwrap()).collect();
    assert!(texts.iter().any(|text| text.starts_with("The button was pressed again")), "{texts:?}");
    assert!(
        story
            .iter()
            .all(|moment| moment["hash"].as_str().unwrap().len() == 64 && moment["entry"].is_object())
    );

    for (member, kind) in [("html", "text/html; charset=utf-8"), ("pdf", "application/pdf")] {
        let invoice = operator.get(page["invoice"][member].as_str().unwrap()).send().await;
        assert_eq!((invoice.status, invoice.header("content-type")), (200, Some(kind)));
    }
    for path in [
        "/console/api/payments/999",
        "/console/api/payments/x",
        "/console/api/payments/999/timeline",
        "/console/api/payments/999/invoice",
    ] {
        operator.get(path).send().await.problem(404, "payment-not-found");
    }
}
