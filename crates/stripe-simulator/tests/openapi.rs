//! Every object that the simulator returns, against Stripe's own description of the API version it shows. The
//! description is Stripe's and not part of this project: `STRIPE_OPENAPI` says where it is.

#![allow(clippy::print_stdout, reason = "a check that was left out says so")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Folder, Running, error, ok};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_object_is_valid() {
    let Ok(path) = std::env::var("STRIPE_OPENAPI") else {
        println!("LEFT OUT: set STRIPE_OPENAPI to Stripe's API description to check the simulator's objects");
        return;
    };
    let description: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let checker = Checker { description };
    let folder = Folder::new();
    let running = Running::start(folder.storage()).await;
    make_one_of_each_kind(&running).await;

    let mut count = 0;
    for (path, kind) in [
        ("/v1/checkout/sessions?limit=100&expand[]=data.line_items", "checkout.session"),
        ("/v1/checkout/sessions?limit=100&expand[]=data.payment_intent.latest_charge", "checkout.session"),
        ("/v1/payment_intents?limit=100", "payment_intent"),
        ("/v1/charges?limit=100&expand[]=data.payment_intent", "charge"),
        ("/v1/events?limit=100", "event"),
    ] {
        let list = running.get(path).await;
        let endpoint = path.split('?').next().unwrap();
        checker.check_answer(endpoint, "get", "200", &list);
        for object in list["data"].as_array().unwrap() {
            checker.check_as(kind, object);
            count += 1;
            if kind == "event" {
                let subject = &object["data"]["object"];
                checker.check_as(subject["object"].as_str().unwrap(), subject);
            }
        }
    }
    assert!(count >= 25, "{count} objects");
    check_single_answers(&checker, &running).await;
}

/// Sessions, intents and charges in each of their states.
async fn make_one_of_each_kind(running: &Running) {
    running.new_session().await;
    running.new_session_with(&[("customer_email", "ana@example.com"), ("submit_type", "pay")]).await;
    for card in ["4242424242424242", "4000002500003155", "4000000000000002", "4000000000000127"] {
        let session = running.new_session_with(&[("locale", "id")]).await;
        running.pay(&session, &json!({"card": card}).to_string()).send().await.unwrap();
    }
    let failed = running.new_session().await;
    let order = r#"{"card": "4000002500003155", "authenticate": false}"#;
    assert_eq!(running.pay(&failed, order).send().await.unwrap().status(), 402);
    let path = format!("/v1/checkout/sessions/{}/expire", failed["id"].as_str().unwrap());
    ok(running.post(&path, &[]).send().await.unwrap()).await;

    let challenged = running.new_session().await;
    let page = running
        .plain(Method::POST, &format!("/c/pay/{}", challenged["id"].as_str().unwrap()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(support::encode(&[
            ("email", "ana@example.com"),
            ("cardNumber", "4000002760003184"),
            ("cardExpiry", "12 / 34"),
            ("cardCvc", "123"),
            ("billingName", "Ana Cruz"),
        ]));
    assert_eq!(page.send().await.unwrap().status(), 303);
    let statuses: Vec<String> = running.get("/v1/payment_intents?limit=100").await["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|intent| intent["status"].as_str().unwrap().to_owned())
        .collect();
    for status in ["succeeded", "requires_payment_method", "requires_action", "canceled"] {
        assert!(statuses.iter().any(|other| other == status), "{status}");
    }
}

async fn check_single_answers(checker: &Checker, running: &Running) {
    let session = running.new_session().await;
    checker.check_answer("/v1/checkout/sessions", "post", "200", &session);
    let id = session["id"].as_str().unwrap();
    let items = running.get(&format!("/v1/checkout/sessions/{id}/line_items")).await;
    checker.check_answer("/v1/checkout/sessions/{session}/line_items", "get", "200", &items);
    let wrong = error(running.post("/v1/checkout/sessions", &[("x", "1")]).send().await.unwrap()).await;
    let declined = running.pay(&session, r#"{"card":"4000000000000002"}"#).send().await.unwrap();
    for (_, error) in [wrong, error(declined).await, running.get_error("/v1/charges/ch_nothing").await] {
        checker.check_answer("/v1/checkout/sessions", "post", "default", &json!({"error": error}));
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
