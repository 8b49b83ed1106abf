//! Who is believed (contract, parts 1 and 3).

use crate::support::client::Request;
use crate::support::tokens::{HS256, golden, sign, with_claims};
use crate::support::{Backend, JWT_SECRET, Site, body};

const RIGHT: &str = r#"{"sub":1,"exp":1705318200}"#;

fn press(site: &Site) -> Request {
    site.post("/api/v1/payments").header("X-Idempotency-Key", "k").json(body(5, "5000.00"))
}

/// Headers `Authorization` that open nothing.
fn refused() -> Vec<(&'static str, Vec<String>)> {
    let bearer = |token: String| vec![format!("Bearer {token}")];
    let claims = |text: &str| bearer(with_claims(text));
    let header = |text: &str| bearer(sign(text, RIGHT, JWT_SECRET));
    let good = with_claims(RIGHT);
    let parts: Vec<_> = good.split('.').collect();
    vec![
        ("no header", vec![]),
        ("nothing in it", vec![String::new()]),
        ("no token", vec!["Bearer".into()]),
        ("an empty token", vec!["Bearer ".into()]),
        ("another scheme", vec![format!("Basic {good}")]),
        ("no scheme", vec![good.clone()]),
        ("two headers", vec![format!("Bearer {good}"), format!("Bearer {good}")]),
        ("another secret", bearer(sign(HS256, RIGHT, "another secret of more than 32 bytes"))),
        ("no signature", bearer(format!("{}.{}.", parts[0], parts[1]))),
        ("two parts", bearer(format!("{}.{}", parts[0], parts[1]))),
        ("four parts", bearer(format!("{good}.x"))),
        ("other claims under the signature", bearer(format!("{}.eyJzdWIiOjJ9.{}", parts[0], parts[2]))),
        ("no base64", bearer("a.b!.c".into())),
        ("very long", bearer(format!("{good}{}", "A".repeat(9000)))),
        ("expired a minute ago", claims(r#"{"sub":1,"exp":1705314540}"#)),
        ("expired this second", claims(r#"{"sub":1,"exp":1705314600}"#)),
        ("not yet valid", claims(r#"{"sub":1,"exp":1705318200,"nbf":1705314601}"#)),
        ("no exp", claims(r#"{"sub":1}"#)),
        ("exp as text", claims(r#"{"sub":1,"exp":"1705318200"}"#)),
        ("no sub", claims(r#"{"exp":1705318200}"#)),
        ("an empty sub", claims(r#"{"sub":"","exp":1705318200}"#)),
        ("sub no number", claims(r#"{"sub":"alice","exp":1705318200}"#)),
        ("sub with a fraction", claims(r#"{"sub":1.5,"exp":1705318200}"#)),
        ("a negative sub", claims(r#"{"sub":-1,"exp":1705318200}"#)),
        ("sub zero", claims(r#"{"sub":0,"exp":1705318200}"#)),
        ("sub twice", claims(r#"{"sub":2,"sub":1,"exp":1705318200}"#)),
        ("no object", claims("[]")),
        ("alg none", header(r#"{"alg":"none"}"#)),
        ("alg none without signature", bearer(format!("eyJhbGciOiJub25lIn0.{}.", parts[1]))),
        ("alg HS512", header(r#"{"alg":"HS512","typ":"JWT"}"#)),
        ("alg RS256", header(r#"{"alg":"RS256","typ":"JWT"}"#)),
        ("no alg", header(r#"{"typ":"JWT"}"#)),
        ("a critical extension", header(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#)),
    ]
}

#[tokio::test]
async fn every_other_token_is_401() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    assert_eq!(golden(), 1_705_314_600, "the claims above are read at this moment");
    for (what, headers) in refused() {
        let request =
            headers.iter().fold(press(&site), |request, value| request.header("Authorization", value));
        let answer = request.send().await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        answer.problem(401, "unauthorized");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{what}");
        assert_eq!(answer.header("x-ratelimit-limit"), None, "{what}: nobody is authenticated");
    }
    assert_eq!(site.count("payments").await, 0);
    for (method, path) in
        [("GET", "/api/v1/payments"), ("GET", "/api/v1/payments/1"), ("PUT", "/api/v1/consultations/5")]
    {
        site.request(method, path).json("{}").send().await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_proper_token_is_believed() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let claims = [
        r#"{"sub":1,"exp":1705318200}"#,
        r#"{"sub":"1","exp":1705318200}"#,
        r#"{"sub":1,"exp":1705314601}"#,
        r#"{"sub":1,"exp":1705314600.5}"#,
        r#"{"sub":1,"exp":1705318200,"nbf":1705314600,"iat":1705314600,"role":"patient"}"#,
        r#"{"sub":1,"exp":1705318200,"iss":"anybody","aud":["anything"],"jti":"x"}"#,
    ];
    let mut statuses = Vec::new();
    for text in claims {
        statuses.push(press(&site).bearer(&with_claims(text)).send().await.status);
    }
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    let lower = press(&site).header("Authorization", &format!("bearer {}", with_claims(RIGHT)));
    assert_eq!(lower.send().await.status, 409, "the scheme's case does not matter (RFC 9110, part 11.1)");
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let token = site.patient(1);
    assert_eq!(press(&site).bearer(&token).send().await.status, 201);
    site.clock.advance(std::time::Duration::from_secs(3600));
    press(&site).bearer(&token).send().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn issuer_and_audience_where_they_are_configured() {
    let more = [("SEKALI_JWT_ISSUER", "app"), ("SEKALI_JWT_AUDIENCE", "pay")];
    let site = Site::with(Backend::SqliteMemory, &more).await;
    let list = |claims: &str| site.get("/api/v1/payments").bearer(&with_claims(claims)).send();
    assert_eq!(list(r#"{"sub":1,"exp":1705318200,"iss":"app","aud":"pay"}"#).await.status, 200);
    for claims in [
        RIGHT,
        r#"{"sub":1,"exp":1705318200,"iss":"app"}"#,
        r#"{"sub":1,"exp":1705318200,"iss":"other","aud":"pay"}"#,
        r#"{"sub":1,"exp":1705318200,"iss":"app","aud":["x"]}"#,
    ] {
        list(claims).await.problem(401, "unauthorized");
    }
}
