//! A value as a schema describes it, from the examples in it.

use super::schema::resolved;
use serde_json::{Map, Value, json};

/// What such a value may look like.
pub(super) fn example(document: &Value, schema: &Value) -> Value {
    let schema = resolved(document, schema);
    let given = schema.get("example").or_else(|| schema["examples"].get(0)).or_else(|| schema["enum"].get(0));
    if let Some(given) = given {
        return given.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| example(document, part));
        return Value::Object(parts.filter_map(members).flatten().collect());
    }
    if let Some(first) =
        schema["oneOf"].as_array().and_then(|parts| parts.iter().find(|part| part["type"] != "null"))
    {
        return example(document, first);
    }
    match kind(schema) {
        "object" => object(document, schema),
        "array" => json!([example(document, &schema["items"])]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(false),
        "null" => Value::Null,
        _ => json!("…"),
    }
}

fn members(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// The type; the one beside null where there are two.
fn kind(schema: &Value) -> &str {
    let all = schema["type"].as_array().into_iter().flatten().chain(std::iter::once(&schema["type"]));
    all.filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("null")
}

fn object(document: &Value, schema: &Value) -> Value {
    let members = schema["properties"].as_object().into_iter().flatten();
    Value::Object(members.map(|(name, member)| (name.clone(), example(document, member))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi_document;

    #[test]
    fn the_answer_201_looks_as_the_contract_prints_it() {
        let document = serde_json::to_value(openapi_document()).unwrap();
        let made = example(&document, &json!({ "$ref": "#/components/schemas/CreatedView" }));
        assert_eq!(made["message"], "Pembayaran berhasil dibuat");
        let data = &made["data"];
        assert_eq!((&data["type"], &data["payment_id"]), (&json!("new"), &json!(100)));
        assert_eq!(data["payment"]["amount"], "5000.00");
        assert_eq!(data["invoice"]["invoice_number"], "INV-20240115103000-000100");
    }

    #[test]
    fn each_kind_of_value_has_one() {
        for (schema, expected) in [
            (json!({ "type": "boolean" }), json!(false)),
            (json!({ "type": ["string", "null"] }), json!("…")),
            (json!({ "type": "integer", "minimum": 3 }), json!(3)),
            (json!({ "type": "array", "items": { "enum": ["a", "b"] } }), json!(["a"])),
            (json!({ "oneOf": [{ "type": "null" }, { "examples": [7] }] }), json!(7)),
            (json!({ "type": "object", "properties": { "a": { "example": 1 } } }), json!({ "a": 1 })),
            (json!({}), Value::Null),
        ] {
            assert_eq!(example(&Value::Null, &schema), expected, "{schema}");
        }
    }
}
