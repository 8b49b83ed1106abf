//! Too much of everything: it is refused, at once, and the service goes on.

use crate::support::client::{Answer, Request, raw};
use crate::support::{Site, body};

fn press(site: &Site) -> Request {
    site.pay(1).header("X-Idempotency-Key", "k")
}

/// `{"a":{"a":…}}`, so deep.
fn deep(levels: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

fn many_members(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|number| format!("\"m{number}\":1")).collect();
    format!("{{{}}}", members.join(","))
}

async fn refused(what: &str, request: Request, statuses: &[u16]) -> Answer {
    let answer = request.send().await;
    assert!(statuses.contains(&answer.status), "{what}: {} {:.300}", answer.status, answer.text());
    answer
}

#[tokio::test]
async fn heads() {
    let site = Site::new().await;
    let long = "a".repeat(70_000);
    refused("a long path", site.get(&format!("/{long}")), &[414, 431]).await;
    refused("a long query", site.get(&format!("/payment/1/process?token={long}")), &[414, 431]).await;
    refused("a long header", site.get("/healthz").header("X-Long", &long), &[431]).await;
    refused("a long cookie", site.get("/payment/1/process").header("Cookie", &format!("a={long}")), &[431])
        .await;
    refused("a long token", site.get("/api/v1/payments").bearer(&long), &[431]).await;
    let many =
        (0..200).fold(site.get("/healthz"), |request, number| request.header(&format!("X-{number}"), "1"));
    refused("200 headers", many, &[431]).await;
    let method = format!("{} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "A".repeat(40_000));
    let long_method = raw(site.address, method.as_bytes()).await;
    assert!(matches!(long_method.status, 400 | 405 | 431), "{}", long_method.status);
    // What fits is served: tokens and cookies may be long, and many.
    let cookies = (0..50).map(|number| format!("c{number}=x")).collect::<Vec<_>>().join("; ");
    assert_eq!(
        site.get("/healthz").header("Cookie", &cookies).header("X-Long", &long[..8000]).send().await.status,
        200
    );
}

#[tokio::test]
async fn bodies() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    for levels in [127, 128, 129, 2_000] {
        let statuses: &[u16] = if levels < 128 { &[422] } else { &[400, 422] };
        refused(&format!("{levels} levels"), press(&site).json(deep(levels)), statuses).await;
    }
    refused("10,000 lists", press(&site).json("[".repeat(10_000)), &[400]).await;
    refused("1,500 members", press(&site).json(many_members(1_500)), &[422]).await;
    refused("a long name", press(&site).json(format!("{{\"{}\":1}}", "n".repeat(15_000))), &[422]).await;
    let digits = "9".repeat(15_000);
    for number in [
        digits.clone(),
        format!("-{digits}"),
        format!("0.{digits}"),
        format!("1e{digits}"),
        format!("\"{digits}\""),
    ] {
        let what = format!("{number:.10}… as amount");
        refused(&what, press(&site).json(body(5, &number)), &[422]).await;
        let id = body(5, "5000").replace(":5,", &format!(":{number},"));
        refused(&format!("{number:.10}… as consultation"), press(&site).json(id), &[422]).await;
    }
    let key = "k".repeat(10_000);
    refused("a long key", site.pay(1).header("X-Idempotency-Key", &key).json(body(5, "5000")), &[400]).await;
    let in_body = body(5, "5000").replace('}', &format!(",\"idempotency_key\":\"{key}\"}}"));
    refused("a long key in the body", site.pay(1).json(in_body), &[400]).await;
    let doubled = body(5, "5000").replace('}', ",\"x\":1,\"x\":2}");
    refused("a member twice, of no meaning", press(&site).json(doubled), &[400]).await;
    assert_eq!(site.count("payments").await, 0);
    assert_eq!(press(&site).json(body(5, "5000")).send().await.status, 201, "it goes on");
}

/// Numbers in addresses and queries, beyond what any of them can be.
#[tokio::test]
async fn numbers() {
    let site = Site::new().await;
    let token = site.patient(1);
    for number in [
        "9223372036854775808",
        "-9223372036854775809",
        "1e9",
        "0x1",
        "١",
        "%31%00",
        "1%20",
        "%2B1",
        "NaN",
        "1/../2",
    ] {
        let path = format!("/api/v1/payments/{number}");
        refused(&path, site.get(&path).bearer(&token), &[400, 404]).await;
        for query in ["consultation_id", "limit", "cursor"] {
            let path = format!("/api/v1/payments?{query}={number}");
            refused(&path, site.get(&path).bearer(&token), &[400]).await;
        }
    }
    refused("twice", site.get("/api/v1/payments?limit=1&limit=2").bearer(&token), &[400]).await;
}
