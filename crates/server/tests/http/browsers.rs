//! Pages of other origins (contract, part 10: CORS from configuration).

use crate::support::client::Answer;
use crate::support::{Backend, Site};

const PATH: &str = "/api/v1/payments";

async fn preflight(site: &Site, origin: &str) -> Answer {
    site.request("OPTIONS", PATH)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,content-type,x-idempotency-key")
        .send()
        .await
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn no_origin_may_by_default() {
    let site = Site::new().await;
    let answer = preflight(&site, "https://app.example.org").await;
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{answer:?}");
    let plain =
        site.get(PATH).header("Origin", "https://app.example.org").bearer(&site.patient(1)).send().await;
    assert_eq!((plain.status, allowed(&plain)), (200, None));
}

#[tokio::test]
async fn those_that_are_configured_may() {
    let origins = "https://app.example.org,http://localhost:5173";
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_CORS_ORIGINS", origins)]).await;
    for origin in ["https://app.example.org", "http://localhost:5173"] {
        let answer = preflight(&site, origin).await;
        assert_eq!((answer.status, allowed(&answer)), (200, Some(origin)));
        let list = |name: &str| answer.header(name).unwrap().to_ascii_lowercase();
        for method in ["get", "post", "put"] {
            assert!(list("access-control-allow-methods").contains(method));
        }
        for header in
            ["authorization", "content-type", "x-idempotency-key", "idempotency-key", "accept-language"]
        {
            assert!(list("access-control-allow-headers").contains(header), "{header}");
        }
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        // Errors as well, or the page could not read them.
        for answer in [
            site.get(PATH).header("Origin", origin).bearer(&site.patient(1)).send().await,
            site.get(PATH).header("Origin", origin).send().await,
        ] {
            assert_eq!(allowed(&answer), Some(origin), "{}", answer.status);
            let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
            assert!(exposed.contains("x-ratelimit-remaining") && exposed.contains("retry-after"));
        }
    }
    for origin in
        ["https://evil.example.org", "null", "http://app.example.org", "https://app.example.org.evil.org"]
    {
        assert_eq!(allowed(&preflight(&site, origin).await), None, "{origin}");
        let answer = site.get(PATH).header("Origin", origin).bearer(&site.patient(1)).send().await;
        assert_eq!(allowed(&answer), None, "{origin}");
    }
}
