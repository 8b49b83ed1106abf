//! Who may do what: every endpoint for every kind of caller, with the exact status.

use crate::support::client::{Answer, Request};
use crate::support::stripe::GOOD;
use crate::support::tokens::with_claims;
use crate::support::{Site, body};
use serde_json::json;

/// The columns of the table below, in this order.
const CALLERS: [&str; 6] = ["nobody", "the payer", "another patient", "service", "admin", "an unknown role"];

fn called_by(site: &Site, caller: &str, request: Request) -> Request {
    match caller {
        "nobody" => request,
        "the payer" => request.bearer(&site.patient(1)),
        "another patient" => request.bearer(&site.patient(2)),
        "service" => request.bearer(&site.service()),
        "admin" => request.bearer(&site.admin()),
        // With the payer's own number.
        _ => request.bearer(&with_claims(r#"{"sub":1,"exp":1705318200,"role":"doctor"}"#)),
    }
}

/// One row: what is asked, and the status for each caller.
struct Row {
    request: Request,
    what: &'static str,
    statuses: [u16; 6],
}

fn row(what: &'static str, request: Request, statuses: [u16; 6]) -> Row {
    Row { request, what, statuses }
}

/// The endpoints about one payment that is paid.
fn about_a_payment(site: &Site, payment: i64) -> Vec<Row> {
    let path = |rest: &str| format!("/api/v1/payments/{payment}{rest}");
    let read = [401, 200, 404, 200, 200, 404];
    let refund = site.post(&path("/refunds")).header("X-Idempotency-Key", "r").json(r#"{"amount":"0.001"}"#);
    vec![
        row("read", site.get(&path("")), read),
        row("timeline", site.get(&path("/timeline")), read),
        row("invoice", site.get(&path("/invoice")), read),
        row("invoice.pdf", site.get(&path("/invoice.pdf")), read),
        row("list refunds", site.get(&path("/refunds")), read),
        row("cancel", site.post(&path("/cancel")), [401, 409, 404, 403, 409, 404]),
        // An operator's is looked at, and its amount is none.
        row("refund", refund, [401, 403, 404, 403, 422, 404]),
    ]
}

fn others(site: &Site) -> Vec<Row> {
    let press = site.post("/api/v1/payments").header("X-Idempotency-Key", "p").json(body(5, "5000.00"));
    let consultation = r#"{"patient_id":1,"fee":"5000.00","currency":"PHP"}"#;
    vec![
        row("press", press, [401, 409, 403, 403, 403, 403]),
        row("list", site.get("/api/v1/payments"), [401, 200, 200, 200, 200, 403]),
        row("cases", site.get("/api/v1/cases"), [401, 403, 403, 403, 200, 403]),
        row(
            "put consultation",
            site.put("/api/v1/consultations/5").json(consultation),
            [401, 403, 403, 200, 403, 403],
        ),
    ]
}

/// What nobody who is turned away may read.
fn shows_nothing(answer: &Answer, what: &str) {
    let text = String::from_utf8_lossy(&answer.body);
    for word in ["5000", "INV-", "PHP", "pi_", "re_", "cs_test", "Alasan", "completed", "token="] {
        assert!(!text.contains(word), "{what}: {word} in {text}");
    }
    assert_eq!(answer.header("set-cookie"), None, "{what}");
}

#[tokio::test]
async fn who_may_do_what() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let part = json!({ "amount": 1000, "reason": "Alasan" });
    assert_eq!(site.refund(payment, "part", &part).send().await.status, 201);
    let rows = about_a_payment(&site, payment).into_iter().chain(others(&site));
    for Row { request, what, statuses } in rows {
        for (caller, status) in CALLERS.into_iter().zip(statuses) {
            let named = format!("{what} by {caller}");
            let answer = called_by(&site, caller, request.clone()).send().await;
            assert_eq!(answer.status, status, "{named}: {}", String::from_utf8_lossy(&answer.body));
            match status {
                401 => drop(answer.problem(401, "unauthorized")),
                403 => drop(answer.problem(403, "forbidden")),
                404 => drop(answer.problem(404, "payment-not-found")),
                _ => {}
            }
            if matches!(status, 401 | 403 | 404) && caller != "the payer" {
                shows_nothing(&answer, &named);
            }
        }
    }
    let listed = called_by(&site, "another patient", site.get("/api/v1/payments")).send().await;
    assert_eq!(listed.json()["data"], json!([]));
    assert_eq!(site.payment(1, payment).await["payment"]["status"], "completed", "nothing was changed");
    assert_eq!(site.count("refunds").await, 1);
}

/// Whether a payment of somebody else's exists is not told: the answer is that for a number of nobody's.
#[tokio::test]
async fn somebody_elses_is_as_nobodys() {
    let site = Site::new().await;
    let payment = site.completed(1, 5, GOOD).await.payment;
    let theirs = about_a_payment(&site, payment);
    let nobodys = about_a_payment(&site, 999_999);
    for (one, other) in theirs.into_iter().zip(nobodys) {
        for caller in ["another patient", "an unknown role"] {
            let mut bodies = Vec::new();
            for request in [one.request.clone(), other.request.clone()] {
                let mut body =
                    called_by(&site, caller, request).send().await.problem(404, "payment-not-found");
                body["request_id"].take();
                bodies.push(body);
            }
            assert_eq!(bodies[0], bodies[1], "{} by {caller}", one.what);
        }
    }
    for id in ["0", "-1", "x", "1.0", "99999999999999999999", "%00", "1%2F..%2F2"] {
        for rest in ["/timeline", "/invoice", "/invoice.pdf", "/refunds"] {
            let path = format!("/api/v1/payments/{id}{rest}");
            let answer = site.get(&path).bearer(&site.admin()).send().await;
            assert_eq!(answer.status, 404, "{path}");
            answer.problem(404, "payment-not-found");
        }
    }
}

#[tokio::test]
async fn every_endpoint_takes_its_methods_only() {
    let site = Site::new().await;
    for (method, path) in [
        ("GET", "/api/v1/payments/1/cancel"),
        ("PUT", "/api/v1/payments/1/refunds"),
        ("DELETE", "/api/v1/payments/1/refunds"),
        ("POST", "/api/v1/payments/1/timeline"),
        ("POST", "/api/v1/payments/1/invoice"),
        ("POST", "/api/v1/cases"),
        ("POST", "/payment/1/invoice"),
        ("GET", "/webhooks/stripe"),
    ] {
        let answer = site.request(method, path).bearer(&site.admin()).send().await;
        assert_eq!(answer.status, 405, "{method} {path}");
        answer.problem(405, "method-not-allowed");
    }
}
