//! What other sites can make a patient's browser do, and what they can put into our answers.

use crate::routes::{Guard, ROUTES, guarded_by};
use crate::support::client::{Answer, split};
use crate::support::stripe::{Opened, visit};
use crate::support::{Site, body};

async fn opened(site: &Site) -> Opened {
    site.pesos(5, 1).await;
    site.opened(1, 5, "k").await
}

async fn still_open(site: &Site, opened: &Opened) {
    let read = site.payment(1, opened.payment).await;
    assert_eq!(read["payment"]["status"], "processing");
    assert_eq!(read["payment"].get("cancel_requested"), None);
}

/// A cookie gives the right to go on and pay, and to turn back by Stripe's own link; it opens nothing else.
#[tokio::test]
async fn a_cookie_alone_changes_nothing() {
    let site = Site::new().await;
    let opened = opened(&site).await;
    let id = opened.payment.to_string();
    let from_elsewhere = |method: &str, path: &str| {
        let request = site.request(method, path).header("Cookie", &opened.cookie);
        request.header("Origin", "https://evil.example").header("Sec-Fetch-Site", "cross-site")
    };
    for (method, path) in guarded_by(Guard::Token, &id) {
        let request = from_elsewhere(method, &path).header("X-Idempotency-Key", "x").json(body(5, "5000.00"));
        request.send().await.problem(401, "unauthorized");
    }
    // No page takes a form: what changes something by a cookie is none of theirs.
    for (_, path) in guarded_by(Guard::Capability, &id) {
        for method in ["POST", "PUT", "DELETE"] {
            let form =
                from_elsewhere(method, &path).header("Content-Type", "application/x-www-form-urlencoded");
            let answer = form.body("cancelled=1&session_id=x").send().await;
            assert_eq!(answer.status, 405, "{method} {path}");
        }
    }
    for query in
        ["cancelled=1", "cancelled=true", &format!("cancelled={}", opened.session), "cancel=1", "cancelled="]
    {
        let path = format!("/payment/{id}/callback?{query}");
        let answer = from_elsewhere("GET", &path).header("Sec-Fetch-Mode", "navigate").send().await;
        assert_eq!(answer.status, 200, "{query}: shown, and nothing done");
    }
    still_open(&site, &opened).await;
}

#[tokio::test]
async fn the_cookie_stays_with_the_browser_and_its_payment() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let answer = site.press(1, 5, "k").await;
    let cookie = answer.header("set-cookie").unwrap();
    let path = format!("Path=/payment/{};", answer.json()["data"]["payment_id"]);
    for attribute in ["HttpOnly", "SameSite=Lax", path.as_str(), "Max-Age=86400"] {
        assert!(cookie.contains(attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain="), "for this host alone: {cookie}");
}

/// What an attacker can put into an address, and hopes to see in a redirect or a header.
const ELSEWHERE: [&str; 9] = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "https:%2F%2Fevil.example",
    "%0d%0aLocation:%20https://evil.example/",
    "%0d%0aSet-Cookie:%20a=b",
    "%E5%98%8A%E5%98%8DSet-Cookie:%20a=b",
    "javascript:alert(1)",
    "%3Cscript%3Ealert(1)%3C/script%3E",
];

fn holds_nothing_of_theirs(answer: &Answer, what: &str) {
    for (name, value) in &answer.headers {
        let theirs = ["evil", "javascript:", "script>"].iter().any(|word| value.contains(word));
        assert!(!theirs, "{what}: {name}: {value}");
        assert!(!(name == "set-cookie" && value.starts_with("a=")), "{what}: {value}");
    }
    let text = String::from_utf8_lossy(&answer.body);
    for word in ["evil.example", "javascript:alert", "<script>alert"] {
        assert!(!text.contains(word), "{what}: {word} in {text}");
    }
}

#[tokio::test]
async fn no_parameter_leads_elsewhere() {
    let site = Site::new().await;
    let opened = opened(&site).await;
    let (_, way) = split(&opened.way);
    let names = [
        "next",
        "url",
        "redirect",
        "redirect_uri",
        "return_to",
        "return_url",
        "success_url",
        "session_id",
        "cancelled",
        "lang",
    ];
    for name in names {
        for value in ELSEWHERE {
            for page in ["process", "callback", "invoice", "invoice.pdf"] {
                let path = format!("{}&{name}={value}", way.replace("/process?", &format!("/{page}?")));
                let answer = site.get(&path).send().await;
                assert!(matches!(answer.status, 200 | 303 | 403), "{path}: {}", answer.status);
                holds_nothing_of_theirs(&answer, &path);
                if let Some(location) = answer.header("location") {
                    assert!(
                        location.starts_with(&format!("{}/stripe-simulator/", site.public_url)),
                        "{location}"
                    );
                }
            }
        }
    }
    still_open(&site, &opened).await;
}

#[tokio::test]
async fn no_header_of_the_request_comes_back() {
    let site = Site::new().await;
    let opened = opened(&site).await;
    let (_, way) = split(&opened.way);
    for (name, value) in [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "javascript"),
        ("X-Original-URL", "/api/v1/cases"),
        ("X-Rewrite-URL", "/api/v1/cases"),
        ("Forwarded", "host=evil.example"),
        ("Referer", "https://evil.example/"),
        ("Origin", "https://evil.example"),
        ("X-Request-Id", "evil.example/<script>"),
        ("Accept-Language", "<script>alert(1)</script>"),
        ("X-HTTP-Method-Override", "DELETE"),
    ] {
        for path in [&way, &way.replace("/process?", "/callback?"), "/nowhere", "/openapi.json", "/"] {
            let answer = site.get(path).header(name, value).send().await;
            holds_nothing_of_theirs(&answer, &format!("{name} on {path}"));
        }
        let press = site.pay(1).header("X-Idempotency-Key", "k").header(name, value).json(body(5, "5000.00"));
        let answer = press.send().await;
        answer.duplicate_of(opened.payment, "processing");
        holds_nothing_of_theirs(&answer, name);
    }
    let other_host = site.get(&way).without_host().header("Host", "evil.example").send().await;
    holds_nothing_of_theirs(&other_host, "Host");
    assert_eq!(other_host.status, 303, "addresses are made from SEKALI_PUBLIC_URL alone");
}

#[tokio::test]
async fn no_path_comes_back() {
    let site = Site::new().await;
    for (method, path, _) in ROUTES {
        for value in ELSEWHERE {
            let path = path.replace("{id}", value).replace("{name}", value).replace("{*path}", value);
            for path in [path.clone(), format!("{path}{value}"), format!("{path}?{value}")] {
                let answer = site.request(method, &path).bearer(&site.admin()).send().await;
                holds_nothing_of_theirs(&answer, &format!("{method} {path}"));
            }
        }
    }
    for path in [
        "//evil.example/%2e%2e",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e%2fCargo.toml",
        "/assets/..%5c..%5cCargo.toml",
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert_eq!(answer.header("location"), None, "{path}");
    }
}

/// Pages load nothing from elsewhere, run no script, and stand in nobody's frame.
#[tokio::test]
async fn every_page_has_its_policy() {
    let site = Site::new().await;
    let opened = opened(&site).await;
    for page in [
        visit(&opened.callback()).await,
        site.get("/payment/999/process").send().await,
        site.get("/").send().await,
    ] {
        let policy = page.header("content-security-policy").unwrap();
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
}
