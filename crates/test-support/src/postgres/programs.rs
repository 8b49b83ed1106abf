//! Where PostgreSQL's programs are, and how they are run.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable that names the folder of PostgreSQL's programs.
const GIVEN: &str = "PG_BIN";
/// Where Debian puts them, one folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder of `initdb` and `postgres`; the newest, if there are several.
pub(super) fn folder() -> PathBuf {
    if let Some(given) = std::env::var_os(GIVEN).map(PathBuf::from) {
        assert!(given.join("initdb").exists(), "{GIVEN} names {}, which has no initdb", given.display());
        return given;
    }
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let folders =
        versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    folders.max_by_key(|bin| version(bin)).unwrap_or_else(|| {
        panic!(
            "this test needs PostgreSQL: set TEST_DATABASE_URL to the address of a superuser, or {GIVEN} \
             to the folder of its programs, or install Debian's package postgresql"
        )
    })
}

fn version(bin: &Path) -> u32 {
    let name = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// `program`, as a user whom PostgreSQL accepts: it refuses to run as root.
pub(super) fn command(program: &str) -> Command {
    let Some(user) = stand_in() else { return Command::new(program) };
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--", program]);
    command
}

/// Who runs the server when root runs the tests.
pub(super) fn stand_in() -> Option<&'static str> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = |name: &str| users.lines().any(|line| line.split(':').next() == Some(name));
    ["postgres", "nobody"].into_iter().find(|name| known(name))
}
