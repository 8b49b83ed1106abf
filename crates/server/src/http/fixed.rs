//! Contents that do not change while the program runs: kept compressed, and sent only to who has not got them.

use super::problem::{Kind, Problem};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::{self, Read, Write};

/// One such content.
pub(super) struct Fixed {
    gzipped: Cow<'static, [u8]>,
    /// The same for both encodings, and so a weak one (RFC 9110, part 8.8.1).
    etag: String,
}

impl Fixed {
    /// A content that is compressed already.
    pub(super) fn of_gzip(gzipped: &'static [u8]) -> Self {
        Self::with(Cow::Borrowed(gzipped))
    }

    /// Compresses a content; into memory that does not fail.
    pub(super) fn of_text(text: &str) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        Self::with(Cow::Owned(packed.unwrap_or_default()))
    }

    fn with(gzipped: Cow<'static, [u8]>) -> Self {
        let digest = Sha256::digest(&gzipped);
        let etag = digest.iter().take(12).fold("W/\"".to_owned(), |tag, byte| format!("{tag}{byte:02x}"));
        Self { gzipped, etag: etag + "\"" }
    }

    /// The answer to a request with these headers.
    pub(super) fn answer(
        &'static self,
        asked: &HeaderMap,
        kind: &'static str,
        cache: &'static str,
    ) -> Response {
        let mut response = if self.is_known(asked) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if takes_gzip(asked) {
            ([(CONTENT_ENCODING, "gzip")], &*self.gzipped).into_response()
        } else {
            match self.plain() {
                Ok(plain) => plain.into_response(),
                Err(error) => {
                    tracing::error!(%error, "A page of this program cannot be unpacked");
                    return Problem::new(Kind::Internal).into_response();
                }
            }
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(ETAG, etag);
        }
        response
    }

    fn plain(&self) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        GzDecoder::new(&*self.gzipped).read_to_end(&mut plain)?;
        Ok(plain)
    }

    fn is_known(&self, asked: &HeaderMap) -> bool {
        members(asked, IF_NONE_MATCH).any(|tag| tag == "*" || tag == self.etag)
    }
}

/// Whether gzip is named, and not with a weight of nothing.
fn takes_gzip(asked: &HeaderMap) -> bool {
    members(asked, ACCEPT_ENCODING).any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse::<f32>().ok());
        named && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// The members of a header that is a list.
fn members(asked: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = asked.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn gzip_for_whom_it_is_good() {
        for (value, taken) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&asking(ACCEPT_ENCODING, value)), taken, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        let text = "Sekali ".repeat(1000);
        let fixed = Fixed::of_text(&text);
        assert!(fixed.gzipped.len() < 100);
        assert_eq!(fixed.plain().unwrap(), text.as_bytes());
        assert_ne!(fixed.etag, Fixed::of_text("another").etag);
    }

    #[test]
    fn it_is_known_by_its_tag() {
        let fixed = Fixed::of_text("text");
        for (value, known) in [
            (fixed.etag.clone(), true),
            (format!("\"a\", {}", fixed.etag), true),
            ("W/\"a\"".to_owned(), false),
        ] {
            assert_eq!(fixed.is_known(&asking(IF_NONE_MATCH, &value)), known, "{value}");
        }
    }
}
