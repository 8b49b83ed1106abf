//! Nobody reads, changes or learns of what is not theirs, by any route (OWASP API1, API3, API5).

use crate::routes::{Guard, guarded_by};
use crate::support::client::{Answer, Request};
use crate::support::stripe::{GOOD, Opened};
use crate::support::tokens::with_claims;
use crate::support::{Site, body};

/// Two patients: the first has paid consultation 1, the second has consultation 2 open at Stripe.
struct Ground {
    site: Site,
    mine: Opened,
    theirs: Opened,
    /// A signed link to the invoice of the payment that is paid.
    invoice_link: String,
}

async fn ground() -> Ground {
    let site = Site::new().await;
    let mine = site.completed(1, 1, GOOD).await;
    site.pesos(2, 2).await;
    let theirs = site.opened(2, 2, "theirs").await;
    let page = mine.come_back().await;
    let links = page.text().split("href=\"").filter_map(|part| part.split('"').next());
    let invoice_link = links.into_iter().find(|link| link.contains("/invoice?token=")).unwrap().to_owned();
    Ground { site, mine, theirs, invoice_link }
}

/// The number of the first invoice; the description of the API shows another as an example.
const INVOICE: &str = "INV-20240115103000-000001";

fn token_of(address: &str) -> &str {
    address.split_once("token=").unwrap().1
}

/// What a route is sent that is well-formed otherwise.
fn ask(site: &Site, method: &str, path: &str) -> Request {
    let request = site.request(method, path);
    match (method, path.split('?').next().and_then(|path| path.rsplit('/').next())) {
        ("POST", Some("payments")) => request.header("X-Idempotency-Key", "x").json(body(1, "5000.00")),
        ("POST", Some("refunds")) => request.header("X-Idempotency-Key", "x").json("{}"),
        ("PUT", _) => request.json(r#"{"patient_id":3,"fee":"1.00"}"#),
        _ => request,
    }
}

/// Every table of what was done; the events of the inbox and the clock's marks are none of it.
async fn everything(site: &Site) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for sql in [
        "SELECT id, status, updated_at FROM payments ORDER BY id",
        "SELECT id, patient_id, fee FROM konsultasis ORDER BY id",
        "SELECT id, state FROM checkout_sessions ORDER BY id",
        "SELECT count(*) FROM refunds",
        "SELECT payment_id, count(*) FROM payment_events GROUP BY payment_id ORDER BY payment_id",
    ] {
        all.push(site.database.query(sql).await);
    }
    all
}

impl Ground {
    fn shows_nothing(&self, answer: &Answer, what: &str) {
        let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
        let secrets = [token_of(&self.mine.way), token_of(&self.theirs.way), &self.mine.session];
        for word in ["INV-2024", "5000", "completed", "cs_test_", "pi_"].iter().chain(&secrets) {
            assert!(!text.contains(*word), "{what}: {word} in {text}");
        }
        assert_eq!(answer.header("set-cookie"), None, "{what}");
    }

    /// What is no token of anybody's, however it is carried.
    fn no_tokens(&self, method: &str, path: &str) -> Vec<(&'static str, Request)> {
        let ask = |path: &str| ask(&self.site, method, path);
        let capability = token_of(&self.mine.way);
        let token = self.site.patient(1);
        let and = if path.contains('?') { '&' } else { '?' };
        vec![
            ("nothing", ask(path)),
            ("the payer's cookie", ask(path).header("Cookie", &self.mine.cookie)),
            ("the capability as token", ask(path).bearer(capability)),
            ("the capability in the address", ask(&format!("{path}{and}token={capability}"))),
            ("a token in the address", ask(&format!("{path}{and}access_token={token}&token={token}"))),
            (
                "a token as cookie",
                ask(path).header("Cookie", &format!("token={token}; Authorization={token}")),
            ),
            ("a token as form's name", ask(path).header("Authorization", &format!("Basic {token}"))),
            ("a header of a proxy's", ask(path).header("X-User-Id", "1").header("X-Forwarded-User", "1")),
            ("a number as token", ask(path).bearer("1")),
        ]
    }
}

#[tokio::test]
async fn nothing_but_a_token_opens_the_api() {
    let ground = ground().await;
    let before = everything(&ground.site).await;
    for (method, path) in guarded_by(Guard::Token, &ground.mine.payment.to_string()) {
        for (what, request) in ground.no_tokens(method, &path) {
            let answer = request.send().await;
            assert_eq!(answer.status, 401, "{method} {path} with {what}: {}", answer.text());
            answer.problem(401, "unauthorized");
            ground.shows_nothing(&answer, &format!("{method} {path} with {what}"));
        }
    }
    assert_eq!(everything(&ground.site).await, before);
}

/// The wrong user, and roles that are none, even with the payer's cookie and capability beside their token.
#[tokio::test]
async fn nobody_elses_token_opens_a_payment() {
    let ground = ground().await;
    let before = everything(&ground.site).await;
    let claims = |role: &str| with_claims(&format!(r#"{{"sub":1,"exp":1705318200,"role":"{role}"}}"#));
    let callers = [
        ("another patient", ground.site.patient(3)),
        ("a role that is none", claims("doctor")),
        ("an admin in capitals", claims("ADMIN")),
        ("two roles in one", claims("service,admin")),
    ];
    for (method, path) in guarded_by(Guard::Token, &ground.mine.payment.to_string()) {
        for (caller, token) in &callers {
            let with = format!("{path}?token={}", token_of(&ground.mine.way));
            let request =
                ask(&ground.site, method, &with).bearer(token).header("Cookie", &ground.mine.cookie);
            let answer = request.send().await;
            let what = format!("{method} {path} by {caller}");
            let own_list = (method, path.as_str(), *caller) == ("GET", "/api/v1/payments", "another patient");
            if own_list {
                assert_eq!(answer.json()["data"], serde_json::json!([]), "{what}");
            } else {
                assert!(matches!(answer.status, 403 | 404), "{what}: {} {}", answer.status, answer.text());
            }
            ground.shows_nothing(&answer, &what);
        }
    }
    assert_eq!(everything(&ground.site).await, before);
}

/// Capabilities are for one payment and one purpose; a token opens no page.
#[tokio::test]
async fn no_other_capability_opens_a_page() {
    let ground = ground().await;
    let before = everything(&ground.site).await;
    let (payer, other) = (token_of(&ground.mine.way), token_of(&ground.theirs.way));
    let link = token_of(&ground.invoice_link);
    let (longer, shorter) = (format!("{payer}A"), &payer[1..]);
    let name = format!("sekali_payment_{}", ground.mine.payment);
    let until = link.split_once('.').unwrap();
    let prolonged = format!("9{}.{}", until.0, until.1);
    let nobodys = ground.site.get("/payment/999999/process").send().await;
    for guard in [Guard::Capability, Guard::InvoiceLink] {
        for (method, path) in guarded_by(guard, &ground.mine.payment.to_string()) {
            let ask = |token: &str| ground.site.request(method, &format!("{path}?token={token}"));
            let wrong_purpose = if guard == Guard::Capability { link } else { payer };
            let attempts = [
                ("nothing", ground.site.request(method, &path)),
                ("the payer's token", ask("").bearer(&ground.site.patient(1))),
                ("an admin's token", ask("").bearer(&ground.site.admin())),
                ("another payment's", ask(other)),
                ("another payment's cookie", ask("").header("Cookie", &ground.theirs.cookie)),
                ("another's under this name", ask("").header("Cookie", &format!("{name}={other}"))),
                ("one for another purpose", ask(wrong_purpose)),
                ("one too long", ask(&longer)),
                ("one too short", ask(shorter)),
                ("one with padding", ask(&format!("{payer}%3D"))),
                ("a prolonged link", ask(&prolonged)),
                (
                    "another's session",
                    ground.site.request(method, &format!("{path}?session_id={}", ground.theirs.session)),
                ),
            ];
            for (what, request) in attempts {
                let answer = request.send().await;
                let what = format!("{method} {path} with {what}");
                assert_eq!(answer.status, 403, "{what}: {}", answer.text());
                assert_eq!(answer.text(), nobodys.text(), "{what}: as for a number of nobody's");
                ground.shows_nothing(&answer, &what);
            }
        }
    }
    assert_eq!(everything(&ground.site).await, before);
    // The right ones do open: the attempts above failed for what they are.
    assert_eq!(ground.site.get(&ground.invoice_link).send().await.status, 200);
    assert_eq!(crate::support::stripe::visit(&ground.mine.callback()).await.status, 200);
}

#[tokio::test]
async fn what_is_open_to_all_shows_nothing_of_anybodys() {
    let ground = ground().await;
    let before = everything(&ground.site).await;
    for (method, path) in guarded_by(Guard::Nothing, "1") {
        let answer = ground.site.request(method, &path).send().await;
        let found = if path == "/assets/{*path}" || path.starts_with("/demo/") { 404 } else { 200 };
        if path.starts_with("/console") && answer.status == 404 {
            // Built without its pages: see `console_app`.
            answer.problem(404, "not-found");
            continue;
        }
        assert_eq!(answer.status, found, "{method} {path}");
        let text = String::from_utf8_lossy(&answer.body);
        for word in [INVOICE, &ground.mine.session, token_of(&ground.mine.way), "cs_test_", "eyJ"] {
            assert!(!text.contains(word), "{method} {path}: {word}");
        }
        assert_eq!(answer.header("set-cookie"), None, "{method} {path}");
    }
    for (method, path) in guarded_by(Guard::Signature, "1") {
        let event = r#"{"id":"evt_1","type":"checkout.session.completed","data":{"object":{"id":"x"}}}"#;
        let asked = ground.site.request(method, &path).bearer(&ground.site.admin()).json(event);
        asked.send().await.problem(400, "webhook-rejected");
    }
    assert_eq!(everything(&ground.site).await, before);
}
