//! Tests that the documentation is true: what it names exists, and what is generated is current.

use crate::settings::{Fallback, SETTINGS};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Words in backticks that look like paths of this repository.
fn paths(text: &str) -> Vec<String> {
    let words = text.split('`').skip(1).step_by(2);
    let roots = ["crates/", "web/", "docs/", ".ci/", "./dev"];
    let is_path =
        |word: &&str| roots.iter().any(|root| word.starts_with(root)) && !word.contains([' ', '<', '*', '{']);
    words.filter(is_path).map(|word| word.trim_end_matches('/').to_owned()).collect()
}

#[test]
fn every_file_that_a_document_names_exists() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "docs/idempotency.md",
        "docs/operating.md",
        "docs/guarantee.md",
        "docs/integrating.md",
        "docs/stripe.md",
    ] {
        let named = paths(&read(document));
        for path in &named {
            assert!(root().join(path).exists(), "{document} names {path}, which is not there");
        }
    }
    assert!(paths(&read("ARCHITECTURE.md")).len() > 25, "the map names the tree");
}

#[test]
fn the_page_of_settings_is_current() {
    let current = settings_page();
    let path = root().join("docs/settings.md");
    if std::env::var_os("SEKALI_UPDATE_DOCS").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == current,
        "docs/settings.md is old: SEKALI_UPDATE_DOCS=1 cargo nextest run the_page_of_settings"
    );
}

fn settings_page() -> String {
    let mut page = String::from(
        "# Settings\n\nGenerated from the program's own table. A flag counts before the environment, that before the TOML file \
         (`--config FILE` or `SEKALI_CONFIG`), that before the default. `sekali config` prints what is in force.\n\n\
         | environment | flag | TOML | default | meaning |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let default = match setting.fallback {
            Fallback::Value(text) | Fallback::Computed(text) => format!("`{text}`"),
            Fallback::Unset => "unset".into(),
        };
        let (env, flag, toml) = (setting.env, setting.flag, setting.toml_key());
        let _ = writeln!(
            page,
            "| `{env}` | `--{flag}` | `{toml}` | {default} | {} |",
            setting.meaning.replace('|', "\\|")
        );
    }
    page
}
