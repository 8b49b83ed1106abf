//! Every request that the adapter sends, against Stripe's own description of the pinned version. The description
//! is Stripe's and not part of this project: `STRIPE_OPENAPI` says where it is.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod support;

use sekali_core::domain::Timestamp;
use sekali_core::ports::Gateway;
use sekali_stripe::{STRIPE_VERSION, StripeGateway};
use serde_json::{Value, json};
use std::sync::Arc;
use support::{Server, answer, draft, gateway_with, list, object, ok, refund_draft};
use uuid::Uuid;

const KEY: Uuid = Uuid::from_u128(9);
const SINCE: Timestamp = Timestamp::from_seconds(1_705_314_600);

#[tokio::test]
async fn every_request_is_one_of_stripes_own() {
    let Ok(path) = std::env::var("STRIPE_OPENAPI") else {
        println!("left out: STRIPE_OPENAPI names no copy of Stripe's OpenAPI description");
        return;
    };
    let description: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(description["info"]["version"], STRIPE_VERSION);
    let description = Description(description);
    let answers = (0..16).map(|_| answer(402, "", r#"{"error":{"message":"No."}}"#));
    // The second page of a payment intent's refunds is only asked for after a first one.
    let answers = answers.chain([ok(&list(&[object("refund", "re_1")], true)), answer(402, "", "{}")]);
    let mut server = Server::answering(answers.collect()).await;
    let gateway = gateway_with(&server.base, Arc::default(), &["card", "promptpay", "us_bank_account"]);
    ask_for_everything(&gateway).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 18);
    for request in &seen {
        description.check(request).unwrap();
    }
}

/// Each call of the port's; those that list, on their first page and on a further one.
async fn ask_for_everything(gateway: &StripeGateway) {
    let request = gateway.encode(&draft(500_000, "PHP"));
    gateway.create_session(KEY, &request).await.unwrap_err();
    gateway.expire_session(KEY, "cs_1").await.unwrap_err();
    gateway.session("cs_1").await.unwrap_err();
    gateway.session_of_intent("pi_1").await.unwrap_err();
    gateway.intent("pi_1").await.unwrap_err();
    gateway.charge("ch_1").await.unwrap_err();
    let request = gateway.encode_refund(&refund_draft(250_000, "PHP"));
    gateway.create_refund(KEY, &request).await.unwrap_err();
    gateway.refund("re_1").await.unwrap_err();
    gateway.dispute("dp_1").await.unwrap_err();
    for after in [None, Some("x_1")] {
        gateway.sessions_since(SINCE, after).await.unwrap_err();
        gateway.charges_since(SINCE, after).await.unwrap_err();
        gateway.disputes_since(SINCE, after).await.unwrap_err();
    }
    gateway.refunds_since(SINCE, Some("x_1")).await.unwrap_err();
    gateway.refunds_of("pi_1").await.unwrap_err();
}

/// A check can only be trusted if it finds what is wrong.
#[test]
fn the_check_finds_mistakes() {
    let expandable = json!({"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/other"}]});
    let thing = json!({"type": "object", "properties": {"other": expandable, "name": {"type": "string"}}});
    let things =
        json!({"properties": {"data": {"type": "array", "items": {"$ref": "#/components/schemas/thing"}}}});
    let answers = |schema: &Value| json!({"200": {"content": {"application/json": {"schema": schema}}}});
    let range = json!({"anyOf": [{"properties": {"gte": {"type": "integer"}}}, {"type": "integer"}]});
    let expand = json!({"items": {"type": "string"}, "type": "array"});
    let body = json!({"properties": {
        "count": {"type": "integer"},
        "word": {"type": "string", "enum": ["on", "off"]},
        "short": {"type": "string", "maxLength": 3},
        "metadata": {"anyOf": [{"additionalProperties": {"type": "string"}}, {"enum": [""], "type": "string"}]},
        "parts": {"type": "array", "items": {"properties": {"name": {"type": "string"}}}},
    }, "required": ["word"]});
    let description = Description(json!({
        "components": {"schemas": {"thing": thing, "other": {"type": "object"}}},
        "paths": {"/v1/things": {
            "get": {"responses": answers(&things), "parameters": [
                {"in": "query", "name": "created", "schema": range},
                {"in": "query", "name": "expand", "schema": expand},
            ]},
            "post": {"responses": answers(&thing), "requestBody":
                {"content": {"application/x-www-form-urlencoded": {"schema": body}}}},
        }, "/v1/things/{thing}": {"get": {"responses": answers(&thing), "parameters": [
            {"in": "path", "name": "thing", "schema": {"type": "string"}},
            {"in": "query", "name": "expand", "schema": expand},
        ]}}},
    }));
    for (good, line, body) in [
        (true, "GET /v1/things?created[gte]=5", ""),
        (true, "GET /v1/things?created=5&expand[]=data.other", ""),
        (true, "GET /v1/things/x_1?expand[]=other", ""),
        (true, "POST /v1/things", "word=on&count=5&parts[0][name]=x&metadata[anything]=x&short=abc"),
        (false, "GET /v1/things?created[since]=5", ""),
        (false, "GET /v1/things?created[gte]=now", ""),
        (false, "GET /v1/things?limit=5", ""),
        (false, "GET /v1/things?expand[]=other", ""),
        (false, "GET /v1/things?expand[]=data.name", ""),
        (false, "GET /v1/things/x_1?thing=x_1", ""),
        (false, "GET /v1/nothing", ""),
        (false, "PUT /v1/things", "word=on"),
        (false, "POST /v1/things", ""),
        (false, "POST /v1/things", "word=half"),
        (false, "POST /v1/things", "word=on&count=many"),
        (false, "POST /v1/things", "word=on&short=abcd"),
        (false, "POST /v1/things", "word=on&parts[0][colour]=x"),
        (false, "POST /v1/things", "word=on&colour=x"),
        (false, "POST /v1/things?word=on", "word=on"),
    ] {
        let request = format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n{body}");
        let outcome = description.check(&request);
        assert_eq!(outcome.is_ok(), good, "{line} {body}: {outcome:?}");
    }
}

/// As much of OpenAPI 3.0 as Stripe's description uses for requests.
struct Description(Value);

impl Description {
    /// Checks a request as it came over the network.
    fn check(&self, request: &str) -> Result<(), String> {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut line = head.split(' ');
        let (method, address) = (line.next().unwrap().to_lowercase(), line.next().unwrap());
        let address = address.strip_prefix("/stripe-simulator").unwrap_or(address);
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let operation = self.operation(&method, path).ok_or(format!("{method} {path} is not described"))?;
        self.check_parameters(operation, &query_schema(operation), query)?;
        let form = "/requestBody/content/application~1x-www-form-urlencoded/schema";
        let nothing = json!({"properties": {}});
        self.check_parameters(operation, operation.pointer(form).unwrap_or(&nothing), body)
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let fits = |template: &str| {
            let parts = || template.split('/').zip(path.split('/'));
            template.split('/').count() == path.split('/').count()
                && parts().all(|(known, part)| known == part || known.starts_with('{'))
        };
        let (_, operations) = self.0["paths"].as_object()?.iter().find(|(template, _)| fits(template))?;
        operations.get(method)
    }

    fn check_parameters(&self, operation: &Value, schema: &Value, form: &str) -> Result<(), String> {
        let parameters: Vec<_> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        for (name, value) in &parameters {
            let described = schema_of(schema, name).ok_or(format!("{name} is no parameter"))?;
            if !described.iter().any(|schema| accepts(schema, value)) {
                return Err(format!("{name}={value} is not what {described:?} says"));
            }
            if name == "expand[]" {
                let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
                self.check_expandable(answer, value)?;
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            if !parameters.iter().any(|(given, _)| given.split('[').next() == Some(name)) {
                return Err(format!("{name} is missing"));
            }
        }
        Ok(())
    }

    /// Whether the answer has a field at this path that is an id or, if one asks, the object itself.
    fn check_expandable(&self, answer: &Value, path: &str) -> Result<(), String> {
        let field = path.split('.').try_fold(self.resolved(answer), |schema, part| {
            let field = self.resolved(&schema["properties"][part]);
            (!field.is_null()).then(|| field.get("items").map_or(field, |items| self.resolved(items)))
        });
        let options = field.and_then(|field| field["anyOf"].as_array());
        let whole = options.is_some_and(|options| options.iter().any(|option| option["$ref"].is_string()));
        if whole { Ok(()) } else { Err(format!("{path} cannot be expanded")) }
    }

    fn resolved<'d>(&'d self, schema: &'d Value) -> &'d Value {
        let target = schema["$ref"].as_str().and_then(|reference| self.0.pointer(&reference[1..]));
        target.unwrap_or(schema)
    }
}

/// The parameters of an address, as the fields of one object.
fn query_schema(operation: &Value) -> Value {
    let mut schema = json!({"properties": {}});
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        if parameter["in"] == "query" {
            schema["properties"][parameter["name"].as_str().unwrap()] = parameter["schema"].clone();
        }
    }
    schema
}

/// Follows `a[0][b]` and `a[]` down a schema, to what the value may be.
fn schema_of<'s>(root: &'s Value, name: &str) -> Option<Vec<&'s Value>> {
    let plain = name.replace(']', "");
    let found = plain.split('[').try_fold(root, |schema, part| {
        options(schema).into_iter().find_map(|schema| {
            if part.is_empty() || part.parse::<u32>().is_ok() {
                return schema.get("items");
            }
            let named = schema.get("properties").and_then(|properties| properties.get(part));
            named.or_else(|| schema.get("additionalProperties").filter(|schema| schema.is_object()))
        })
    });
    found.map(options)
}

fn options(schema: &Value) -> Vec<&Value> {
    schema.get("anyOf").and_then(Value::as_array).map_or(vec![schema], |any| any.iter().collect())
}

fn accepts(schema: &Value, value: &str) -> bool {
    let of_type = match schema["type"].as_str() {
        Some("integer") => value.parse::<i64>().is_ok(),
        Some("string") => true,
        _ => false,
    };
    let words = schema["enum"].as_array();
    let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    of_type
        && words.is_none_or(|words| words.contains(&Value::from(value)))
        && value.chars().count() as u64 <= most
}
