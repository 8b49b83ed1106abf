//! Finds the idempotency key among two headers and the body (contract, part 1; design, part 2).

use super::fields::Fields;
use super::problem::{Kind, Problem};
use http::HeaderMap;
use sekali_core::domain::{IdempotencyKey, KeyError};
use sekali_core::flow::pay::Twin;

const ORIGINAL: &str = "x-idempotency-key";
const STANDARD: &str = "idempotency-key";

/// Which of the two contracts answers a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `X-Idempotency-Key`, or the body alone: 409 with what exists.
    Original,
    /// `Idempotency-Key`: the first answer again (draft-ietf-httpapi-idempotency-key-header-07).
    Standard,
}

impl Dialect {
    /// What a request does while its twin is in flight.
    pub(super) fn twin(self) -> Twin {
        match self {
            Self::Original => Twin::Await,
            Self::Standard => Twin::Refuse,
        }
    }
}

/// The key, and the contract that its place asks for.
pub(super) fn find(headers: &HeaderMap, fields: &Fields) -> Result<(IdempotencyKey, Dialect), Problem> {
    let original = header(headers, ORIGINAL)?;
    let standard = header(headers, STANDARD)?.map(|text| unquote(&text)).transpose()?;
    let (from_header, dialect) = match (original, standard) {
        (Some(_), Some(_)) => {
            return Err(invalid(
                "Gunakan salah satu: X-Idempotency-Key atau Idempotency-Key.",
                "Use one of X-Idempotency-Key and Idempotency-Key, not both.",
            ));
        }
        (None, Some(key)) => (Some(key), Dialect::Standard),
        (key, None) => (key, Dialect::Original),
    };
    let key = match (from_header, in_body(fields)?) {
        (Some(header), Some(body)) if header != body => {
            return Err(invalid(
                "Kunci di header dan di isi permintaan berbeda.",
                "The key in the header and the key in the body differ.",
            ));
        }
        (Some(key), _) | (None, Some(key)) => key,
        (None, None) => {
            return Err(invalid(
                "Kunci idempotensi wajib ada, di header atau di isi permintaan.",
                "An idempotency key is required, in the header or in the body.",
            ));
        }
    };
    Ok((IdempotencyKey::new(key).map_err(malformed)?, dialect))
}

fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.any(|other| other != first) {
        return Err(invalid(
            "Header kunci ada dua kali dan berbeda.",
            "The key's header stands there twice and differs.",
        ));
    }
    let text = first.to_str().map_err(|_| malformed(KeyError::NotPrintable))?;
    Ok(Some(text.to_owned()))
}

fn in_body(fields: &Fields) -> Result<Option<String>, Problem> {
    let Some(raw) = fields.get("idempotency_key") else { return Ok(None) };
    let key = serde_json::from_str(raw)
        .map_err(|_| invalid("Kunci harus berupa teks.", "The key must be a text."))?;
    Ok(Some(key))
}

/// The standard's header is a structured string (RFC 8941, part 3.3.3); the bare form is read too.
fn unquote(text: &str) -> Result<String, Problem> {
    let Some(rest) = text.strip_prefix('"') else { return Ok(text.to_owned()) };
    let bad = || invalid("Kunci dalam tanda kutip tidak sah.", "The quoted key is not a valid string.");
    let inner = rest.strip_suffix('"').ok_or_else(bad)?;
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => key.push(characters.next().filter(|next| matches!(next, '"' | '\\')).ok_or_else(bad)?),
            '"' => return Err(bad()),
            other => key.push(other),
        }
    }
    Ok(key)
}

fn malformed(error: KeyError) -> Problem {
    match error {
        KeyError::Empty => invalid("Kunci idempotensi kosong.", "The idempotency key is empty."),
        KeyError::TooLong => invalid(
            "Kunci idempotensi lebih dari 255 karakter.",
            "The idempotency key has more than 255 characters.",
        ),
        KeyError::NotPrintable => invalid(
            "Kunci idempotensi hanya boleh berisi ASCII yang dapat dicetak.",
            "The idempotency key may hold printable ASCII only.",
        ),
    }
}

fn invalid(id: &str, en: &str) -> Problem {
    Problem::new(Kind::InvalidIdempotencyKey).detail(id, en)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::CONTENT_TYPE;
    use proptest::prelude::*;

    fn found(name: &'static str, value: &str, body: &str) -> Option<(String, Dialect)> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !name.is_empty() {
            headers.insert(name, value.parse().ok()?);
        }
        let fields = Fields::read(&headers, body.as_bytes()).ok()?;
        let (key, dialect) = find(&headers, &fields).ok()?;
        Some((key.as_str().to_owned(), dialect))
    }

    fn quoted(key: &str) -> String {
        format!("\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
    }

    proptest! {
        /// HTTP takes blanks at a header's ends away, so no key of a header has any.
        #[test]
        fn a_key_is_the_same_wherever_it_stands(key in "[!-~]([ -~]{0,100}[!-~])?") {
            let body = serde_json::json!({ "idempotency_key": key }).to_string();
            let original = Some((key.clone(), Dialect::Original));
            prop_assert_eq!(found(ORIGINAL, &key, "{}"), original.clone());
            prop_assert_eq!(found("", "", &body), original.clone());
            prop_assert_eq!(found(ORIGINAL, &key, &body), original);
            let standard = Some((key.clone(), Dialect::Standard));
            prop_assert_eq!(found(STANDARD, &quoted(&key), "{}"), standard.clone());
            prop_assert_eq!(found(STANDARD, &quoted(&key), &body), standard.clone());
            if !key.starts_with('"') {
                prop_assert_eq!(found(STANDARD, &key, "{}"), standard);
            }
        }

        /// Whatever is read of a quoted key is a string that its own quoted form gives back.
        #[test]
        fn a_quoted_key_is_read_in_one_way_only(inner in "[ -~]{0,20}") {
            if let Some((key, _)) = found(STANDARD, &format!("\"{inner}\""), "{}") {
                prop_assert_eq!(quoted(&key), format!("\"{inner}\""));
            }
        }

        #[test]
        fn two_keys_that_differ_are_refused(one in "[!-~]{1,20}", other in "[!-~]{1,20}") {
            let body = serde_json::json!({ "idempotency_key": other }).to_string();
            prop_assert_eq!(found(ORIGINAL, &one, &body).is_some(), one == other);
        }
    }
}
