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
