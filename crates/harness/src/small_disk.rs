//! A small file system of a test's own.
//!
//! It is there in a mount namespace of the test's own, which ends with its last process, however that ends. Where
//! the user is not root, a user namespace gives the right to mount, and a second one gives the user back: PostgreSQL
//! refuses to run as root.

use crate::database::Folder;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the small file system to the process that is on it.
const GIVEN: &str = "SEKALI_SMALL_DISK";
/// `$0` bytes at `$1`; who is not root comes back as user `$2` of group `$3`. Then what is left is run.
const MOUNTS: &str = r#"
mount -t tmpfs -o size="$0",mode=1777 tmpfs "$1" || exit 97
user=$2 group=$3
shift 3
if [ "$user" = 0 ]; then exec "$@"; fi
exec unshare --user --map-user="$user" --map-group="$group" "$@"
"#;

/// Plays a test of this name on a file system of so many bytes: in a process of its own, which comes back here.
///
/// # Panics
/// When it has failed, or no such file system can be had: then with a sentence that says so.
pub fn on_a_small_disk(test: &str, bytes: u64, play: impl FnOnce(&Path)) {
    if let Some(folder) = std::env::var_os(GIVEN).map(PathBuf::from) {
        return play(&folder);
    }
    let process = std::fs::metadata("/proc/self").expect("this process");
    let (folder, user, group) = (Folder::new(), process.uid(), process.gid());
    let mut command = Command::new("unshare");
    if user != 0 {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-c", MOUNTS, &bytes.to_string()]).arg(folder.path());
    command.args([user.to_string(), group.to_string()]);
    command.arg(std::env::current_exe().expect("this program")).args(["--exact", test, "--nocapture"]);
    let ended = command.env(GIVEN, folder.path()).status().expect("unshare (Debian's util-linux) can be run");
    assert!(
        ended.success(),
        "{test} on a small file system of its own: {ended}. If nothing else stands above, it cannot be mounted here: \
         that takes root, or user namespaces (unshare --map-root-user --mount)"
    );
}
