//! The document's schemas in words.

use super::operation::required;
use super::{prose, text};
use maud::{Markup, html};
use serde_json::Value;

/// What the name of a schema in a `$ref` begins with.
const NAMED: &str = "#/components/schemas/";

/// The name that a schema refers to.
fn named(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(NAMED)
}

/// The schema itself, where this one only names it.
pub(super) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match named(schema) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    }
}

/// Every schema that has a name.
pub(super) fn all(document: &Value) -> Markup {
    let schemas = document["components"]["schemas"].as_object().into_iter().flatten();
    html! {
        section #schemas {
            h2 { "Schemas" }
            @for (name, schema) in schemas {
                h3 id={ "schema-" (name) } { (name) }
                p { (prose(text(&schema["description"]))) " " @if schema["properties"].is_null() { span.kind { (kind(schema)) } } }
                (members(document, schema))
            }
        }
    }
}

/// The members of an object; nothing for anything else.
pub(super) fn members(document: &Value, schema: &Value) -> Markup {
    let schema = resolved(document, schema);
    let Some(members) = schema["properties"].as_object() else { return html! {} };
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    html! {
        dl {
            @for (name, member) in members {
                dt { code { (name) } " " span.kind { (kind(member)) (required(is_required(name))) } }
                dd { (prose(description(member))) }
            }
        }
    }
}

/// That of the member, or of the one of its alternatives that has one.
fn description(member: &Value) -> &str {
    let alternatives = member["oneOf"].as_array().into_iter().flatten();
    let all = std::iter::once(member).chain(alternatives);
    all.map(|one| text(&one["description"])).find(|text| !text.is_empty()).unwrap_or_default()
}

/// What a value may be, in a few words.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = named(schema) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    for (keyword, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " with ")] {
        if let Some(parts) = schema[keyword].as_array() {
            return joined(parts, word);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().map(Value::to_string).collect();
        return html! { code { (values.join(", ")) } };
    }
    html! { (types(&schema["type"])) @if let Some(items) = schema.get("items") { " of " (kind(items)) } (bounds(schema)) }
}

fn joined(parts: &[Value], word: &str) -> Markup {
    html! { @for (index, part) in parts.iter().enumerate() { @if index > 0 { (word) } (kind(part)) } }
}

fn types(value: &Value) -> String {
    let one = |value: &Value| match text(value) {
        "array" => "list".to_owned(),
        other => other.to_owned(),
    };
    match value.as_array() {
        Some(all) => all.iter().map(one).collect::<Vec<_>>().join(" or "),
        None => one(value),
    }
}

fn bounds(schema: &Value) -> Markup {
    html! {
        @for (keyword, words) in [
            ("minimum", "at least"), ("maximum", "at most"), ("minLength", "at least as long as"),
            ("maxLength", "at most as long as"), ("format", "format"), ("contentMediaType", "of type"),
        ] {
            @if let Some(bound) = schema.get(keyword) { ", " (words) " " (bound.as_str().map_or_else(|| bound.to_string(), str::to_owned)) }
        }
        @if let Some(pattern) = schema["pattern"].as_str() { ", like " code { (pattern) } }
    }
}
