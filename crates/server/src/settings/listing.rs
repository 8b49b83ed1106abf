//! What is in force, fit to be shown.

use super::read::socket_address;
use super::{DatabaseUrl, Key, SETTINGS, Setting, Source, Values, mask};

/// One setting as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its row in the table.
    pub name: &'static str,
    /// The value, secrets and passwords masked; `None` when it is unset.
    pub value: Option<String>,
    /// Who gave it.
    pub source: Source,
    /// What it is.
    pub meaning: &'static str,
}

/// Every setting in the table's order. Values are shown as they were given, right or wrong.
pub fn listing(values: &Values) -> Vec<Listed> {
    let listed = |row: &Setting| Listed {
        name: row.env,
        value: shown(values, row),
        source: values.source(row.key),
        meaning: row.meaning,
    };
    SETTINGS.iter().map(listed).collect()
}

fn shown(values: &Values, row: &Setting) -> Option<String> {
    match values.text(row.key) {
        Some(_) if row.secret => Some("***".into()),
        Some(text) => Some(mask(text)),
        None => computed(values, row.key),
    }
}

/// The defaults that follow from other settings.
fn computed(values: &Values, key: Key) -> Option<String> {
    match key {
        Key::PublicUrl => {
            let listen = socket_address(values.text(Key::Listen)?).ok()?;
            (listen.port() != 0).then(|| format!("http://{listen}"))
        }
        Key::AutoMigrate => {
            let url = DatabaseUrl::parse(values.text(Key::DatabaseUrl)?).ok()?;
            Some(u8::from(matches!(url, DatabaseUrl::Sqlite(_))).to_string())
        }
        _ => None,
    }
}
