//! Signing in to the console; what no session opens, and what no other site can make a browser do.

use crate::routes::{Guard, guarded_by};
use crate::support::client::Request;
use crate::support::console::as_our_page;
use crate::support::stripe::GOOD;
use crate::support::tokens::{sign, with_claims};
use crate::support::{Backend, Site};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_admins_token_begins_a_session_that_ends_with_it() {
    let site = Site::new().await;
    let token = site.admin_number(7);
    for pasted in [token.clone(), format!("  {token}\n"), format!("Bearer {token}")] {
        let answer = site.signing_in(&pasted).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let expected = json!({ "user_id": 7, "role": "admin", "signed_in_at": "2024-01-15T10:30:00Z",
            "expires_at": "2024-01-15T11:30:00Z", "zone": "UTC" });
        assert_eq!(answer.json(), expected);
        let cookie = answer.header("set-cookie").unwrap();
        let (value, attributes) = cookie.split_once("; ").unwrap();
        assert!(value.starts_with("sekali_console=7."), "{cookie}");
        assert_eq!(attributes, "Path=/console; Max-Age=3600; HttpOnly; SameSite=Strict");
        assert!(!cookie.contains(&token) && !answer.text().contains("eyJ"), "the token itself is not kept");
        let logs = site.logs.text();
        assert!(!logs.contains(&token) && !logs.contains(value.split_once('=').unwrap().1), "nor logged");
    }
    let operator = site.operator(7).await;
    assert_eq!(operator.read("/console/api/session").await["user_id"], 7);
    // It is no token: it opens nothing else.
    let value = operator.cookie.split_once('=').unwrap().1;
    site.get("/api/v1/cases").bearer(value).send().await.problem(401, "unauthorized");
    let beside = site.get("/api/v1/cases").header("Cookie", &operator.cookie);
    beside.send().await.problem(401, "unauthorized");

    site.clock.advance(Duration::from_secs(3599));
    assert_eq!(operator.get("/console/api/session").send().await.status, 200);
    site.clock.advance(Duration::from_secs(1));
    for path in ["/console/api/session", "/console/api/payments"] {
        operator.get(path).send().await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_long_token_makes_no_long_session_and_a_public_one_is_secure() {
    let public = [
        ("SEKALI_PUBLIC_URL", "https://pay.example.org"),
        // The simulator answers on loopback alone.
        ("SEKALI_STRIPE_SIMULATOR", "0"),
        ("STRIPE_SECRET_KEY", "sk_test_tests"),
        ("STRIPE_API_BASE", "http://127.0.0.1:9"),
    ];
    let site = Site::with(Backend::SqliteMemory, &public).await;
    let token = with_claims(r#"{"sub":7,"exp":1900000000,"role":"admin"}"#);
    let answer = site.signing_in(&token).send().await;
    assert_eq!(answer.json()["expires_at"], "2024-01-15T22:30:00Z", "12 hours");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("Path=/console; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
}

#[tokio::test]
async fn whoever_is_no_admin_stays_outside() {
    let site = Site::new().await;
    for token in
        [site.patient(1), site.service(), with_claims(r#"{"sub":1,"exp":1705318200,"role":"ADMIN"}"#)]
    {
        let answer = site.signing_in(&token).send().await;
        answer.problem(403, "forbidden");
        assert_eq!(answer.header("set-cookie"), None);
    }
    let expired = with_claims(r#"{"sub":1,"exp":1705314600,"role":"admin"}"#);
    let none = sign(r#"{"alg":"none"}"#, r#"{"sub":1,"exp":1705318200,"role":"admin"}"#, "");
    for token in ["x", "", &expired, &none] {
        let answer = site.signing_in(token).send().await;
        answer.problem(401, "unauthorized");
        assert_eq!(answer.header("set-cookie"), None);
    }
    let ask = |body: &str| as_our_page(&site, site.post("/console/api/session")).json(body.to_owned());
    ask("{}").send().await.failed_fields(&["token"]);
    ask(r#"{"token":1}"#).send().await.failed_fields(&["token"]);
    ask("x").send().await.problem(400, "malformed-request");
    ask(r#"{"token":"x","role":"admin"}"#).send().await.problem(400, "malformed-request");
    let form = as_our_page(&site, site.post("/console/api/session"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("token=x");
    form.send().await.problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let site = Site::new().await;
    let operator = site.operator(7).await;
    let out = as_our_page(&site, site.request("DELETE", "/console/api/session"));
    for request in [out.clone(), out.header("Cookie", &operator.cookie)] {
        let answer = request.send().await;
        assert_eq!(answer.status, 204);
        let expected = "sekali_console=; Path=/console; Max-Age=0; HttpOnly; SameSite=Strict";
        assert_eq!(answer.header("set-cookie"), Some(expected));
    }
}

/// Everything that changes something, with a session that is good.
fn changing(payment: i64) -> Vec<(&'static str, String)> {
    let mut all = guarded_by(Guard::Session, &payment.to_string());
    all.extend(guarded_by(Guard::Door, ""));
    all.retain(|(method, _)| *method != "GET");
    assert_eq!(all.len(), 6);
    all
}

/// The answer to whatever another site can make an operator's browser send: nothing is done.
#[tokio::test]
async fn a_forged_cross_site_request_is_refused() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let operator = site.operator(7).await;
    let before = site.record_of(payment).await;
    let ours = &site.public_url;
    for (method, path) in changing(payment) {
        let ask = || {
            let body = json!({ "key": "k", "remaining": "5000.00", "token": operator.site.admin_number(8) });
            let request = site.request(method, &path).header("Cookie", &operator.cookie);
            request.json(body.to_string())
        };
        let with = |headers: &[(&str, &str)]| {
            headers.iter().fold(ask(), |request: Request, (name, value)| request.header(name, value))
        };
        for (what, request) in [
            ("nothing", ask()),
            ("the header alone", with(&[("X-Sekali-Console", "1")])),
            ("our origin alone", with(&[("Origin", ours)])),
            ("our site alone", with(&[("Sec-Fetch-Site", "same-origin")])),
            ("another origin", with(&[("X-Sekali-Console", "1"), ("Origin", "https://evil.example")])),
            (
                "an origin that begins as ours",
                with(&[("X-Sekali-Console", "1"), ("Origin", &format!("{ours}.evil.example"))]),
            ),
            ("no origin", with(&[("X-Sekali-Console", "1"), ("Origin", "null")])),
            ("another site", with(&[("X-Sekali-Console", "1"), ("Sec-Fetch-Site", "cross-site")])),
            (
                "a neighbour",
                with(&[("X-Sekali-Console", "1"), ("Sec-Fetch-Site", "same-site"), ("Origin", ours)]),
            ),
            ("a typed address", with(&[("X-Sekali-Console", "1"), ("Sec-Fetch-Site", "none")])),
            (
                "our origin from another site",
                with(&[("X-Sekali-Console", "1"), ("Sec-Fetch-Site", "cross-site"), ("Origin", ours)]),
            ),
            (
                "another value",
                with(&[("X-Sekali-Console", "0"), ("Sec-Fetch-Site", "same-origin"), ("Origin", ours)]),
            ),
        ] {
            let answer = request.send().await;
            answer.problem(403, "forbidden");
            assert_eq!(answer.header("set-cookie"), None, "{method} {path} with {what}");
        }
    }
    assert_eq!(site.record_of(payment).await, before);
    assert_eq!(site.stripe_totals().await["refunds"], json!({}));
    // What only reads is not shown to another site either.
    for site_of in ["cross-site", "same-site"] {
        let read = operator.get("/console/api/payments").header("Sec-Fetch-Site", site_of);
        read.send().await.problem(403, "forbidden");
    }
    for site_of in ["same-origin", "none"] {
        let read = operator.get("/console/api/payments").header("Sec-Fetch-Site", site_of);
        assert_eq!(read.send().await.status, 200);
    }
    // Browsers differ in what they say of our own page; each is enough.
    for headers in [
        vec![("Sec-Fetch-Site", "same-origin")],
        vec![("Origin", ours.as_str())],
        vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "null")],
    ] {
        let asked = site.post(&format!("/console/api/payments/{payment}/reconcile")).json("{}");
        let asked = asked.header("Cookie", &operator.cookie).header("X-Sekali-Console", "1");
        let asked = headers.iter().fold(asked, |request, (name, value)| request.header(name, value));
        assert_eq!(asked.send().await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn nothing_but_a_session_opens_the_console() {
    let site = Site::new().await;
    let opened = site.completed(1, 5, GOOD).await;
    let operator = site.operator(7).await;
    let value = operator.cookie.split_once('=').unwrap().1.to_owned();
    let before = site.record_of(opened.payment).await;
    for (method, path) in guarded_by(Guard::Session, &opened.payment.to_string()) {
        let ask = || as_our_page(&site, site.request(method, &path)).json("{}");
        let cookie = |value: &str| ask().header("Cookie", &format!("sekali_console={value}"));
        for (what, request) in [
            ("nothing", ask()),
            ("an admin's token", ask().bearer(&site.admin())),
            ("the session as a token", ask().bearer(&value)),
            ("the session under another name", ask().header("Cookie", &format!("sekali={value}"))),
            ("a token as the session", cookie(&site.admin())),
            ("another operator's number", cookie(&value.replacen("7.", "8.", 1))),
            ("a bent signature", cookie(&format!("{}A", &value[..value.len() - 1]))),
            ("none", cookie("")),
            ("the payer's cookie", ask().header("Cookie", &opened.cookie)),
        ] {
            let answer = request.send().await;
            assert_eq!(answer.status, 401, "{method} {path} with {what}: {}", answer.text());
            answer.problem(401, "unauthorized");
        }
        if method == "GET" && path != "/console/api/live" {
            // One that is not ours beside it changes nothing.
            let both = format!("sekali_console=x; {}", operator.cookie);
            assert_eq!(ask().header("Cookie", &both).send().await.status, 200, "{method} {path}");
        }
    }
    assert_eq!(site.record_of(opened.payment).await, before);
}

#[tokio::test]
async fn an_operator_who_asks_too_often_is_told_to_wait() {
    let site = Site::new().await;
    let operator = site.operator(7).await;
    let answer = operator.get("/console/api/payments").send().await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("600"));
    for _ in 1..600 {
        operator.get("/console/api/payments/1").send().await;
    }
    operator.get("/console/api/payments").send().await.problem(429, "rate-limited");
    let other = site.operator(8).await;
    assert_eq!(other.get("/console/api/payments").send().await.status, 200);
    let patients = site.get("/api/v1/payments").bearer(&site.patient(7)).send().await;
    assert_eq!(patients.header("x-ratelimit-remaining"), Some("99"), "a patient of that number is another");
}
