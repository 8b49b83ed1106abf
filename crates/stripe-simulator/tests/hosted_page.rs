//! The payment page, as a browser without scripts uses it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::{Method, Response};
use sekali_stripe_simulator::Storage;
use serde_json::{Value, json};
use support::{Running, encode, ok};

on_both_storages!(
    the_form,
    paying,
    mistakes,
    a_declined_card_then_a_good_one,
    challenge_passed,
    challenge_failed,
    closed_pages,
    double_submit,
    hostile_texts,
    in_indonesian,
);

const NUMBER: &str = "4242 4242 4242 4242";

fn path(session: &Value) -> String {
    format!("/c/pay/{}", session["id"].as_str().unwrap())
}

async fn open(running: &Running, path: &str) -> (Response, String) {
    let response = running.plain(Method::GET, path).send().await.unwrap();
    text(response).await
}

/// The response without its body, and the body.
async fn text(response: Response) -> (Response, String) {
    let mut kept = axum::http::Response::new(Vec::new());
    *kept.status_mut() = response.status();
    *kept.headers_mut() = response.headers().clone();
    (kept.into(), response.text().await.unwrap())
}

async fn submit(running: &Running, path: &str, fields: &[(&str, &str)]) -> (Response, String) {
    let request = running
        .plain(Method::POST, path)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(encode(fields));
    text(request.send().await.unwrap()).await
}

fn card(number: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("email", "ana@example.com"),
        ("cardNumber", number),
        ("cardExpiry", "12 / 34"),
        ("cardCvc", "987"),
        ("billingName", "Ana Cruz"),
    ]
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status(), 303);
    response.headers()["location"].to_str().unwrap()
}

async fn the_form(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    assert!(session["url"].as_str().unwrap().ends_with(&path(&session)));
    let (response, page) = open(&running, &path(&session)).await;
    assert_eq!(response.status(), 200);
    for text in [
        "TEST",
        "Consultation",
        "<h1>PHP 5.000,00</h1>",
        "Pay PHP 5.000,00</button>",
        r#"href="https://shop.example/cancelled""#,
    ] {
        assert!(page.contains(text), "{text}");
    }
    for (label, name, autocomplete) in [
        ("Email", "email", "email"),
        ("Card number", "cardNumber", "cc-number"),
        ("MM / YY", "cardExpiry", "cc-exp"),
        ("CVC", "cardCvc", "cc-csc"),
        ("Cardholder name", "billingName", "cc-name"),
    ] {
        assert!(page.contains(&format!(r#"<label for="{name}">{label}</label>"#)), "{label}");
        assert!(page.contains(&format!(r#"id="{name}" name="{name}""#)), "{name}");
        assert!(page.contains(&format!(r#"autocomplete="{autocomplete}""#)), "{autocomplete}");
    }
    assert!(!page.contains("<script"));
    let headers = response.headers();
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["cache-control"], "no-store");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    assert!(policy.contains("form-action 'self' https://shop.example;"));

    let (style, css) = open(&running, "/c/style.css").await;
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
    assert!(page.contains(r#"href="../style.css""#) && css.contains("prefers-color-scheme"));
    assert_eq!(open(&running, "/c/pay/cs_test_nothing").await.0.status(), 404);
}

/// For a shop that asks for it, from the form to the closed page.
async fn in_indonesian(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session_with(&[("locale", "id")]).await;
    let (_, page) = open(&running, &path(&session)).await;
    for text in [
        "<html lang=\"id\">",
        "tidak ada uang yang berpindah",
        "Nomor kartu</label>",
        "Nama pada kartu</label>",
        "Bayar PHP 5.000,00</button>",
        "← Kembali",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let (_, page) = submit(&running, &path(&session), &[("cardNumber", "1")]).await;
    assert!(page.contains("Nomor kartu Anda tidak benar.") && page.contains("Isi alamat email."), "{page}");
    let (_, page) = submit(&running, &path(&session), &card("4000000000000002")).await;
    assert!(page.contains("role=\"alert\">Kartu Anda ditolak.</p>"), "{page}");
    let challenge = challenge_of(&running, &session).await;
    let (_, page) = open(&running, &challenge).await;
    assert!(
        page.contains("Apakah Anda yang membayar PHP 5.000,00?") && page.contains("Bukan saya"),
        "{page}"
    );
    submit(&running, &challenge, &[("result", "complete")]).await;
    let (_, page) = open(&running, &path(&session)).await;
    assert!(
        page.contains("Pembayaran ini sudah selesai") && page.contains("tidak akan ditagih lagi"),
        "{page}"
    );
    for english in ["Your ", "Enter ", "Card ", "This payment", "Continue", "simulator: no"] {
        assert!(!page.contains(english), "{english}: {page}");
    }
}

async fn paying(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session_with(&[("customer_email", "known@example.com")]).await;
    let (response, _) = submit(&running, &path(&session), &card(NUMBER)).await;
    let expected = format!("https://shop.example/back?session={}", session["id"].as_str().unwrap());
    assert_eq!(location(&response), expected);
    let session = running.session(&session).await;
    assert_eq!(session["payment_status"], "paid");
    // The address that the shop gave is fixed.
    assert_eq!(session["customer_details"]["email"], "known@example.com");
    assert_eq!(session["customer_details"]["name"], "Ana Cruz");
    let charge = &running.get("/v1/charges").await["data"][0];
    let details = &charge["payment_method_details"]["card"];
    assert_eq!(
        (&details["last4"], &details["exp_month"], &details["exp_year"]),
        (&json!("4242"), &json!(12), &json!(2034))
    );
}

async fn mistakes(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let fields = [
        ("email", "ana@example.com"),
        ("cardNumber", "4242 4242 4242 4241"),
        ("cardExpiry", "12 / 23"),
        ("cardCvc", "98"),
        ("billingName", "Ana \"Cruz\""),
    ];
    let (response, page) = submit(&running, &path(&session), &fields).await;
    assert_eq!(response.status(), 422);
    for text in [
        r#"<p class="mistake" id="cardNumber-error">Your card number is invalid.</p>"#,
        r#"<p class="mistake" id="cardExpiry-error">Your card's expiry date is in the past.</p>"#,
        r#"<p class="mistake" id="cardCvc-error">Your card's security code is incomplete.</p>"#,
        r#"value="ana@example.com""#,
        r#"value="Ana &quot;Cruz&quot;""#,
        r#"value="12 / 23""#,
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    assert!(!page.contains("4241") && !page.contains(r#""98""#), "a number or code came back");
    assert!(!page.contains("email-error"));
    assert_eq!(submit(&running, &path(&session), &[]).await.0.status(), 422);
    assert_eq!(submit(&running, "/c/pay/cs_test_nothing", &[]).await.0.status(), 404);
    assert_eq!(running.events().await, [""; 0]);
}

async fn a_declined_card_then_a_good_one(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let (response, page) = submit(&running, &path(&session), &card("4000000000000002")).await;
    assert_eq!(response.status(), 402);
    assert!(page.contains(r#"<p class="notice" role="alert">Your card was declined.</p>"#));
    assert!(page.contains(r#"value="Ana Cruz""#) && !page.contains("0002") && !page.contains("987"));
    // A reload of the page tells it as well.
    assert!(open(&running, &path(&session)).await.1.contains("Your card was declined."));
    let (_, page) = submit(&running, &path(&session), &card("4000000000009995")).await;
    assert!(page.contains("insufficient funds"));
    let (response, _) = submit(&running, &path(&session), &card("378282246310005")).await;
    assert!(location(&response).starts_with("https://shop.example/back"));
    let statuses: Vec<Value> = running.get("/v1/charges").await["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|charge| charge["status"].clone())
        .collect();
    assert_eq!(statuses, ["succeeded", "failed", "failed"]);
}

async fn challenge_of(running: &Running, session: &Value) -> String {
    let (response, _) = submit(running, &path(session), &card("4000002760003184")).await;
    let relative = location(&response);
    let page = reqwest::Url::parse(session["url"].as_str().unwrap()).unwrap();
    let target = page.join(relative).unwrap().to_string();
    target.strip_prefix(&running.base).unwrap().to_owned()
}

async fn challenge_passed(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let older = challenge_of(&running, &session).await;
    let challenge = challenge_of(&running, &session).await;
    let (response, page) = open(&running, &challenge).await;
    assert_eq!(response.status(), 200);
    assert!(page.contains("Complete authentication") && page.contains("Fail authentication"));
    let intent = running.session(&session).await["payment_intent"].as_str().unwrap().to_owned();
    let intent = running.get(&format!("/v1/payment_intents/{intent}")).await;
    assert_eq!((&intent["status"], &intent["latest_charge"]), (&json!("requires_action"), &Value::Null));

    // The page of an earlier attempt answers nothing.
    let form = format!("../../{}", session["id"].as_str().unwrap());
    assert_eq!(location(&submit(&running, &older, &[("result", "complete")]).await.0), form);
    assert_eq!(running.session(&session).await["status"], "open");

    let (response, _) = submit(&running, &challenge, &[("result", "complete")]).await;
    assert!(location(&response).starts_with("https://shop.example/back?session=cs_test_"));
    assert_eq!(running.session(&session).await["payment_status"], "paid");
    let (again, _) = submit(&running, &challenge, &[("result", "complete")]).await;
    assert!(location(&again).starts_with("https://shop.example/back"));
    assert_eq!(running.get("/v1/charges").await["data"].as_array().unwrap().len(), 1);
}

async fn challenge_failed(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let challenge = challenge_of(&running, &session).await;
    let (response, _) = submit(&running, &challenge, &[("result", "fail")]).await;
    assert_eq!(location(&response), format!("../../{}", session["id"].as_str().unwrap()));
    let (_, page) = open(&running, &path(&session)).await;
    assert!(page.contains("could not be authenticated") && page.contains("Ana Cruz"));
    assert_eq!(running.session(&session).await["status"], "open");
    let names = running.events().await;
    assert_eq!(names.last().unwrap(), "payment_intent.payment_failed");
    let (response, _) = submit(&running, &path(&session), &card(NUMBER)).await;
    assert!(location(&response).starts_with("https://shop.example/back"));
}

async fn closed_pages(storage: Storage) {
    let running = Running::start(storage).await;
    let paid = running.new_session().await;
    let expired = running.new_session().await;
    ok(running.pay(&paid, r#"{"card":"4242424242424242"}"#).send().await.unwrap()).await;
    let (_, page) = open(&running, &path(&paid)).await;
    assert!(page.contains("complete") && page.contains("href=\"https://shop.example/back?session=cs_test_"));
    assert!(!page.contains("cardNumber"));
    running.clock.advance(24 * 60 * 60);
    let (_, page) = open(&running, &path(&expired)).await;
    assert!(page.contains("expired") && page.contains("href=\"https://shop.example/cancelled\""));
    let (response, page) = submit(&running, &path(&expired), &card(NUMBER)).await;
    assert_eq!(response.status(), 200);
    assert!(page.contains("expired"));
    assert_eq!(running.get("/v1/charges").await["data"].as_array().unwrap().len(), 1);
}

async fn double_submit(storage: Storage) {
    let running = Running::start(storage).await;
    let session = running.new_session().await;
    let page = path(&session);
    let fields = card(NUMBER);
    let submits = (0..20).map(|_| submit(&running, &page, &fields));
    for (response, _) in futures_util::future::join_all(submits).await {
        assert!(location(&response).starts_with("https://shop.example/back"));
    }
    assert_eq!(running.get("/v1/charges").await["data"].as_array().unwrap().len(), 1);
    assert_eq!(running.events().await.len(), 4);
}

async fn hostile_texts(storage: Storage) {
    let running = Running::start(storage).await;
    let mut params = support::SESSION.to_vec();
    params[3].1 = "<script>alert(1)</script>";
    let session = ok(running.post("/v1/checkout/sessions", &params).send().await.unwrap()).await;
    let fields = [("email", "\"><script>alert(2)</script>"), ("billingName", "<b>")];
    let (_, page) = submit(&running, &path(&session), &fields).await;
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script") && !page.contains("<b>"));
    let huge = "x".repeat(20_000);
    assert_eq!(submit(&running, &path(&session), &[("email", &huge)]).await.0.status(), 413);
}
