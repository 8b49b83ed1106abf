//! Reading one setting's text as what it must be.

use super::{Key, Secret, SettingsError, Source, Values, mask, setting};
use std::fmt::Display;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Texts in messages are cut here, so that the sentence stays one.
const LONGEST_SHOWN: usize = 80;

impl Values {
    /// Reads `key`, if it is set, with `parse`, whose error is what the text is instead: "not a
    /// whole number".
    pub(super) fn optional<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        self.text(key).map(|text| parse(text).map_err(|what| self.wrong(key, &what))).transpose()
    }

    /// The same for a setting that has a default or has to be given.
    pub(super) fn required<T>(
        &self,
        key: Key,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        self.optional(key, parse)?.ok_or_else(|| not_set(key))
    }

    /// A whole number in `range`.
    pub(super) fn number<T>(&self, key: Key, range: RangeInclusive<T>) -> Result<T, SettingsError>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.required(key, |text| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<T>().ok().filter(|number| digits && range.contains(number));
            number.ok_or_else(|| format!("not a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// A whole number up to `most`, where 0 means "off".
    pub(super) fn limit(&self, key: Key, most: u32) -> Result<Option<NonZeroU32>, SettingsError> {
        self.number(key, 0..=most).map(NonZeroU32::new)
    }

    /// 0 or 1, false or true.
    pub(super) fn switch(&self, key: Key) -> Result<Option<bool>, SettingsError> {
        self.optional(key, |text| match text {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err("neither 0 nor 1".into()),
        })
    }

    /// A secret that goes into an HTTP header or stands in a list, so one visible word.
    pub(super) fn secret_word(&self, key: Key) -> Result<Option<Secret>, SettingsError> {
        self.optional(key, visible_word)
    }

    /// The sentence for a text that is `what`.
    pub(super) fn wrong(&self, key: Key, what: &str) -> SettingsError {
        let row = setting(key);
        let origin = match self.source(key) {
            Source::Flag => format!(" (given as --{})", row.flag),
            Source::File => {
                let file = self.file().map(|path| path.display().to_string()).unwrap_or_default();
                format!(" ({} in {file})", row.toml_key())
            }
            Source::Environment | Source::Default => String::new(),
        };
        let shown = if hides(key) { String::new() } else { format!("{}, ", self.shown(key)) };
        SettingsError::new(format!("{}{origin} is {shown}{what}: {}", row.env, row.advice()))
    }

    fn shown(&self, key: Key) -> String {
        let text: String = mask(self.text(key).unwrap_or_default()).chars().take(LONGEST_SHOWN).collect();
        format!("{text:?}")
    }
}

/// Secrets, and addresses that may hold a password in a place where no mask would find it.
fn hides(key: Key) -> bool {
    setting(key).secret || matches!(key, Key::DatabaseUrl | Key::RedisUrl)
}

/// The sentence for a setting that has to be given.
pub(super) fn not_set(key: Key) -> SettingsError {
    let row = setting(key);
    SettingsError::new(format!("{} is not set: {}", row.env, row.advice()))
}

/// An address to listen on. `localhost` is the one name: others may mean several addresses.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| "not an IP address and a port".into())
}

/// One word of visible ASCII, kept secret.
pub(super) fn visible_word(text: &str) -> Result<Secret, String> {
    let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if visible { Ok(Secret::new(text)) } else { Err("not one word of visible ASCII characters".into()) }
}
