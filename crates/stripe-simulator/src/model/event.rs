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
    /// The API request that caused it, if one did.
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    /// Whether its webhook still has to be answered.
    pub(crate) pending: bool,
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
}

impl Event {
    /// Stripe's object `event`.
    pub(crate) fn render(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": {"object": self.object},
            "livemode": false,
            "pending_webhooks": i32::from(self.pending),
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": self.name,
        })
    }
}
