//! The description of a service: what is sent, how its answers are read, and what it promises.

use serde::Deserialize;
use std::collections::BTreeMap;
use thiserror::Error;

/// Sekali's own request, which is also the example that `--print-request` prints.
pub const SEKALI: &str = include_str!("sekali.toml");

/// What is wrong with a request file; each is one sentence.
#[derive(Debug, Error)]
pub enum FileError {
    /// Not TOML, or a field is missing, unknown or of another type.
    #[error("the request file is not understood: {0}")]
    Toml(String),
    /// A field that contradicts another, or a form that is not allowed.
    #[error("the request file: {0}")]
    Field(String),
}

/// A service as its request file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    pub(crate) request: RequestPart,
    pub(crate) key: KeyPart,
    pub(crate) answers: AnswersPart,
    pub(crate) fresh: Option<FreshPart>,
    pub(crate) count: Option<CountPart>,
    #[serde(default)]
    pub(crate) promises: Promises,
    #[serde(default)]
    pub(crate) users: Vec<UserPart>,
}

/// The request that makes a payment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestPart {
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub amount: String,
    pub other_amount: Option<String>,
}

/// Where the key goes, and what the service says of its form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyPart {
    pub header: Option<String>,
    pub body: Option<String>,
    pub standard_header: Option<String>,
    pub longest: Option<usize>,
    #[serde(default)]
    pub printable_ascii: bool,
}

/// How answers are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswersPart {
    pub payment_id: Vec<String>,
    pub created: Vec<u16>,
    pub duplicate: Vec<u16>,
    #[serde(default)]
    pub in_flight: Vec<u16>,
    #[serde(default)]
    pub key_reused: Vec<u16>,
}

/// How a thing to pay for is made.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FreshPart {
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<String>,
    pub role: Option<String>,
    pub token: Option<String>,
    pub first: Option<i64>,
}

/// How payments are counted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountPart {
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub items: String,
}

/// What the service promises beyond "the same key, the same payment".
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Promises {
    pub one_payment_per_consultation: bool,
    pub keys_belong_to_users: bool,
    pub consultations_belong_to_users: bool,
    pub sekali_answers: bool,
}

impl Default for Promises {
    fn default() -> Self {
        Self {
            one_payment_per_consultation: true,
            keys_belong_to_users: true,
            consultations_belong_to_users: true,
            sekali_answers: false,
        }
    }
}

/// A user of the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPart {
    pub id: i64,
    pub token: Option<String>,
    /// The first and the last consultation that is there to be paid.
    pub consultations: Option<[i64; 2]>,
}

impl RequestFile {
    /// Reads and checks a request file.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let file: Self = toml::from_str(text).map_err(|error| FileError::Toml(one_line(&error)))?;
        file.check().map_err(|what| FileError::Field(what.to_owned()))?;
        Ok(file)
    }

    fn check(&self) -> Result<(), &'static str> {
        let pointers = self.answers.payment_id.iter().chain(self.key.body.iter());
        let pointers = pointers.chain(self.count.iter().map(|count| &count.items));
        let header_names = [self.key.header.as_ref(), self.key.standard_header.as_ref()];
        let header_names = header_names.into_iter().flatten().chain(self.request.headers.keys());
        let rules = [
            (is_token(&self.request.method), "request.method is no HTTP method"),
            (self.paths().all(is_path), "a path has to begin with a slash and hold no spaces"),
            (
                self.key.header.is_some() || self.key.body.is_some(),
                "key.header or key.body has to say where the key goes",
            ),
            (header_names.into_iter().all(|name| is_token(name)), "a header's name is none"),
            (
                pointers.into_iter().all(|pointer| pointer.is_empty() || pointer.starts_with('/')),
                "a JSON pointer begins with a slash",
            ),
            (
                self.key.body.as_ref().is_none_or(|at| !at[1..].contains('/')),
                "key.body names a field of the body: \"/name\"",
            ),
            (
                !self.answers.payment_id.is_empty(),
                "answers.payment_id is empty: nothing tells payments apart",
            ),
            (!self.answers.created.is_empty(), "answers.created is empty: nothing tells success"),
            (
                self.fresh.is_some() || self.has_consultations(),
                "[fresh] is missing, and not every one of [[users]] has consultations to pay for",
            ),
            (
                self.users.iter().filter_map(|user| user.consultations).all(|[first, last]| first <= last),
                "users.consultations has to be [first, last]",
            ),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
    }

    fn paths(&self) -> impl Iterator<Item = &str> {
        let fresh = self.fresh.iter().map(|fresh| fresh.path.as_str());
        let count = self.count.iter().map(|count| count.path.as_str());
        std::iter::once(self.request.path.as_str()).chain(fresh).chain(count)
    }

    fn has_consultations(&self) -> bool {
        !self.users.is_empty() && self.users.iter().all(|user| user.consultations.is_some())
    }

    /// Whether a duplicate is told apart from a first payment by its status.
    pub(crate) fn tells_duplicates(&self) -> bool {
        self.answers.created.iter().all(|status| !self.answers.duplicate.contains(status))
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error.to_string().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// RFC 9110, part 5.6.2.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(from: &str, to: &str) -> String {
        assert!(SEKALI.contains(from), "{from}");
        let parsed = RequestFile::parse(&SEKALI.replacen(from, to, 1));
        parsed.expect_err("it was accepted").to_string()
    }

    #[test]
    fn the_example_is_sekalis_own_request() {
        let file = RequestFile::parse(SEKALI).unwrap();
        assert_eq!(file.request.path, "/api/v1/payments");
        assert!(file.tells_duplicates() && file.promises.sekali_answers && file.users.is_empty());
    }

    #[test]
    fn what_is_wrong_is_said_in_one_line() {
        for (from, to, words) in [
            ("method = \"POST\"", "method = \"PO ST\"", "request.method"),
            ("\"/api/v1/payments\"", "\"api\"", "a path has to begin with a slash"),
            ("header = \"X-Idempotency-Key\"", "header = \"X Key\"", "a header's name"),
            ("\"/data/payment_id\"", "\"id\"", "JSON pointer"),
            ("created = [201]", "created = []", "answers.created"),
            ("longest = 255", "longst = 255", "longst"),
            ("[request]", "[request", "not understood"),
        ] {
            let sentence = with(from, to);
            assert!(sentence.contains(words) && !sentence.contains('\n'), "{sentence}");
        }
    }

    #[test]
    fn something_to_pay_for_has_to_be_there() {
        let cut = SEKALI.find("[fresh]").unwrap();
        let without = &SEKALI[..cut];
        assert!(RequestFile::parse(without).unwrap_err().to_string().contains("[fresh] is missing"));
        let one = format!("{without}[[users]]\nid = 1\nconsultations = [1, 9]\n");
        assert!(RequestFile::parse(&one).is_ok());
        let two = format!("{one}[[users]]\nid = 2\n");
        assert!(RequestFile::parse(&two).unwrap_err().to_string().contains("[fresh] is missing"));
        let turned = one.replace("[1, 9]", "[9, 1]");
        assert!(RequestFile::parse(&turned).unwrap_err().to_string().contains("[first, last]"));
    }
}
