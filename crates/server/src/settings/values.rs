//! The texts that were given, and by whom: a flag before the environment before the file before
//! the default.

use super::{Fallback, Key, SETTINGS, Setting, SettingsError, setting};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The flags that were given on the command line.
pub type Flags = BTreeMap<Key, String>;

/// What the process finds around itself, handed in so that a test decides what that is.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// One variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The text of one file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

impl Surroundings<'static> {
    /// The process's own environment and the machine's files.
    pub fn of_process() -> Self {
        Self { env: &|name| std::env::var_os(name), read: &|path| std::fs::read_to_string(path) }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// The TOML file.
    File,
    /// Nobody gave it.
    Default,
}

impl Source {
    /// As `sekali config` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// The text of every setting that was given. An empty text counts as not given.
pub struct Values {
    given: BTreeMap<Key, (String, Source)>,
    file: Option<PathBuf>,
}

impl Values {
    /// Collects what was given. An error when the file cannot be read, is no TOML or sets what is
    /// no setting, and for a variable that is not UTF-8.
    pub fn gather(flags: &Flags, surroundings: Surroundings<'_>) -> Result<Self, SettingsError> {
        let mut values = Self { given: BTreeMap::new(), file: None };
        for setting in SETTINGS {
            if let Some(text) = flags.get(&setting.key) {
                values.give(setting.key, text.clone(), Source::Flag);
            }
            if let Some(raw) = (surroundings.env)(setting.env) {
                let text = raw.into_string().map_err(|_| not_utf8(setting))?;
                values.give(setting.key, text, Source::Environment);
            }
        }
        values.take_file(surroundings)?;
        Ok(values)
    }

    /// What was given for `key`, or its default where that is a value.
    pub fn text(&self, key: Key) -> Option<&str> {
        match (self.given.get(&key), setting(key).fallback) {
            (Some((text, _)), _) => Some(text),
            (None, Fallback::Value(text)) => Some(text),
            (None, Fallback::Computed(_) | Fallback::Unset) => None,
        }
    }

    /// Where the value of `key` came from.
    pub fn source(&self, key: Key) -> Source {
        self.given.get(&key).map_or(Source::Default, |(_, source)| *source)
    }

    /// The TOML file that was read.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Who comes first stays.
    fn give(&mut self, key: Key, text: String, source: Source) {
        if !text.is_empty() {
            self.given.entry(key).or_insert((text, source));
        }
    }

    fn take_file(&mut self, surroundings: Surroundings<'_>) -> Result<(), SettingsError> {
        let Some(path) = self.text(Key::Config).map(PathBuf::from) else { return Ok(()) };
        let text = (surroundings.read)(&path).map_err(|error| unreadable(&path, &error))?;
        let table = text.parse::<toml::Table>().map_err(|error| no_toml(&path, &text, &error))?;
        for (name, value) in table {
            let setting = in_file(&name).ok_or_else(|| unknown(&path, &name))?;
            let text = as_text(value).ok_or_else(|| wrong_type(&path, setting))?;
            self.give(setting.key, text, Source::File);
        }
        self.file = Some(path);
        Ok(())
    }
}

/// The file cannot name another file.
fn in_file(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key != Key::Config && setting.toml_key() == name)
}

/// Strings, whole numbers and booleans, and a list of strings where the setting is a list.
fn as_text(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        toml::Value::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn not_utf8(setting: &Setting) -> SettingsError {
    SettingsError::new(format!("{} is not UTF-8: {}", setting.env, setting.advice()))
}

fn unreadable(path: &Path, error: &io::Error) -> SettingsError {
    SettingsError::new(format!(
        "SEKALI_CONFIG names {}, which cannot be read ({error}): give a TOML file that can",
        path.display()
    ))
}

/// The parser's own words may quote the line, and with it a secret, so only its place is told.
fn no_toml(path: &Path, text: &str, error: &toml::de::Error) -> SettingsError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    SettingsError::new(format!(
        "SEKALI_CONFIG names {}, which is not TOML in line {line}: write settings as name = \"value\"",
        path.display()
    ))
}

fn unknown(path: &Path, name: &str) -> SettingsError {
    SettingsError::new(format!(
        "SEKALI_CONFIG names {}, which sets {name:?}, no setting of Sekali's: give only names that `sekali config` lists",
        path.display()
    ))
}

fn wrong_type(path: &Path, setting: &Setting) -> SettingsError {
    SettingsError::new(format!(
        "{} ({} in {}) is neither a text, a whole number nor true or false: {}",
        setting.env,
        setting.toml_key(),
        path.display(),
        setting.advice()
    ))
}
