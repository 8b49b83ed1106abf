//! The console's list, a search by each kind of id, and the same list as a file.

use crate::on_every_backend;
use crate::support::console::numbers;
use crate::support::stripe::GOOD;
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};
use std::time::Duration;

on_every_backend!(
    a_list_is_narrowed_and_goes_on,
    every_kind_of_id_finds_its_payment,
    the_same_list_is_a_file,
);

/// Three payments, a minute apart: completed, pending in rupiah, cancelled.
async fn three(site: &Site) -> [i64; 3] {
    let completed = site.completed(1, 1, GOOD).await.payment;
    site.clock.advance(Duration::from_secs(60));
    site.consultation(2, 2, "150000.00", "IDR").await;
    let body = r#"{"consultation_id":2,"amount":150000,"payment_method":"stripe"}"#;
    let made = site.pay(2).header("X-Idempotency-Key", "rupiah").json(body).send().await;
    let pending = made.json()["data"]["payment_id"].as_i64().unwrap();
    site.clock.advance(Duration::from_secs(60));
    site.pesos(3, 1).await;
    let (cancelled, _) = site.paid_for(1, 3, "third").await;
    let path = format!("/api/v1/payments/{cancelled}/cancel");
    assert_eq!(site.post(&path).bearer(&site.patient(1)).send().await.status, 200);
    [completed, pending, cancelled]
}

async fn a_list_is_narrowed_and_goes_on(backend: Backend) {
    let site = Site::on(backend).await;
    let [completed, pending, cancelled] = three(&site).await;
    let operator = site.operator(7).await;
    let all = [cancelled, pending, completed];
    for (query, expected) in [
        ("", &all[..]),
        ("status=completed", &[completed]),
        ("status=completed,pending", &[pending, completed]),
        ("status=completed&status=cancelled", &[cancelled, completed]),
        ("status=expired", &[]),
        ("from=2024-01-15", &all),
        ("from=2024-01-16", &[]),
        ("from=2024-01-15T10:31:00Z", &[cancelled, pending]),
        ("from=2024-01-15T17:31:00%2B07:00&to=2024-01-15T10:32:00Z", &[pending]),
        ("min=5000", &all),
        ("min=5000&max=5000.00", &[cancelled, completed]),
        ("min=5000.01", &[pending]),
        ("currency=IDR", &[pending]),
        ("currency=php&status=completed&max=9999.99&from=2024-01-01&to=2025-01-01", &[completed]),
        ("q=1", &[cancelled, completed]),
        ("q=1&status=completed", &[completed]),
        ("q=1&from=2024-01-15T10:32:00Z&min=1&currency=PHP", &[cancelled]),
        ("q=nothing+of+anybodys", &[]),
    ] {
        assert_eq!(operator.listed(query).await, expected, "{query}");
        // In pages of one the same, and an end.
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = operator.read(&format!("/console/api/payments?{query}&limit=1&cursor={cursor}")).await;
            walked.extend(numbers(&page));
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(walked, expected, "{query}, one by one");
    }
    for query in [
        "status=paid",
        "from=yesterday",
        "from=2024-01-15T10:30:00",
        "min=1e3",
        "currency=XXX",
        "limit=0",
        "cursor=x",
        "q=cs_%00",
    ] {
        let answer = operator.get(&format!("/console/api/payments?{query}")).send().await;
        let name = query.split('=').next().unwrap();
        let body = answer.problem(400, "malformed-request");
        assert_eq!(body["detail"], format!("The parameter {name} is not valid."));
    }
    let list = operator.read("/console/api/payments?status=completed").await;
    let mut row = list["data"][0].clone();
    row["reference"] = json!(null);
    let expected = json!({
        "id": completed, "reference": null, "consultation_id": 1, "user_id": 1, "status": "completed",
        "amount": { "amount": "5000.00", "currency": "PHP", "text": "PHP 5.000,00" },
        "refunded": null, "dispute": null, "cancel_requested": false,
        "invoice_number": format!("INV-20240115103000-{completed:06}"), "invoice_status": "paid",
        "payment_method": "stripe", "created_at": "2024-01-15T10:30:00Z", "updated_at": "2024-01-15T10:30:00Z",
    });
    assert_eq!(row, expected);
    let around = json!([
        list["zone"],
        list["next_cursor"],
        list["looked_back_to"],
        list["matched"],
        list["asked_stripe"]
    ]);
    assert_eq!(around, json!(["UTC", null, null, [], null]));
    let rupiah = operator.read("/console/api/payments?currency=IDR").await;
    assert_eq!(rupiah["data"][0]["amount"]["text"], "Rp 150.000,00");
}

async fn every_kind_of_id_finds_its_payment(backend: Backend) {
    let site = Site::on(backend).await;
    let paid = site.completed(41, 501, GOOD).await;
    site.pesos(502, 42).await;
    let (other, _) = site.paid_for(42, 502, "another key").await;
    let payment = paid.payment;
    let operator = site.operator(7).await;
    let made =
        operator.act(payment, "refund", json!({ "key": "r", "amount": "1", "remaining": "5000.00" })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let page = operator.page(payment).await;
    let charge = site.charge_of(&paid.session).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    site.at_stripe(&format!("charges/{charge}/dispute"), json!({ "reason": "fraudulent" })).await;
    eventually("the dispute is known", async || site.count("disputes").await == 1).await;
    let dispute = text(&site.ask_stripe("disputes").await["data"][0]["id"]);
    let event =
        site.database.query("SELECT id FROM gateway_events WHERE kind = 'checkout.session.completed'").await;
    let invoice = text(&page["invoice"]["number"]);
    for (id, kind) in [
        (payment.to_string(), "payment"),
        (format!("%23{payment}"), "payment"),
        ("501".into(), "consultation"),
        ("41".into(), "patient"),
        (invoice.clone(), "invoice"),
        (invoice.to_lowercase(), "invoice"),
        ("key-501".into(), "idempotency_key"),
        (paid.session.clone(), "checkout_session"),
        (text(&page["captures"][0]["payment_intent"]), "payment_intent"),
        (charge, "charge"),
        (dispute, "dispute"),
        (text(&page["refunds"][0]["stripe_id"]), "refund"),
        (event[0][0].clone(), "event"),
        (text(&page["payment"]["reference"]), "reference"),
        (text(&page["sessions"][0]["id"]), "session_name"),
        (text(&page["refunds"][0]["id"]), "refund_name"),
    ] {
        let found = operator.read(&format!("/console/api/payments?q={id}%20")).await;
        assert_eq!(numbers(&found), [payment], "{kind} {id}: {found}");
        assert!(found["matched"].as_array().unwrap().contains(&json!(kind)), "{kind}: {found}");
        assert!(found["data"][0]["matched"].as_array().unwrap().contains(&json!(kind)), "{kind}: {found}");
        assert_eq!(
            found["asked_stripe"],
            if kind == "charge" { json!("found") } else { Value::Null },
            "{kind}"
        );
    }
    assert_eq!(operator.listed("q=502").await, [other]);
    let unknown = operator.read("/console/api/payments?q=ch_nobodys").await;
    assert_eq!((numbers(&unknown), &unknown["asked_stripe"]), (vec![], &json!("not_found")));
    for id in ["evt_none", "re_none%25", "INV-", "key-50_", "99999999999999999999", "%F0%9F%92%B3"] {
        assert_eq!(operator.listed(&format!("q={id}")).await, [0; 0], "{id}");
    }
}

async fn the_same_list_is_a_file(backend: Backend) {
    let site = Site::on(backend).await;
    let [completed, pending, cancelled] = three(&site).await;
    let operator = site.operator(7).await;
    let answer = operator.get("/console/api/payments/export.csv?min=1").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let expected = "attachment; filename=\"payments-20240115T103200Z.csv\"";
    assert_eq!(answer.header("content-disposition"), Some(expected));
    let text = answer.text();
    let lines: Vec<_> = text.strip_prefix('\u{feff}').unwrap().split("\r\n").collect();
    assert_eq!(lines.len(), 5, "a head, three rows, and nothing after the last end of line: {text}");
    assert!(lines[0].starts_with("id,reference,") && lines[0].ends_with(",created_at,updated_at,zone"));
    let starts: Vec<_> = lines[1..4].iter().map(|line| line.split(',').next().unwrap().to_owned()).collect();
    assert_eq!(starts, [cancelled, pending, completed].map(|id| id.to_string()));
    assert!(
        lines[3].contains(",completed,5000.00,PHP,\"PHP 5.000,00\",0.00,\"PHP 0,00\",,INV-"),
        "{}",
        lines[3]
    );
    assert!(lines[3].ends_with(",paid,2024-01-15T10:30:00Z,2024-01-15T10:30:00Z,UTC"), "{}", lines[3]);
    assert!(lines[2].contains(",150000.00,IDR,\"Rp 150.000,00\","), "{}", lines[2]);

    let file = operator.read("/console/api/payments/export.json?min=1").await;
    assert_eq!(
        (numbers(&file), &file["rows"], &file["complete"]),
        (vec![cancelled, pending, completed], &json!(3), &json!(true))
    );
    let list = operator.read("/console/api/payments?min=1").await;
    assert_eq!((&file["data"], &file["zone"]), (&list["data"], &list["zone"]), "page and file say the same");
    for (query, expected) in
        [("status=completed", vec![completed]), ("q=2", vec![pending]), ("q=none", vec![])]
    {
        let file = operator.read(&format!("/console/api/payments/export.json?{query}&limit=1&cursor=")).await;
        assert_eq!((numbers(&file), &file["complete"]), (expected, &json!(true)), "{query}");
    }
    operator.get("/console/api/payments/export.csv?status=x").send().await.problem(400, "malformed-request");
}
