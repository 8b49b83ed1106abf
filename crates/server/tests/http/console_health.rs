//! The console's health page: the day, and how the service is doing.

use crate::on_every_backend;
use crate::support::stripe::GOOD;
use crate::support::{Backend, Site, eventually};
use serde_json::{Value, json};
use std::time::Duration;

on_every_backend!(the_day_is_told,);

async fn the_day_is_told(backend: Backend) {
    let site = Site::with(backend, &[("SEKALI_RATE_LIMIT", "0"), ("SEKALI_RECONCILE_INTERVAL", "1")]).await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    site.pesos(6, 1).await;
    let (pending, _) = site.paid_for(1, 6, "pending").await;
    for _ in 0..3 {
        site.press(1, 5, "key-5").await.duplicate_of(payment, "completed");
    }
    site.press(1, 6, "another").await.duplicate_of(pending, "pending");
    let operator = site.operator(7).await;
    let health = async || operator.read("/console/api/health").await;
    eventually("the duplicates are in the record", async || health().await["duplicates"]["today"] == 4).await;
    let told = health().await;
    let around = json!([told["zone"], told["at"], told["since"], told["server_started_at"]]);
    assert_eq!(
        around,
        json!(["UTC", "2024-01-15T10:30:00Z", "2024-01-15T00:00:00Z", "2024-01-15T10:30:00Z"])
    );
    let payments = &told["payments"];
    assert_eq!((&payments["today"], &payments["capped"]), (&json!(2), &json!(false)));
    assert_eq!(payments["latest"], json!([pending, payment]));
    let by_status = &payments["by_status"];
    assert_eq!(
        (&by_status["completed"], &by_status["pending"], &by_status["failed"]),
        (&json!(1), &json!(1), &json!(0))
    );
    assert_eq!(by_status.as_object().unwrap().len(), 7);

    let duplicates = &told["duplicates"];
    let met = duplicates["caught"]["database"].as_i64().unwrap();
    assert!(met >= 1, "another key met the database's guard: {duplicates}");
    let caught: i64 =
        ["cache", "lock", "database"].iter().map(|by| duplicates["caught"][by].as_i64().unwrap()).sum();
    assert_eq!(caught, 4);
    let of = |id: i64| {
        duplicates["payments"].as_array().unwrap().iter().find(|row| row["payment_id"] == id).unwrap()
    };
    assert_eq!(
        (&of(payment)["times"], &of(pending)["times"]),
        (&json!(3), &json!(1)),
        "each a way to its story"
    );

    // This process's own: other tests count in it as well.
    let (hits, misses) = (told["cache"]["hits"].as_i64().unwrap(), told["cache"]["misses"].as_i64().unwrap());
    assert!(hits + misses >= 2 && told["cache"]["hit_ratio"].is_f64(), "{told}");
    let steps = told["steps"].as_array().unwrap();
    let transaction = steps.iter().find(|step| step["step"] == "transaction").unwrap();
    assert!(transaction["count"].as_i64().unwrap() >= 2 && transaction["mean_ms"].as_f64().unwrap() > 0.0);
    for counter in ["waits", "timeouts", "lost"] {
        assert!(told["lock"][counter].is_u64(), "{told}");
    }
    eventually("the inbox is empty", async || health().await["inbox"]["waiting"] == 0).await;
    assert_eq!(told["outbox"], json!({ "enabled": false, "waiting": 0, "parked": 0 }));
    assert_eq!((&told["open_cases"], &told["cases"], &told["verify"]), (&json!(0), &json!([]), &Value::Null));
    eventually("the reconciler has left its note", async || !health().await["reconciler"].is_null()).await;
    let pass = health().await["reconciler"].clone();
    assert_eq!((&pass["at"], &pass["unanswered"]), (&json!("2024-01-15T10:30:00Z"), &json!(0)));

    // Tomorrow nothing was made yet.
    site.clock.advance(Duration::from_secs(14 * 3600));
    let operator = site.operator(7).await;
    let tomorrow = operator.read("/console/api/health").await;
    assert_eq!(tomorrow["since"], "2024-01-16T00:00:00Z");
    assert_eq!((&tomorrow["payments"]["today"], &tomorrow["duplicates"]["today"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn what_was_given_up_and_what_waits_for_an_operator_is_named() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    site.database
        .execute(&format!(
            "INSERT INTO gateway_events (id, kind, object, payload, received_at, attempts, error) \
             VALUES ('evt_up', 'refund.updated', 're_1', '{{}}', '2024-01-15 10:00:00', 60, 'Stripe does not answer'); \
             INSERT INTO cases (kind, object, payment_id, detail, opened_at) \
             VALUES ('surplus', 'pi_1', {payment}, 'look at it', '2024-01-15 10:00:00')"
        ))
        .await
        .unwrap();
    let operator = site.operator(7).await;
    let told = operator.read("/console/api/health").await;
    assert_eq!(told["inbox"]["given_up"], 1);
    let event = &told["inbox"]["given_up_events"][0];
    assert_eq!((&event["id"], &event["error"]), (&json!("evt_up"), &json!("Stripe does not answer")));
    assert_eq!(told["open_cases"], 1);
    let case = &told["cases"][0];
    assert_eq!((&case["kind"], &case["payment_id"]), (&json!("surplus"), &json!(payment)));
}
