//! Expansion: the id of an object, replaced with the object where the request asks for it.

use serde_json::{Value, json};

use super::error::ApiError;
use super::lists;
use super::params::Params;
use crate::failure::Failure;
use crate::model::charge::Charge;
use crate::model::payment_intent::PaymentIntent;
use crate::model::refund::Refund;
use crate::model::session::Session;
use crate::storage::objects::{self, Filter};
use crate::work::Work;

/// Stripe's own limit.
const MAX_DEPTH: usize = 4;

/// The paths a request wants expanded.
#[derive(Debug, Default)]
pub(crate) struct Expand(Vec<String>);

impl Expand {
    pub(crate) fn read(params: &mut Params) -> Result<Self, ApiError> {
        let paths = params.texts("expand", 500)?;
        if paths.iter().any(|path| path.split('.').count() > MAX_DEPTH) {
            return Err(ApiError::bad_value("expand", "Properties can be expanded 4 levels deep at most."));
        }
        Ok(Self(paths))
    }

    pub(crate) fn apply(&self, work: &mut Work<'_>, value: &mut Value) -> Result<(), Failure> {
        for path in &self.0 {
            let segments: Vec<&str> = path.split('.').collect();
            walk(work, value, &segments, path)?;
        }
        Ok(())
    }
}

fn walk(work: &mut Work<'_>, value: &mut Value, segments: &[&str], path: &str) -> Result<(), Failure> {
    let Some((segment, rest)) = segments.split_first() else { return Ok(()) };
    if let Some(Value::Array(elements)) = value.get_mut(*segment) {
        for element in elements {
            walk(work, element, rest, path)?;
        }
        return Ok(());
    }
    if value["object"] == "checkout.session" && *segment == "line_items" {
        value["line_items"] = line_items(work, value)?;
        return walk(work, &mut value["line_items"], rest, path);
    }
    if value["object"] == "charge" && *segment == "refunds" {
        value["refunds"] = refunds(work, value)?;
        return walk(work, &mut value["refunds"], rest, path);
    }
    let Some(field) = value.as_object_mut().and_then(|fields| fields.get_mut(*segment)) else {
        return Err(not_expandable(path));
    };
    if let Some(id) = field.as_str() {
        *field = load(work, segment, id, path)?;
    }
    match field {
        // There is nothing there to expand, now.
        Value::Null => Ok(()),
        Value::Object(_) => walk(work, field, rest, path),
        _ => Err(not_expandable(path)),
    }
}

fn load(work: &mut Work<'_>, field: &str, id: &str, path: &str) -> Result<Value, Failure> {
    match field {
        "payment_intent" => Ok(objects::get::<PaymentIntent>(work.tx, id)?.render()),
        "latest_charge" | "charge" => Ok(objects::get::<Charge>(work.tx, id)?.render()),
        _ => Err(not_expandable(path)),
    }
}

fn line_items(work: &mut Work<'_>, session: &Value) -> Result<Value, Failure> {
    let id = session["id"].as_str().unwrap_or_default();
    let session: Session = objects::get(work.tx, id)?;
    let items: Vec<Value> = session.line_items.iter().map(|item| item.render(&session)).collect();
    // As many as the list endpoint shows on its first page.
    let has_more = items.len() > lists::DEFAULT_LIMIT;
    let shown: Vec<Value> = items.into_iter().take(lists::DEFAULT_LIMIT).collect();
    Ok(json!({
        "object": "list",
        "data": shown,
        "has_more": has_more,
        "url": format!("/v1/checkout/sessions/{id}/line_items"),
    }))
}

fn refunds(work: &mut Work<'_>, charge: &Value) -> Result<Value, Failure> {
    let id = charge["id"].as_str().unwrap_or_default();
    let filter = Filter { second: Some(id.to_owned()), ..Filter::of(objects::Links::Any) };
    let mut found: Vec<Refund> = objects::list(work.tx, &filter, lists::DEFAULT_LIMIT + 1)?;
    let has_more = found.len() > lists::DEFAULT_LIMIT;
    found.truncate(lists::DEFAULT_LIMIT);
    Ok(json!({
        "object": "list",
        "data": found.iter().map(Refund::render).collect::<Vec<_>>(),
        "has_more": has_more,
        "url": format!("/v1/charges/{id}/refunds"),
    }))
}

fn not_expandable(path: &str) -> Failure {
    ApiError::bad_value("expand", format!("This property cannot be expanded ({path}).")).into()
}
