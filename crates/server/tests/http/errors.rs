//! The one shape of errors, their languages and their pages; request ids; Host (contract, part 3).

use crate::support::client::raw;
use crate::support::{Site, body};
use sekali::http::ProblemKind;

#[tokio::test]
async fn indonesian_by_default_and_english_where_it_is_asked_for() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let press = |language: Option<&str>, body: &str| {
        let request = site.pay(1).header("X-Idempotency-Key", "k").json(body.to_owned());
        match language {
            Some(language) => request.header("Accept-Language", language).send(),
            None => request.send(),
        }
    };
    let indonesian = press(None, "{}").await.failed_fields(&["amount", "consultation_id", "payment_method"]);
    assert_eq!(indonesian["errors"]["amount"][0], "Wajib diisi.");
    assert_eq!(indonesian["title"], "Data pembayaran tidak sah");
    for language in ["en", "en-US,en;q=0.9", "fr, en;q=0.5"] {
        let english = press(Some(language), "{}").await.problem(422, "invalid-fields");
        assert_eq!(english["errors"]["amount"][0], "Is required.", "{language}");
        assert_eq!(english["title"], "Some fields are not valid", "{language}");
        assert_eq!(english["type"], indonesian["type"]);
    }
    for language in ["id", "fr", "id,en;q=0.9", ""] {
        assert_eq!(press(Some(language), "{}").await.json()["title"], indonesian["title"], "{language}");
    }
    // What is fixed does not change with the language.
    let created = press(Some("en"), &body(5, "5000")).await;
    assert_eq!((created.status, &created.json()["message"]), (201, &"Pembayaran berhasil dibuat".into()));
    let payment = created.json()["data"]["payment_id"].as_i64().unwrap();
    press(Some("en"), &body(5, "5000")).await.duplicate_of(payment, "pending");
}

#[tokio::test]
async fn the_address_of_every_type_answers() {
    let site = Site::new().await;
    let seen = site.get("/nowhere").send().await.problem(404, "not-found");
    assert_eq!(seen["type"], format!("{}/problems/not-found", site.public_url));
    for kind in ProblemKind::all() {
        let page = site.get(&format!("/problems/{}", kind.name())).send().await;
        assert_eq!(page.status, 200, "{}", kind.name());
        assert!(page.text().contains(&kind.status().as_u16().to_string()), "{}", kind.name());
    }
    site.get("/problems/none").send().await.problem(404, "not-found");
}

#[tokio::test]
async fn unknown_paths_and_methods_have_the_same_shape() {
    let site = Site::new().await;
    for path in
        ["/nowhere", "/api/v1/nothing", "/api/v1/", "/payment/5", "/demo/consultation", "/assets/none.js"]
    {
        site.get(path).send().await.problem(404, "not-found");
    }
    let rows = [
        ("DELETE", "/api/v1/payments"),
        ("PUT", "/api/v1/payments/5"),
        ("GET", "/api/v1/consultations/5"),
        ("POST", "/payment/5/process"),
        ("GET", "/webhooks/stripe"),
        ("POST", "/openapi.json"),
    ];
    for (method, path) in rows {
        let answer = site.request(method, path).bearer(&site.patient(1)).send().await;
        assert_eq!(answer.status, 405, "{method} {path}");
        answer.problem(405, "method-not-allowed");
        assert!(
            answer.header("allow").is_some_and(|allow| !allow.is_empty()),
            "{method} {path} (RFC 9110, 15.5.6)"
        );
    }
}

#[tokio::test]
async fn request_ids_are_echoed_if_they_are_plain_words() {
    let site = Site::new().await;
    let long = "a".repeat(128);
    for id in ["abc", "A-1_b.2", &long] {
        let answer = site.get("/nowhere").header("X-Request-Id", id).send().await;
        assert_eq!(answer.header("x-request-id"), Some(id));
        assert_eq!(answer.problem(404, "not-found")["request_id"], id);
    }
    let mut own = Vec::new();
    for id in ["", "a b", "<script>", "a\"b", "\u{e9}", &"a".repeat(129)] {
        let answer = site.get("/nowhere").header("X-Request-Id", id).send().await;
        let given = answer.problem(404, "not-found")["request_id"].as_str().unwrap().to_owned();
        assert_ne!(given, id);
        assert_eq!(given.len(), 36, "a UUID: {given}");
        own.push(given);
    }
    own.sort();
    own.dedup();
    assert_eq!(own.len(), 6, "each request has its own");
    site.pesos(5, 1).await;
    site.logs.clear();
    let press = site.pay(1).header("X-Idempotency-Key", "k").header("X-Request-Id", "follow-me");
    assert_eq!(press.json(body(5, "5000")).send().await.header("x-request-id"), Some("follow-me"));
    let created =
        site.logs.lines().into_iter().find(|line| line["message"] == "Payment: New payment created");
    assert_eq!(created.unwrap()["request_id"], "follow-me");
}

#[tokio::test]
async fn a_missing_or_doubled_host_is_400() {
    let site = Site::new().await;
    site.get("/openapi.json").without_host().send().await.problem(400, "malformed-request");
    site.get("/openapi.json").header("Host", "other").send().await.problem(400, "malformed-request");
    site.pay(1).without_host().json("{}").send().await.problem(400, "malformed-request");
    assert_eq!(site.get("/openapi.json").send().await.status, 200);
    let old = raw(site.address, b"GET /openapi.json HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.status, 200, "HTTP/1.0 knows no Host");
}

#[tokio::test]
async fn what_is_no_http_is_not_worked_on() {
    let site = Site::new().await;
    let token = site.patient(1);
    let smuggled = format!(
        "POST /api/v1/payments HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello"
    );
    assert_eq!(raw(site.address, smuggled.as_bytes()).await.status, 400);
    assert_eq!(raw(site.address, b"hello\r\n\r\n").await.status, 400);
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    assert_eq!(raw(site.address, head.as_bytes()).await.status, 431);
}
