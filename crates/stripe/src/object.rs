//! What all of Stripe's objects have in common.

use crate::encode::SESSION;
use crate::money::from_stripe;
use sekali_core::domain::{Money, Timestamp};
use serde_json::Value;
use uuid::Uuid;

/// One of Stripe's objects. What is needed of it is read, and the rest passed over, so that a field that
/// Stripe adds or widens does no harm.
pub(crate) struct Object<'v>(&'v Value);

impl<'v> Object<'v> {
    /// The object, if it is of this kind; an error says what else was answered.
    pub(crate) fn of(value: &'v Value, kind: &str) -> Result<Self, String> {
        let object = Self(value);
        let is_one = object.text("object") == Some(kind) && object.text("id").is_some();
        is_one.then_some(object).ok_or_else(|| format!("the answer is no {kind}"))
    }

    /// Stripe's name for it.
    pub(crate) fn id(&self) -> &'v str {
        // `of` has seen it.
        self.text("id").unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'v str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A yes or no without which the object cannot be understood.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, String> {
        self.0.get(name).and_then(Value::as_bool).ok_or_else(|| format!("{} has no {name}", self.id()))
    }

    /// Another object that stands in this one whole.
    pub(crate) fn whole(&self, name: &str) -> Option<Self> {
        self.0.get(name).filter(|value| value.is_object()).map(Self)
    }

    /// The id of another object, which Stripe names or puts there whole.
    pub(crate) fn id_of(&self, name: &str) -> Option<String> {
        let id = self.text(name).or_else(|| self.whole(name)?.text("id"));
        id.map(str::to_owned)
    }

    /// The amount in the field of this name; `None` in a currency that is none of ours.
    pub(crate) fn money(&self, name: &str) -> Option<Money> {
        from_stripe(self.0.get(name)?.as_i64()?, self.text("currency")?)
    }

    /// When Stripe made it.
    pub(crate) fn created(&self) -> Result<Timestamp, String> {
        let seconds = self.0.get("created").and_then(Value::as_i64);
        seconds.map(Timestamp::from_seconds).ok_or_else(|| format!("{} has no time", self.id()))
    }

    /// A name that we gave it.
    pub(crate) fn name(&self, key: &str) -> Option<Uuid> {
        Uuid::parse_str(self.0.get("metadata")?.get(key)?.as_str()?).ok()
    }

    /// Whether some Sekali has to do with it: what it made bears the session's name, well written or not.
    pub(crate) fn is_named(&self) -> bool {
        self.0.get("metadata").and_then(|metadata| metadata.get(SESSION)).is_some()
    }
}
