//! For machines: probes, metrics, the API's description (contract, part 10; issue 3, parts 3 and 6).

use crate::support::client::{Request, split};
use crate::support::{Backend, Site, body};
use serde_json::Value;

#[tokio::test]
async fn probes() {
    let site = Site::new().await;
    assert_eq!(site.get("/healthz").send().await.status, 200);
    assert_eq!(site.get("/readyz").send().await.status, 200);
    // A table that is gone is no database to take payments with.
    site.database.execute("ALTER TABLE sekali_migrations RENAME TO elsewhere").await.unwrap();
    site.get("/readyz").send().await.problem(503, "database-unavailable");
    Request::new(site.address, "POST", "/healthz").send().await.problem(405, "method-not-allowed");
    assert_eq!(site.get("/healthz").send().await.status, 200);
}

/// The value of the first series whose name and labels begin so.
fn series(text: &str, begins: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(begins));
    let line = line.unwrap_or_else(|| panic!("no series {begins} in\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let site = Site::new().await;
    site.pesos(5, 1).await;
    let (payment, first) = site.paid_for(1, 5, "k").await;
    site.press(1, 5, "k").await.duplicate_of(payment, "pending");
    site.press(1, 5, "l").await.duplicate_of(payment, "pending");
    site.pay(1)
        .header("X-Idempotency-Key", "m")
        .json(body(404, "5000"))
        .send()
        .await
        .problem(404, "consultation-not-found");
    let stripe = site.process(first.json()["data"]["checkout_url"].as_str().unwrap()).await;
    site.pay_with_card(&stripe, "4242424242424242").await;
    site.until_status(payment, "completed").await;

    let answer = site.get("/metrics").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    // Other tests of this process count into the same recorder: at least.
    for (begins, least) in [
        ("sekali_payments_total{outcome=\"created\"}", 1.0),
        ("sekali_payments_total{outcome=\"completed\"}", 1.0),
        ("sekali_payments_total{outcome=\"refused\"}", 1.0),
        ("sekali_duplicates_total{caught=\"cache\"}", 1.0),
        ("sekali_duplicates_total{caught=\"database\"}", 1.0),
        ("sekali_cache_lookups_total{result=\"hit\"}", 1.0),
        ("sekali_cache_lookups_total{result=\"miss\"}", 2.0),
        ("sekali_webhooks_total{new=\"yes\"}", 1.0),
        ("sekali_http_requests_total{status=\"201\"}", 1.0),
        ("sekali_http_request_duration_seconds_count", 5.0),
    ] {
        assert!(series(text, begins) >= least, "{begins}");
    }
    for step in ["idempotency", "lock", "transaction", "cache", "unlock", "settle"] {
        let begins = format!("sekali_step_duration_seconds_bucket{{step=\"{step}\",le=\"+Inf\"}}");
        assert!(series(text, &begins) >= 1.0);
    }
    assert!(text.lines().filter(|line| line.starts_with("# TYPE")).count() >= 6);
}

#[tokio::test]
async fn metrics_on_an_address_of_their_own() {
    let port = sekali_test_support::free_port();
    let address = format!("127.0.0.1:{port}");
    let site = Site::with(Backend::SqliteMemory, &[("SEKALI_METRICS_LISTEN", &address)]).await;
    site.get("/metrics").send().await.problem(404, "not-found");
    let (own, _) = split(&format!("http://{address}/"));
    let answer = crate::support::client::Request::new(own, "GET", "/metrics").send().await;
    assert_eq!(answer.status, 200);
    let api = crate::support::client::Request::new(own, "GET", "/api/v1/payments").send().await;
    assert_eq!(api.status, 404, "nothing else is there");
}

const ROUTES: &[(&str, &str)] = &[
    ("/api/v1/payments", "post"),
    ("/api/v1/payments", "get"),
    ("/api/v1/payments/{id}", "get"),
    ("/api/v1/payments/{id}/cancel", "post"),
    ("/api/v1/payments/{id}/refunds", "get"),
    ("/api/v1/payments/{id}/refunds", "post"),
    ("/api/v1/payments/{id}/timeline", "get"),
    ("/api/v1/payments/{id}/invoice", "get"),
    ("/api/v1/payments/{id}/invoice.pdf", "get"),
    ("/api/v1/cases", "get"),
    ("/api/v1/consultations/{id}", "put"),
];

async fn document(site: &Site) -> Value {
    let answer = site.get("/openapi.json").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

#[tokio::test]
async fn the_description_is_openapi_and_lists_every_route() {
    let site = Site::new().await;
    let document = document(&site).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    assert_refs_lead_somewhere(&document, &document);
    let paths = document["paths"].as_object().unwrap();
    let mut described: Vec<(&str, &str)> = Vec::new();
    for (path, item) in paths {
        described.extend(item.as_object().unwrap().keys().map(|method| (path.as_str(), method.as_str())));
    }
    let mut routes = ROUTES.to_vec();
    routes.sort_unstable();
    described.sort_unstable();
    assert_eq!(described, routes);
    for (path, method) in ROUTES {
        let operation = &document["paths"][path][method];
        assert_eq!(operation["security"], serde_json::json!([{ "bearer": [] }]), "{method} {path}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["description"].is_string(), "{method} {path} {status}");
        }
        let named = path.contains("{id}");
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_path: Vec<_> = parameters.filter(|parameter| parameter["in"] == "path").collect();
        assert_eq!(in_path.len(), usize::from(named), "{method} {path}");
        assert!(in_path.iter().all(|parameter| parameter["required"] == true));
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

/// Every `$ref` within the document names something in it.
fn assert_refs_lead_somewhere(node: &Value, document: &Value) {
    match node {
        Value::Object(members) => {
            if let Some(target) = members.get("$ref") {
                let pointer = target.as_str().unwrap().strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{target}");
            }
            members.values().for_each(|member| assert_refs_lead_somewhere(member, document));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_refs_lead_somewhere(item, document)),
        _ => {}
    }
}

/// Every status that the contract's tables name is described where it can come.
#[tokio::test]
async fn the_description_lists_every_status() {
    let site = Site::new().await;
    let document = document(&site).await;
    let always = ["401", "429", "503"];
    for (path, method, own) in [
        ("/api/v1/payments", "post", &["201", "400", "403", "404", "409", "413", "415", "422"][..]),
        ("/api/v1/payments", "get", &["200", "400", "403"]),
        ("/api/v1/payments/{id}", "get", &["200", "404"]),
        ("/api/v1/payments/{id}/cancel", "post", &["200", "202", "403", "404", "409"]),
        (
            "/api/v1/payments/{id}/refunds",
            "post",
            &["200", "201", "202", "400", "403", "404", "409", "413", "415", "422"],
        ),
        ("/api/v1/payments/{id}/refunds", "get", &["200", "404"]),
        ("/api/v1/payments/{id}/timeline", "get", &["200", "400", "404"]),
        ("/api/v1/cases", "get", &["200", "400", "403"]),
        (
            "/api/v1/consultations/{id}",
            "put",
            &["200", "201", "400", "403", "404", "409", "413", "415", "422"],
        ),
    ] {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        for status in own.iter().chain(&always) {
            assert!(responses.contains_key(*status), "{method} {path} {status}");
            let content = responses[*status]["content"].as_object().unwrap();
            let expected = if *status < "300" { "application/json" } else { "application/problem+json" };
            assert!(content.contains_key(expected), "{method} {path} {status}");
        }
    }
    let conflict = &document["paths"]["/api/v1/payments"]["post"]["responses"]["409"]["content"];
    assert!(conflict["application/json"]["schema"]["$ref"].as_str().unwrap().ends_with("/DuplicateView"));
}

/// What a client is generated from says what is refused: each limit of the code stands in the schema.
#[tokio::test]
async fn the_description_says_what_is_taken() {
    let site = Site::new().await;
    let document = document(&site).await;
    let schema = |name: &str| &document["components"]["schemas"][name];
    let refund = schema("RefundRequest");
    assert_eq!(refund["additionalProperties"], false, "a misspelt member is refused");
    assert_eq!(refund.get("required"), None, "every member may be left out");
    let amount = &schema("DecimalAmount")["oneOf"];
    assert_eq!((&amount[0]["type"], &amount[1]["type"]), (&"string".into(), &"number".into()));
    assert_eq!(schema("Method")["enum"], serde_json::json!(["stripe"]));
    assert_eq!((&schema("Key")["minLength"], &schema("Key")["maxLength"]), (&1.into(), &255.into()));
    for path in ["/api/v1/payments/{id}/invoice", "/api/v1/payments/{id}/invoice.pdf"] {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/pdf"];
        let pdf = schema(content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap());
        assert_eq!(
            (&pdf["type"], &pdf["format"]),
            (&"string".into(), &"binary".into()),
            "{path}: no list of numbers"
        );
    }
    let answers = &document["paths"]["/api/v1/payments"]["get"]["responses"];
    assert!(answers["429"]["headers"]["Retry-After"].is_object());
    assert!(answers["401"]["headers"]["WWW-Authenticate"].is_object());
    assert!(answers["200"]["headers"]["X-RateLimit-Remaining"].is_object());
    assert_eq!(
        answers["401"]["headers"].get("X-RateLimit-Limit"),
        None,
        "nobody is counted before it is known who"
    );
}
