//! Where the programs are that are put to the test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The service itself: what `SEKALI_BIN` names, or the workspace's release binary.
pub fn sekali() -> PathBuf {
    find("SEKALI_BIN", "sekali", "cargo build --release -p sekali")
}

/// The service that dies at a named point: what `SEKALI_FAILPOINTS_BIN` names, or the workspace's
/// release binary.
pub fn failpoints() -> PathBuf {
    find("SEKALI_FAILPOINTS_BIN", "sekali-failpoints", "cargo build --release -p sekali-failpoints")
}

/// The service with a bug: what `SEKALI_SEEDED_BUGS_BIN` names, or the workspace's release binary.
pub fn seeded_bugs() -> PathBuf {
    find("SEKALI_SEEDED_BUGS_BIN", "sekali-seeded-bugs", "cargo build --release -p sekali-seeded-bugs")
}

/// Which program serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The one that is shipped.
    Shipped,
    /// The one with the bug of this name.
    Bugged(&'static str),
}

impl Program {
    /// The command that serves.
    pub fn serve(self) -> Command {
        match self {
            Self::Shipped => serve(),
            Self::Bugged(_) => Command::new(seeded_bugs()),
        }
    }

    /// What it has to be told beside the settings of any server.
    pub fn settings(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Shipped => Vec::new(),
            Self::Bugged(name) => vec![("SEKALI_BUG", name)],
        }
    }
}

/// `sekali serve`.
pub fn serve() -> Command {
    let mut command = Command::new(sekali());
    command.arg("serve");
    command
}

fn find(variable: &str, name: &str, build: &str) -> PathBuf {
    let given = std::env::var_os(variable).filter(|given| !given.is_empty()).map(PathBuf::from);
    let path = given.unwrap_or_else(|| target().join("release").join(name));
    assert!(
        path.is_file(),
        "this test needs {}, which is not there: run `{build}`, or name the program in {variable}",
        path.display()
    );
    path
}

fn target() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), |given| workspace.join(given))
}
