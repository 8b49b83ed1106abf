//! Reads JSON bodies field by field, so that every field that fails can be named at once, and no
//! number ever passes through a float.

use super::problem::{FieldErrors, Kind, Problem, Text};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use sekali_core::domain::money::LARGEST_MINOR;
use sekali_core::domain::{Decimal, DecimalError};
use serde::Deserialize;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// A JSON object's members, unread.
pub(super) struct Fields {
    members: BTreeMap<String, Box<RawValue>>,
    is_object: bool,
}

impl Fields {
    /// Checks the content type (415) and the syntax (400).
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        if !is_json(headers) {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        let not_json = |error: &dyn fmt::Display| {
            Problem::new(Kind::MalformedRequest).detail(
                "Isi permintaan bukan JSON yang sah.",
                format!("The body is not valid JSON: {error}."),
            )
        };
        let text = std::str::from_utf8(body).map_err(|error| not_json(&error))?;
        let value: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        if !value.get().starts_with('{') {
            // JSON, but no object: every field is missing, and is named as such.
            return Ok(Self { members: BTreeMap::new(), is_object: false });
        }
        serde_json::from_str(text).map_err(|error| not_json(&error))
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.members.get(name).map(|raw| raw.get()).filter(|text| *text != "null")
    }

    /// Whether a member is there, and null.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|raw| raw.get() == "null")
    }

    /// Refuses (400) what is no object, and members that are none of these: for requests in which a misspelt
    /// member would be taken for one that was left out on purpose.
    pub(super) fn only(self, known: &[&str]) -> Result<Self, Problem> {
        if self.is_object && self.members.keys().all(|name| known.contains(&name.as_str())) {
            return Ok(self);
        }
        let names = known.join(", ");
        Err(Problem::new(Kind::MalformedRequest).detail(
            format!("Isi permintaan harus objek JSON yang hanya memuat: {names}."),
            format!("The body must be a JSON object with no other members than: {names}."),
        ))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    // A proxy in front may have read the other one.
                    if members.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format_args!("{name:?} stands there twice")));
                    }
                }
                Ok(Fields { members, is_object: true })
            }
        }
        deserializer.deserialize_map(Members)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let charset =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    json && charset.is_none_or(|(_, name)| name.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// Collects what is wrong with each field.
#[derive(Default)]
pub(super) struct Check {
    errors: FieldErrors,
}

impl Check {
    /// Notes what is wrong with a field.
    pub(super) fn fail(&mut self, field: &'static str, id: &str, en: &str) {
        self.errors.entry(field).or_default().push(Text::new(id, en));
    }

    /// A problem, if anything was wrong.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(self.errors)) }
    }

    /// A whole number above zero, as a number or a string of digits.
    pub(super) fn id(&mut self, fields: &Fields, name: &'static str) -> Option<i64> {
        let Some(raw) = fields.get(name) else {
            self.missing(name);
            return None;
        };
        let id = decimal(raw).ok().and_then(|decimal| decimal.to_minor(0)).filter(|id| *id > 0);
        if id.is_none() {
            self.fail(
                name,
                "Harus berupa bilangan bulat lebih dari nol.",
                "Must be a whole number above zero.",
            );
        }
        id
    }

    /// An exact decimal above zero, as a number or a string of digits.
    pub(super) fn amount(&mut self, fields: &Fields, name: &'static str) -> Option<Decimal> {
        let Some(raw) = fields.get(name) else {
            self.missing(name);
            return None;
        };
        match decimal(raw) {
            Ok(amount) if is_beyond_every_currency(amount) => self.out_of_range(name),
            Ok(amount) if amount.is_positive() => return Some(amount),
            Ok(_) => self.fail(name, "Harus lebih dari nol.", "Must be more than zero."),
            Err(DecimalError::OutOfRange) => self.out_of_range(name),
            Err(DecimalError::Malformed) => {
                self.fail(name, "Harus berupa angka desimal.", "Must be a decimal number.");
            }
        }
        None
    }

    /// A text.
    pub(super) fn text(&mut self, fields: &Fields, name: &'static str) -> Option<String> {
        let Some(raw) = fields.get(name) else {
            self.missing(name);
            return None;
        };
        let text = serde_json::from_str(raw).ok();
        if text.is_none() {
            self.fail(name, "Harus berupa teks.", "Must be a text.");
        }
        text
    }

    fn out_of_range(&mut self, name: &'static str) {
        self.fail(name, "Di luar batas yang wajar.", "Is out of range.");
    }

    fn missing(&mut self, name: &'static str) {
        self.fail(name, "Wajib diisi.", "Is required.");
    }
}

/// More whole units than the largest amount of a currency without decimals. It is refused here, before
/// anything is logged: a card number typed into the wrong field has more digits than that.
fn is_beyond_every_currency(amount: Decimal) -> bool {
    let text = amount.to_string();
    let whole = text.trim_start_matches('-').split('.').next().unwrap_or_default();
    whole.len() > LARGEST_MINOR.to_string().len()
}

/// Numbers in JSON's own grammar; strings as plain decimal digits.
fn decimal(raw: &str) -> Result<Decimal, DecimalError> {
    if raw.starts_with('"') {
        let text: String = serde_json::from_str(raw).map_err(|_| DecimalError::Malformed)?;
        Decimal::parse_digits(&text)
    } else {
        Decimal::parse_json_number(raw)
    }
}
