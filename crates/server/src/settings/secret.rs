//! Values that must not be shown, and the mask over those that hold one.

use std::fmt;

const MASK: &str = "***";

/// A text that is never printed: its `Debug` is `***`, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// `text` with the password of an address (`scheme://user:password@host`) and of a parameter
/// (`password=…`) replaced by `***`. It goes by the *last* `@`, so that a password with an
/// unescaped `/`, `?` or `@` in it, which no parser reads, is hidden as well.
pub fn mask(text: &str) -> String {
    mask_parameters(&mask_user_info(text))
}

fn mask_user_info(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let Some(end) = text.rfind('@').filter(|at| *at >= start) else { return text.to_owned() };
    match text[start..end].find(':') {
        Some(colon) => format!("{}{MASK}{}", &text[..=start + colon], &text[end..]),
        None => text.to_owned(),
    }
}

fn mask_parameters(text: &str) -> String {
    const NAME: &str = "password=";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.to_ascii_lowercase().find(NAME) {
        let value = at + NAME.len();
        masked.push_str(&rest[..value]);
        masked.push_str(MASK);
        rest = rest[value..].find(['&', ' ', '#']).map_or("", |length| &rest[value + length..]);
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_a_mask() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn passwords_in_addresses_are_masked() {
        for (text, expected) in [
            ("postgres://u:p@h:5432/db", "postgres://u:***@h:5432/db"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("redis://:p@h", "redis://:***@h"),
            ("postgres://u:p/a?s@s@h/db", "postgres://u:***@h/db"),
            ("u:p@h/db", "u:***@h/db"),
            (
                "postgres://h/db?user=u&password=p&sslmode=require",
                "postgres://h/db?user=u&password=***&sslmode=require",
            ),
            ("host=h PASSWORD=p dbname=d", "host=h PASSWORD=*** dbname=d"),
            ("postgres://h/db?sslpassword=p", "postgres://h/db?sslpassword=***"),
            ("sqlite://sekali.db", "sqlite://sekali.db"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("", ""),
        ] {
            assert_eq!(mask(text), expected);
        }
    }
}
