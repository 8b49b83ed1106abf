//! Events: what webhooks tell, and what the API lists.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::API_VERSION;
use crate::storage::objects::Document;

/// Something that happened to an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) created: i64,
    #[serde(rename = "type")]
    pub(crate) name: String,
    /// The object as it was right after.
    pub(crate) object: Value,
    /// Of an object that changed: the fields that did, as they were before.
    #[serde(default)]
    pub(crate) previous: Option<Value>,
    /// The API request that caused it, if one did.
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// How many receivers still have to answer its webhook.
    pub(crate) pending: i64,
}

impl Document for Event {
    const KIND: &'static str = "event";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn link(&self) -> Option<&str> {
        Some(&self.name)
    }

    /// What the list's `delivery_success` asks for.
    fn second(&self) -> Option<&str> {
        Some(if self.pending == 0 { "true" } else { "false" })
    }
}

impl Event {
    /// Stripe's object `event`.
    pub(crate) fn render(&self) -> Value {
        let mut data = json!({"object": self.object});
        if let Some(previous) = &self.previous {
            data["previous_attributes"] = previous.clone();
        }
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": data,
            "livemode": false,
            "pending_webhooks": self.pending,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": self.name,
        })
    }
}

/// What of `before` is different in `after`: Stripe's `previous_attributes`. A field that was not there before
/// is null; of hashes, only what changed is told.
pub(crate) fn previous_attributes(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return before.clone() };
    let mut previous = serde_json::Map::new();
    for name in old.keys().chain(new.keys()) {
        let (was, is) = (&before[name], &after[name]);
        if was != is {
            previous.insert(name.clone(), previous_attributes(was, is));
        }
    }
    Value::Object(previous)
}

#[cfg(test)]
mod tests {
    use super::previous_attributes;
    use serde_json::json;

    #[test]
    fn only_what_changed_is_told() {
        let before = json!({"id": "re_1", "status": "pending", "metadata": {"a": "1", "b": "2"}, "gone": 1});
        let after = json!({"id": "re_1", "status": "failed", "metadata": {"a": "1", "b": "3", "c": "4"},
            "failure_reason": "unknown"});
        let expected = json!({"status": "pending", "metadata": {"b": "2", "c": null}, "gone": 1,
            "failure_reason": null});
        assert_eq!(previous_attributes(&before, &after), expected);
        assert_eq!(previous_attributes(&after, &after), json!({}));
    }
}
