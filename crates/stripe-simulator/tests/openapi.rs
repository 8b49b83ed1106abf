//! Every object that the simulator returns, against Stripe's own description of the API version it shows. The
//! description is Stripe's and not part of this project: `STRIPE_OPENAPI` says where it is.

#![allow(clippy::print_stdout, reason = "a check that was left out says so")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Folder, Running, error, id, ok};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_object_is_valid() {
    let Some(checker) = Checker::load() else { return };
    let folder = Folder::new();
    let running = Running::start(folder.storage()).await;
    make_all_kinds(&running).await;
    require_every_state(&running).await;

    let mut count = 0;
    for (path, kind) in [
        ("/v1/checkout/sessions?limit=100&expand[]=data.line_items", "checkout.session"),
        ("/v1/checkout/sessions?limit=100&expand[]=data.payment_intent.latest_charge", "checkout.session"),
        ("/v1/payment_intents?limit=100", "payment_intent"),
        ("/v1/charges?limit=100&expand[]=data.payment_intent&expand[]=data.refunds", "charge"),
        ("/v1/charges?limit=100", "charge"),
        ("/v1/refunds?limit=100", "refund"),
        ("/v1/refunds?limit=100&expand[]=data.charge&expand[]=data.payment_intent", "refund"),
        ("/v1/disputes?limit=100", "dispute"),
        ("/v1/disputes?limit=100&expand[]=data.charge&expand[]=data.payment_intent", "dispute"),
        ("/v1/events?limit=100", "event"),
    ] {
        for object in &every_page(&checker, &running, path).await {
            checker.check_as(kind, object);
            count += 1;
            if kind == "event" {
                let subject = &object["data"]["object"];
                checker.check_as(subject["object"].as_str().unwrap(), subject);
            }
        }
    }
    assert!(count >= 100, "{count} objects");
    check_retrieved(&checker, &running).await;
}

/// All objects of a list, whose pages are checked on the way.
async fn every_page(checker: &Checker, running: &Running, path: &str) -> Vec<Value> {
    let mut objects: Vec<Value> = Vec::new();
    loop {
        let after = objects.last().map(|last| format!("&starting_after={}", id(last))).unwrap_or_default();
        let list = running.get(&format!("{path}{after}")).await;
        checker.check_answer(path.split('?').next().unwrap(), "get", "200", &list);
        objects.extend(list["data"].as_array().unwrap().iter().cloned());
        if list["has_more"] == false {
            return objects;
        }
    }
}

/// Objects in each of their states, and every event.
async fn make_all_kinds(running: &Running) {
    running.new_session().await;
    running.new_session_with(&[("customer_email", "ana@example.com"), ("submit_type", "pay")]).await;
    for card in ["4000002500003155", "4000000000000002", "4000000000000127"] {
        let session = running.new_session_with(&[("locale", "id")]).await;
        running.pay(&session, &json!({"card": card}).to_string()).send().await.unwrap();
    }
    let failed = running.new_session().await;
    let order = r#"{"card": "4000002500003155", "authenticate": false}"#;
    assert_eq!(running.pay(&failed, order).send().await.unwrap().status(), 402);
    running.made(&format!("/v1/checkout/sessions/{}/expire", id(&failed)), &[]).await;
    leave_challenged(running).await;
    make_bank_payments(running).await;
    make_refunds(running).await;
    make_disputes(running).await;
}

async fn leave_challenged(running: &Running) {
    let challenged = running.new_session().await;
    let page = running
        .plain(Method::POST, &format!("/c/pay/{}", id(&challenged)))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(support::encode(&[
            ("email", "ana@example.com"),
            ("cardNumber", "4000002760003184"),
            ("cardExpiry", "12 / 34"),
            ("cardCvc", "123"),
            ("billingName", "Ana Cruz"),
        ]));
    assert_eq!(page.send().await.unwrap().status(), 303);
}

async fn make_bank_payments(running: &Running) {
    let both = [("payment_method_types[]", "card"), ("payment_method_types[1]", "us_bank_account")];
    for outcome in ["succeeded", "failed", ""] {
        let session = running.new_session_with(&both).await;
        ok(running.pay(&session, r#"{"bank_account": "000123456789"}"#).send().await.unwrap()).await;
        if !outcome.is_empty() {
            let path = format!("sessions/{}/bank", id(&session));
            running.steer(&path, &json!({"outcome": outcome})).await;
        }
    }
    let paid = running.get("/v1/charges?limit=100").await["data"].as_array().unwrap().clone();
    let paid = paid.iter().find(|charge| id(charge).starts_with("py_") && charge["paid"] == true).unwrap();
    running.made("/v1/refunds", &[("charge", id(paid)), ("amount", "100")]).await;
}

async fn make_refunds(running: &Running) {
    let charge = running.charged("4000000000007726").await;
    for order in ["cancel", "succeeded", "failed", ""] {
        let params =
            [("charge", id(&charge)), ("amount", "100"), ("metadata[a]", "1"), ("reason", "duplicate")];
        let refund = running.made("/v1/refunds", &params).await;
        match order {
            "" => {}
            "cancel" => {
                running.made(&format!("/v1/refunds/{}/cancel", id(&refund)), &[]).await;
            }
            status => {
                let path = format!("refunds/{}/settle", id(&refund));
                running.steer(&path, &json!({"status": status})).await;
            }
        }
    }
    let whole = running.charged("4242424242424242").await;
    running.made("/v1/refunds", &[("charge", id(&whole))]).await;
}

async fn make_disputes(running: &Running) {
    for (card, orders) in [
        ("4000000000000259", &[][..]),
        ("4000000000000259", &["review"]),
        ("4000000000000259", &["review", "won"]),
        ("4000000000002685", &["lost"]),
        ("4000000000001976", &[]),
        ("4000000000001976", &["review"]),
        ("4000000000001976", &["lost"]),
    ] {
        let charge = running.charged(card).await;
        let dispute = running.get(&format!("/v1/disputes?charge={}", id(&charge))).await["data"][0].clone();
        for order in orders {
            let (path, body) = match *order {
                "review" => ("review", json!({})),
                status => ("close", json!({"status": status})),
            };
            running.steer(&format!("disputes/{}/{path}", id(&dispute)), &body).await;
        }
    }
}

/// What is not there cannot be checked.
async fn require_every_state(running: &Running) {
    let state = running.state().await;
    for (kind, statuses) in [
        ("sessions", &["open", "complete", "expired"][..]),
        (
            "payment_intents",
            &["succeeded", "requires_payment_method", "requires_action", "canceled", "processing"],
        ),
        ("charges", &["succeeded", "failed", "pending"]),
        ("refunds", &["succeeded", "failed", "pending", "canceled"]),
        (
            "disputes",
            &[
                "needs_response",
                "under_review",
                "won",
                "lost",
                "warning_needs_response",
                "warning_under_review",
                "warning_closed",
            ],
        ),
    ] {
        for status in statuses {
            assert!(state[kind][status].is_i64(), "no {kind} is {status}: {}", state[kind]);
        }
    }
    let count: i64 = state["events"].as_object().unwrap().values().filter_map(Value::as_i64).sum();
    assert!(count > 80, "{count} events");
}

/// Every endpoint that shows one object, and the list within one.
async fn check_retrieved(checker: &Checker, running: &Running) {
    for (list, one) in [
        ("/v1/checkout/sessions", "/v1/checkout/sessions/{session}"),
        ("/v1/payment_intents", "/v1/payment_intents/{intent}"),
        ("/v1/charges", "/v1/charges/{charge}"),
        ("/v1/refunds", "/v1/refunds/{refund}"),
        ("/v1/disputes", "/v1/disputes/{dispute}"),
        ("/v1/events", "/v1/events/{id}"),
    ] {
        let newest = running.get(&format!("{list}?limit=1")).await["data"][0].clone();
        let object = running.get(&format!("{list}/{}", id(&newest))).await;
        checker.check_answer(one, "get", "200", &object);
    }
    let session = running.new_session().await;
    let items = running.get(&format!("/v1/checkout/sessions/{}/line_items", id(&session))).await;
    checker.check_answer("/v1/checkout/sessions/{session}/line_items", "get", "200", &items);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_to_a_post_is_valid() {
    let Some(checker) = Checker::load() else { return };
    let folder = Folder::new();
    let running = Running::start(folder.storage()).await;
    let session = running.new_session().await;
    checker.check_answer("/v1/checkout/sessions", "post", "200", &session);
    let expired = running.made(&format!("/v1/checkout/sessions/{}/expire", id(&session)), &[]).await;
    checker.check_answer("/v1/checkout/sessions/{session}/expire", "post", "200", &expired);

    let charge = running.charged("4000000000007726").await;
    let refund = running.made("/v1/refunds", &[("charge", id(&charge))]).await;
    checker.check_answer("/v1/refunds", "post", "200", &refund);
    let changed = running.made(&format!("/v1/refunds/{}", id(&refund)), &[("metadata[a]", "1")]).await;
    checker.check_answer("/v1/refunds/{refund}", "post", "200", &changed);
    let cancelled = running.made(&format!("/v1/refunds/{}/cancel", id(&refund)), &[]).await;
    checker.check_answer("/v1/refunds/{refund}/cancel", "post", "200", &cancelled);

    let intent = charge["payment_intent"].as_str().unwrap();
    let changed = running.made(&format!("/v1/payment_intents/{intent}"), &[("description", "a")]).await;
    checker.check_answer("/v1/payment_intents/{intent}", "post", "200", &changed);
    let cancelled = cancelled_intent(&running).await;
    checker.check_answer("/v1/payment_intents/{intent}/cancel", "post", "200", &cancelled);
}

/// A bank payment that failed leaves an intent that can be cancelled.
async fn cancelled_intent(running: &Running) -> Value {
    let session = running.new_session_with(&[("payment_method_types[]", "us_bank_account")]).await;
    ok(running.pay(&session, r#"{"bank_account": "000111111116"}"#).send().await.unwrap()).await;
    running.advance(60).await;
    let intent = running.session(&session).await["payment_intent"].as_str().unwrap().to_owned();
    running.made(&format!("/v1/payment_intents/{intent}/cancel"), &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_error_is_valid() {
    let Some(checker) = Checker::load() else { return };
    let folder = Folder::new();
    let running = Running::start(folder.storage()).await;
    let mut errors = bad_requests(&running).await;
    errors.extend(faults(&running).await);
    let session = running.new_session().await;
    for order in [r#"{"card":"4000000000000002"}"#, r#"{"card":"4000002500003155","authenticate":false}"#] {
        errors.push(error(running.pay(&session, order).send().await.unwrap()).await);
    }
    for (status, error) in &errors {
        checker.check_answer("/v1/refunds", "post", "default", &json!({"error": error}));
        assert!((400..=500).contains(status));
    }
    assert!(errors.len() >= 25, "{} errors", errors.len());
    let (status, refused) = error(running.plain(Method::GET, "/v1/charges").send().await.unwrap()).await;
    assert_eq!(status, 401);
    checker.check_answer("/v1/charges", "get", "default", &json!({"error": refused}));
}

async fn bad_requests(running: &Running) -> Vec<(u16, Value)> {
    let charge = running.charged("4242424242424242").await;
    let intent = charge["payment_intent"].as_str().unwrap();
    let disputed = running.charged("4000000000000259").await;
    let mut errors = Vec::new();
    for (path, params) in [
        ("/v1/checkout/sessions", &[("x", "1")][..]),
        ("/v1/checkout/sessions", &[("mode", "subscription")]),
        ("/v1/checkout/sessions/cs_nothing/expire", &[]),
        ("/v1/refunds", &[]),
        ("/v1/refunds", &[("charge", "ch_nothing")]),
        ("/v1/refunds", &[("charge", id(&charge)), ("amount", "0")]),
        ("/v1/refunds", &[("charge", id(&charge)), ("amount", "99999999")]),
        ("/v1/refunds", &[("charge", id(&disputed))]),
        ("/v1/refunds", &[("charge", id(&charge)), ("expand[]", "x")]),
        ("/v1/refunds/re_nothing", &[]),
        ("/v1/refunds/re_nothing/cancel", &[]),
        ("/v1/payment_intents/pi_nothing", &[]),
        (&format!("/v1/payment_intents/{intent}/cancel"), &[]),
        (&format!("/v1/payment_intents/{intent}"), &[("amount", "1")]),
        ("/v1/customers", &[]),
    ] {
        errors.push(running.refused(path, params).await);
    }
    running.made("/v1/refunds", &[("charge", id(&charge))]).await;
    errors.push(running.refused("/v1/refunds", &[("charge", id(&charge))]).await);
    for path in ["/v1/charges/ch_x", "/v1/events/evt_x", "/v1/disputes/dp_x", "/v1/charges?limit=0"] {
        errors.push(running.get_error(path).await);
    }
    let keyed = |amount: &'static str| {
        let params = [("charge", id(&disputed)), ("amount", amount)];
        running.post("/v1/refunds", &params).header("Idempotency-Key", "key-1").send()
    };
    errors.push(error(keyed("1").await.unwrap()).await);
    errors.push(error(keyed("2").await.unwrap()).await);
    assert_eq!(errors.last().unwrap().1["type"], "idempotency_error");
    errors
}

async fn faults(running: &Running) -> Vec<(u16, Value)> {
    let mut errors = Vec::new();
    for kind in ["rate_limited", "conflict", "server_error", "server_error_saved", "server_error_after_work"]
    {
        let fault = json!({"kind": kind, "times": 1, "path": "/v1/checkout/sessions", "method": "POST"});
        running.steer("faults", &fault).await;
        errors.push(running.refused("/v1/checkout/sessions", support::SESSION).await);
    }
    errors
}

/// Everything that is described is there, and every filter of a list is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_is_there() {
    let Some(checker) = Checker::load() else { return };
    let folder = Folder::new();
    let running = Running::start(folder.storage()).await;
    let mut count = 0;
    for (path, methods) in checker.description["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let address = path.replace('{', "nothing_").replace('}', "");
            let (_, refused) = answered(&running, &method, &address).await;
            let message = refused["message"].as_str().unwrap_or_default();
            assert!(!message.contains("Unrecognized request URL"), "{method} {path} is missing");
            for parameter in described["parameters"].as_array().into_iter().flatten() {
                if parameter["in"] == "query" {
                    let query = sample(parameter["name"].as_str().unwrap());
                    let (_, refused) = answered(&running, &method, &format!("{address}?{query}")).await;
                    assert_ne!(refused["code"], "parameter_unknown", "{method} {path} {query}");
                }
            }
            count += 1;
        }
    }
    assert!(count >= 20, "{count} endpoints");
}

/// The status, and what is wrong if something is.
async fn answered(running: &Running, method: &Method, address: &str) -> (u16, Value) {
    let response = running.request(method.clone(), address).send().await.unwrap();
    let status = response.status().as_u16();
    let mut body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["error"].take())
}

/// A parameter with a value of its kind.
fn sample(name: &str) -> String {
    match name {
        "expand" | "types" => format!("{name}[]=x"),
        "created" => "created[gte]=1".to_owned(),
        "customer_details" => "customer_details[email]=a@example.com".to_owned(),
        "limit" => "limit=1".to_owned(),
        "delivery_success" => "delivery_success=true".to_owned(),
        other => format!("{other}=x"),
    }
}

/// A check can only be trusted if it finds what is wrong.
#[test]
fn the_checker_finds_mistakes() {
    let description = json!({"components": {"schemas": {"thing": {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "maxLength": 3},
            "state": {"type": "string", "enum": ["on", "off"], "nullable": true},
            "parts": {"type": "array", "items": {"anyOf": [
                {"type": "integer"}, {"$ref": "#/components/schemas/thing"},
            ]}},
            "notes": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }}}});
    let checker = Checker { description };
    let thing = json!({"$ref": "#/components/schemas/thing"});
    for (value, good) in [
        (json!({"id": "a"}), true),
        (json!({"id": "a", "state": null, "parts": [1, {"id": "b"}], "notes": {"x": "y"}}), true),
        (json!({"id": "a", "state": "half"}), false),
        (json!({"id": null}), false),
        (json!({"id": "long"}), false),
        (json!({"state": "on"}), false),
        (json!({"id": "a", "parts": [1.5]}), false),
        (json!({"id": "a", "parts": [{"state": "on"}]}), false),
        (json!({"id": "a", "notes": {"x": 1}}), false),
        (json!({"id": "a", "colour": "blue"}), false),
        (json!([]), false),
    ] {
        assert_eq!(checker.validate(&thing, &value, "thing").is_ok(), good, "{value}");
    }
}

/// As much of OpenAPI 3.0's schemas as Stripe's description uses.
struct Checker {
    description: Value,
}

impl Checker {
    /// None, and a line that says so, where nobody says where the description is.
    fn load() -> Option<Self> {
        let Ok(path) = std::env::var("STRIPE_OPENAPI") else {
            println!(
                "LEFT OUT: set STRIPE_OPENAPI to Stripe's API description to check the simulator's objects"
            );
            return None;
        };
        let description = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Some(Self { description })
    }

    fn check_as(&self, kind: &str, value: &Value) {
        assert_eq!(value["object"], kind);
        let schema = json!({"$ref": format!("#/components/schemas/{kind}")});
        self.validate(&schema, value, kind).unwrap();
    }

    fn check_answer(&self, path: &str, method: &str, status: &str, value: &Value) {
        let answer = &self.description["paths"][path][method]["responses"][status];
        let schema = &answer["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path} {status} is not described");
        self.validate(schema, value, path).unwrap();
    }

    fn validate(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.description.pointer(reference.strip_prefix('#').unwrap());
            return self.validate(target.ok_or(format!("{reference} is not described"))?, value, at);
        }
        if value.is_null() {
            return if schema["nullable"] == true { Ok(()) } else { Err(format!("{at} is null")) };
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let errors: Vec<String> =
                choices.iter().filter_map(|choice| self.validate(choice, value, at).err()).collect();
            let fits = errors.len() < choices.len();
            return if fits { Ok(()) } else { Err(errors.join(" / ")) };
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            return Err(format!("{at} is {value}, which is none of {allowed:?}"));
        }
        match schema["type"].as_str() {
            Some("string") => check_string(schema, value, at),
            Some("integer") => value.is_i64().then_some(()).ok_or(format!("{at} is {value}, no integer")),
            Some("boolean") => value.is_boolean().then_some(()).ok_or(format!("{at} is {value}, no boolean")),
            Some("array") => self.validate_elements(schema, value, at),
            Some("object") => self.validate_fields(schema, value, at),
            other => Err(format!("{at}: the checker does not know the type {other:?}")),
        }
    }

    fn validate_elements(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let elements = value.as_array().ok_or(format!("{at} is {value}, no array"))?;
        for (place, element) in elements.iter().enumerate() {
            self.validate(&schema["items"], element, &format!("{at}[{place}]"))?;
        }
        Ok(())
    }

    fn validate_fields(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let fields = value.as_object().ok_or(format!("{at} is {value}, no object"))?;
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                return Err(format!("{at} has no {name}"));
            }
        }
        for (name, field) in fields {
            let inner = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (known @ Value::Object(_), _) => self.validate(known, field, &inner)?,
                (_, rest @ Value::Object(_)) => self.validate(rest, field, &inner)?,
                // An object of which nothing is described may hold anything: `data.object` of an event.
                _ if schema["properties"].as_object().is_none_or(serde_json::Map::is_empty) => {}
                _ => return Err(format!("{inner} is not described")),
            }
        }
        Ok(())
    }
}

fn check_string(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let text = value.as_str().ok_or(format!("{at} is {value}, no string"))?;
    let longest = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    if text.chars().count() as u64 > longest {
        return Err(format!("{at} is longer than {longest}"));
    }
    Ok(())
}
