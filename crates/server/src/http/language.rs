//! The language of messages: Indonesian, or English where the client asks for it (contract, part 3).

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// A language that messages exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Bahasa Indonesia: the default.
    Indonesian,
    /// English.
    English,
}

impl Language {
    /// What `Accept-Language` prefers (RFC 9110, part 12.5.4).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(','));
        let (mut english, mut indonesian) = (0.0, 0.0);
        for (tag, quality) in ranges.map(range) {
            match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "en" => english = quality.max(english),
                "id" | "in" | "*" => indonesian = quality.max(indonesian),
                _ => {}
            }
        }
        if english > indonesian { Self::English } else { Self::Indonesian }
    }

    /// The text in this language.
    pub(super) fn pick<T>(self, indonesian: T, english: T) -> T {
        match self {
            Self::Indonesian => indonesian,
            Self::English => english,
        }
    }

    /// `id` or `en`.
    pub(super) fn code(self) -> &'static str {
        self.pick("id", "en")
    }
}

fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';');
    let tag = parts.next().unwrap_or_default().trim();
    let quality = parts.find_map(|part| part.trim().strip_prefix("q="));
    (tag, quality.and_then(|q| q.parse().ok()).unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_only_where_it_is_preferred() {
        let rows = [
            ("", Language::Indonesian),
            ("en", Language::English),
            ("en-US,en;q=0.9", Language::English),
            ("id-ID,id;q=0.9,en;q=0.8", Language::Indonesian),
            ("fr,en;q=0.5", Language::English),
            ("en;q=0", Language::Indonesian),
            ("*", Language::Indonesian),
            ("en;q=0.3, id;q=0.7", Language::Indonesian),
            (";;;,,q=", Language::Indonesian),
        ];
        for (header, language) in rows {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, header.parse().unwrap());
            assert_eq!(Language::of(&headers), language, "{header}");
        }
    }
}
