//! Typed reading of parameters. What is read is taken out; what is left over at the end is unknown to the
//! endpoint, and an error.

use super::error::ApiError;
use super::form::{Node, Tree};
use crate::model::Metadata;
use crate::simulator::is_http_address;

/// A group of parameters that is being read.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    /// The group's own name: empty for the request's top level.
    path: String,
    tree: Tree,
}

impl Params {
    pub(crate) fn new(tree: Tree) -> Self {
        Self { path: String::new(), tree }
    }

    /// The full name of a parameter of this group.
    pub(crate) fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}[{key}]", self.path) }
    }

    /// Whether a parameter is there, and is no group.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        matches!(self.tree.get(key), Some(Node::Text(_)))
    }

    /// A text of at most `max` characters. An empty one is an error, as at Stripe.
    pub(crate) fn text(&mut self, key: &str, max: usize) -> Result<Option<String>, ApiError> {
        let name = self.name(key);
        let text = match self.tree.remove(key) {
            None => return Ok(None),
            Some(Node::Group(_)) => {
                return Err(ApiError::bad_value(&name, format!("Invalid string: {name}")));
            }
            Some(Node::Text(text)) => text,
        };
        if text.is_empty() {
            let message = format!("'{name}' is an empty string; leave it out instead.");
            return Err(ApiError::parameter("parameter_invalid_empty", &name, message));
        }
        if text.chars().count() > max {
            let message = format!("'{name}' is longer than {max} characters.");
            return Err(ApiError::bad_value(&name, message));
        }
        Ok(Some(text))
    }

    pub(crate) fn required_text(&mut self, key: &str, max: usize) -> Result<String, ApiError> {
        let name = self.name(key);
        self.text(key, max)?.ok_or_else(|| missing(&name))
    }

    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>, ApiError> {
        let name = self.name(key);
        let Some(text) = self.text(key, 30)? else { return Ok(None) };
        let invalid =
            |_| ApiError::parameter("parameter_invalid_integer", &name, format!("Invalid integer: {text}"));
        text.parse().map(Some).map_err(invalid)
    }

    pub(crate) fn required_integer(&mut self, key: &str) -> Result<i64, ApiError> {
        let name = self.name(key);
        self.integer(key)?.ok_or_else(|| missing(&name))
    }

    /// One of `allowed`.
    pub(crate) fn choice(&mut self, key: &str, allowed: &[&str]) -> Result<Option<String>, ApiError> {
        let name = self.name(key);
        let Some(text) = self.text(key, 100)? else { return Ok(None) };
        if allowed.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let message = format!("Invalid {name}: must be one of {}", allowed.join(", "));
        Err(ApiError::bad_value(&name, message))
    }

    /// An absolute `http` or `https` address.
    pub(crate) fn address(&mut self, key: &str) -> Result<Option<String>, ApiError> {
        let name = self.name(key);
        let Some(text) = self.text(key, 5000)? else { return Ok(None) };
        if is_http_address(&text) {
            return Ok(Some(text));
        }
        Err(ApiError::parameter("url_invalid", &name, "Not a valid URL"))
    }

    /// A nested hash.
    pub(crate) fn group(&mut self, key: &str) -> Result<Option<Self>, ApiError> {
        let name = self.name(key);
        match self.tree.remove(key) {
            None => Ok(None),
            Some(Node::Group(tree)) => Ok(Some(Self { path: name, tree })),
            Some(Node::Text(_)) => Err(ApiError::bad_value(&name, format!("Invalid object: {name}"))),
        }
    }

    /// The hashes of an array, in its order.
    pub(crate) fn groups(&mut self, key: &str) -> Result<Vec<Self>, ApiError> {
        let Some(mut array) = self.group(key)? else { return Ok(Vec::new()) };
        let mut groups = Vec::new();
        for place in array.places()? {
            groups.extend(array.group(&place)?);
        }
        Ok(groups)
    }

    /// The texts of an array, in its order.
    pub(crate) fn texts(&mut self, key: &str, max: usize) -> Result<Vec<String>, ApiError> {
        let Some(mut array) = self.group(key)? else { return Ok(Vec::new()) };
        let mut texts = Vec::new();
        for place in array.places()? {
            texts.extend(array.text(&place, max)?);
        }
        Ok(texts)
    }

    fn places(&self) -> Result<Vec<String>, ApiError> {
        let mut places = Vec::new();
        for key in self.tree.keys() {
            let Ok(place) = key.parse::<u32>() else {
                return Err(ApiError::bad_value(&self.path, format!("Invalid array: {}", self.path)));
            };
            places.push((place, key.clone()));
        }
        places.sort_unstable();
        Ok(places.into_iter().map(|(_, key)| key).collect())
    }

    /// Metadata within Stripe's limits: 50 keys of 40 characters with values of 500. An empty value is no
    /// entry.
    pub(crate) fn metadata(&mut self, key: &str) -> Result<Metadata, ApiError> {
        let mut metadata = Metadata::new();
        self.change_metadata(key, &mut metadata)?;
        Ok(metadata)
    }

    /// Changes metadata as an update does: what is not named stays, an empty value takes the entry away, and
    /// an empty text in place of the hash takes all of them.
    pub(crate) fn change_metadata(&mut self, key: &str, metadata: &mut Metadata) -> Result<(), ApiError> {
        let name = self.name(key);
        if self.tree.get(key) == Some(&Node::Text(String::new())) {
            self.tree.remove(key);
            metadata.clear();
            return Ok(());
        }
        let Some(mut group) = self.group(key)? else { return Ok(()) };
        for entry in group.tree.keys().cloned().collect::<Vec<_>>() {
            if entry.chars().count() > 40 {
                return Err(ApiError::bad_value(&name, "Metadata keys have at most 40 characters."));
            }
            if group.tree.get(&entry) == Some(&Node::Text(String::new())) {
                group.tree.remove(&entry);
                metadata.remove(&entry);
                continue;
            }
            if let Some(value) = group.text(&entry, 500)? {
                metadata.insert(entry, value);
            }
        }
        if metadata.len() > 50 {
            return Err(ApiError::bad_value(&name, "Metadata has at most 50 keys."));
        }
        Ok(())
    }

    /// Every parameter has to be known.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        let Some(key) = self.tree.keys().next() else { return Ok(()) };
        let name = self.name(key);
        let message = format!("Received unknown parameter: {name}");
        Err(ApiError::parameter("parameter_unknown", &name, message))
    }
}

/// The error for a parameter that must be there.
pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::parameter("parameter_missing", name, format!("Missing required param: {name}."))
}
