//! Stripe's API of Checkout Sessions, as a client sees it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, SESSION, START, error, ok};

on_both_storages!(
    create_and_retrieve,
    bad_requests,
    expiry_on_request,
    expiry_by_time,
    lists,
    events_are_listed
);

async fn create_and_retrieve(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session_with(&[("customer_email", "ana@example.com"), ("locale", "id")]).await;
    let id = session["id"].as_str().unwrap();
    assert!(id.starts_with("cs_test_"));
    for (field, value) in [
        ("status", json!("open")),
        ("payment_status", json!("unpaid")),
        ("payment_intent", Value::Null),
        ("amount_total", json!(500_000)),
        ("currency", json!("php")),
        ("created", json!(START)),
        ("expires_at", json!(START + 24 * 60 * 60)),
        ("client_reference_id", json!("reference-1")),
        ("metadata", json!({"payment": "uuid-1"})),
        ("customer_email", json!("ana@example.com")),
        ("url", json!(format!("{}/c/pay/{id}", running.base))),
    ] {
        assert_eq!(session[field], value, "{field}");
    }
    assert_eq!(running.session(&session).await, session);
    assert!(session.get("line_items").is_none());

    let path = format!("/v1/checkout/sessions/{id}?expand[]=line_items&expand[]=payment_intent");
    let items = &running.get(&path).await["line_items"];
    assert_eq!(items["data"][0]["description"], "Consultation");
    assert_eq!(*items, running.get(&format!("/v1/checkout/sessions/{id}/line_items")).await);

    let response = running
        .request(Method::GET, &format!("/v1/checkout/sessions/{id}"))
        .header("Stripe-Version", "2024-06-20")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["stripe-version"], "2024-06-20");
    assert!(response.headers()["request-id"].to_str().unwrap().starts_with("req_"));
}

async fn bad_requests(storage: Storage) {
    let running = Running::start(storage).await;
    let too_soon = (START + 30 * 60 - 1).to_string();
    let too_late = (START + 24 * 60 * 60 + 1).to_string();
    for (change, code, param) in [
        (("colour", "blue"), Some("parameter_unknown"), "colour"),
        (("line_items[0][colour]", "blue"), Some("parameter_unknown"), "line_items[0][colour]"),
        (("mode", ""), Some("parameter_invalid_empty"), "mode"),
        (("mode", "subscription"), None, "mode"),
        (("success_url", "shop"), Some("url_invalid"), "success_url"),
        (("success_url", "javascript:alert(1)"), Some("url_invalid"), "success_url"),
        (("line_items[0][quantity]", "one"), Some("parameter_invalid_integer"), "line_items[0][quantity]"),
        (("line_items[0][quantity]", "0"), Some("parameter_invalid_integer"), "line_items[0][quantity]"),
        (("line_items[0][quantity]", "99999999"), Some("amount_too_large"), "line_items"),
        (("line_items[0][price_data][unit_amount]", "0"), Some("amount_too_small"), "line_items"),
        (("line_items[0][price_data][currency]", "abc"), None, "line_items[0][price_data][currency]"),
        (("line_items[0][price_data]", "x"), None, ""),
        (("expires_at", too_soon.as_str()), None, "expires_at"),
        (("expires_at", too_late.as_str()), None, "expires_at"),
        (("locale", "xx"), None, "locale"),
        (("payment_method_types[]", "klarna"), None, "payment_method_types"),
        (("expand[]", "colour"), None, "expand"),
    ] {
        let mut params: Vec<_> = SESSION.iter().filter(|(name, _)| *name != change.0).copied().collect();
        params.push(change);
        let (status, error) =
            error(running.post("/v1/checkout/sessions", &params).send().await.unwrap()).await;
        assert_eq!(status, 400, "{change:?}");
        assert_eq!(error["type"], "invalid_request_error", "{change:?}");
        assert_eq!(error.get("code").and_then(Value::as_str), code, "{change:?}");
        assert_eq!(error["param"].as_str().unwrap_or_default(), param, "{change:?}");
    }
    for name in ["mode", "success_url", "line_items[0][quantity]", "line_items[0][price_data][currency]"] {
        let params: Vec<_> = SESSION.iter().filter(|(other, _)| *other != name).copied().collect();
        let (status, error) =
            error(running.post("/v1/checkout/sessions", &params).send().await.unwrap()).await;
        assert_eq!(
            (status, &error["code"], &error["param"]),
            (400, &json!("parameter_missing"), &json!(name))
        );
    }
    assert_eq!(running.get("/v1/checkout/sessions").await["data"], json!([]));

    three_decimals(&running).await;
    addresses_and_keys(&running).await;
}

async fn three_decimals(running: &Running) {
    for (amount, good) in [("5120", true), ("5125", false)] {
        let mut params = SESSION.to_vec();
        params[1].1 = "KWD";
        params[2].1 = amount;
        let response = running.post("/v1/checkout/sessions", &params).send().await.unwrap();
        assert_eq!(response.status().is_success(), good, "{amount}");
    }
}

async fn addresses_and_keys(running: &Running) {
    let (status, missing) = running.get_error("/v1/checkout/sessions/cs_test_nothing").await;
    assert_eq!(
        (status, &missing["code"], &missing["param"]),
        (404, &json!("resource_missing"), &json!("session"))
    );
    assert_eq!(running.get_error("/v1/customers").await.0, 404);
    assert_eq!(running.get_error("/v1/checkout/sessions?limit=0").await.0, 400);
    assert_eq!(running.get_error("/v1/checkout/sessions?created=now").await.0, 400);
    assert_eq!(running.get_error("/v1/checkout/sessions?starting_after=cs_test_nothing").await.0, 400);

    let path = "/v1/checkout/sessions";
    let response = running.plain(Method::GET, path).send().await.unwrap();
    assert!(response.headers().contains_key("www-authenticate"));
    assert_eq!(error(response).await.0, 401);
    let secret = "sk_live_abcdefghijklmnop";
    let (status, refused) =
        error(running.plain(Method::GET, path).bearer_auth(secret).send().await.unwrap()).await;
    assert_eq!(status, 401);
    assert!(!refused["message"].as_str().unwrap().contains(secret));
    ok(running.plain(Method::GET, path).basic_auth("sk_test_1", Some("")).send().await.unwrap()).await;

    let json = running.request(Method::POST, path).header("Content-Type", "application/json").body("{}");
    assert_eq!(error(json.send().await.unwrap()).await.0, 400);
    let huge = running.post(path, &[("mode", &"x".repeat(300_000))]);
    assert_eq!(error(huge.send().await.unwrap()).await.0, 413);
    let odd = running.request(Method::GET, path).header("Stripe-Version", "newest");
    assert_eq!(error(odd.send().await.unwrap()).await.0, 400);
}

async fn expiry_on_request(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let path = format!("/v1/checkout/sessions/{}/expire", session["id"].as_str().unwrap());
    let expired = ok(running.post(&path, &[]).send().await.unwrap()).await;
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &Value::Null));
    assert_eq!(error(running.post(&path, &[]).send().await.unwrap()).await.0, 400);
    assert_eq!(running.events().await, ["checkout.session.expired"]);

    let (status, _) =
        error(running.pay(&session, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    assert_eq!(status, 400);
    assert_eq!(running.get("/v1/charges").await["data"], json!([]));

    let paid = running.new_session().await;
    ok(running.pay(&paid, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    let path = format!("/v1/checkout/sessions/{}/expire", paid["id"].as_str().unwrap());
    assert_eq!(error(running.post(&path, &[]).send().await.unwrap()).await.0, 400);
    assert_eq!(running.session(&paid).await["status"], "complete");
}

async fn expiry_by_time(storage: Storage) {
    let running = Running::start(storage).await;
    let soon = (START + 30 * 60).to_string();
    let session = running.new_session_with(&[("expires_at", &soon)]).await;
    let later = running.new_session().await;
    // A declined card leaves an intent behind, which ends with the session.
    let declined = running.pay(&session, r#"{"card":"4000000000000002"}"#).send().await.unwrap();
    assert_eq!(declined.status(), 402);
    running.clock.advance(30 * 60 - 1);
    assert_eq!(running.session(&session).await["status"], "open");
    running.clock.advance(1);
    let refused = running.pay(&session, r#"{"card":"4242424242424242"}"#).send().await.unwrap();
    assert_eq!(refused.status(), 400);
    let expired = running.session(&session).await;
    assert_eq!(expired["status"], "expired");
    assert_eq!(running.session(&later).await["status"], "open");
    let intent =
        running.get(&format!("/v1/payment_intents/{}", expired["payment_intent"].as_str().unwrap())).await;
    assert_eq!(intent["status"], "canceled");
    let last_two = &running.events().await[3..];
    assert_eq!(last_two, ["payment_intent.canceled", "checkout.session.expired"]);
}

async fn lists(storage: Storage) {
    let running = Running::start(storage).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(running.new_session().await["id"].as_str().unwrap().to_owned());
        running.clock.advance(10);
    }
    ids.reverse();
    let found = async |query: &str| -> (Vec<String>, bool) {
        let list = running.get(&format!("/v1/checkout/sessions?{query}")).await;
        assert_eq!((&list["object"], &list["url"]), (&json!("list"), &json!("/v1/checkout/sessions")));
        let names = list["data"].as_array().unwrap().iter();
        let names = names.map(|session| session["id"].as_str().unwrap().to_owned()).collect();
        (names, list["has_more"].as_bool().unwrap())
    };
    assert_eq!(found("").await, (ids.clone(), false));
    assert_eq!(found("limit=2").await, (ids[..2].to_vec(), true));
    assert_eq!(found(&format!("limit=2&starting_after={}", ids[1])).await, (ids[2..4].to_vec(), true));
    assert_eq!(found(&format!("limit=2&starting_after={}", ids[3])).await, (ids[4..].to_vec(), false));
    assert_eq!(found(&format!("limit=2&ending_before={}", ids[3])).await, (ids[1..3].to_vec(), true));
    assert_eq!(found(&format!("limit=2&ending_before={}", ids[2])).await, (ids[..2].to_vec(), false));
    // Created at START, START + 10, … START + 40.
    assert_eq!(found(&format!("created[gte]={}", START + 30)).await.0, ids[..2]);
    assert_eq!(found(&format!("created[gt]={}", START + 30)).await.0, ids[..1]);
    assert_eq!(found(&format!("created[lt]={}&created[gte]={}", START + 20, START + 10)).await.0, ids[3..4]);
    assert_eq!(found(&format!("created[lte]={START}")).await.0, ids[4..]);

    let paid = json!({"id": ids[2]});
    ok(running.pay(&paid, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    let intent = running.session(&paid).await["payment_intent"].as_str().unwrap().to_owned();
    assert_eq!(found(&format!("payment_intent={intent}")).await.0, ids[2..3]);
    let charges =
        running.get(&format!("/v1/charges?payment_intent={intent}&expand[]=data.payment_intent")).await;
    assert_eq!(charges["data"][0]["payment_intent"]["id"], intent.as_str());
    assert_eq!(running.get("/v1/charges?payment_intent=pi_other").await["data"], json!([]));
    assert_eq!(running.get("/v1/payment_intents").await["data"][0]["id"], intent.as_str());
}

async fn events_are_listed(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    ok(running.pay(&session, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    let names = async |query: &str| -> Vec<String> {
        let list = running.get(&format!("/v1/events?{query}")).await;
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["type"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("type=charge.succeeded").await, ["charge.succeeded"]);
    assert_eq!(names("type=payment_intent.*").await, ["payment_intent.succeeded", "payment_intent.created"]);
    let both = "types[]=charge.succeeded&types[]=checkout.session.completed";
    assert_eq!(names(both).await, ["checkout.session.completed", "charge.succeeded"]);
    assert_eq!(running.get_error("/v1/events?type=a&types[]=b").await.0, 400);

    let list = running.get("/v1/events?limit=1").await;
    let event = &list["data"][0];
    assert_eq!(*event, running.get(&format!("/v1/events/{}", event["id"].as_str().unwrap())).await);
}
