//! Where a demo keeps its database: a folder that goes with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const PREFIX: &str = "sekali-demo-";

/// A folder below the machine's temporary one, named by this process, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes it, and removes those of demos that were killed.
    pub(crate) fn make() -> io::Result<Self> {
        let parent = std::env::temp_dir();
        remove_orphans(&parent);
        Self::at(parent.join(format!("{PREFIX}{}", std::process::id())))
    }

    /// A further one of this process.
    pub(crate) fn named(name: &str) -> io::Result<Self> {
        Self::at(std::env::temp_dir().join(format!("{PREFIX}{}-{name}", std::process::id())))
    }

    fn at(path: PathBuf) -> io::Result<Self> {
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is an orphan of the next demo's.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A folder whose process is gone belongs to nobody.
fn remove_orphans(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let of = |name: &str| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok();
        let Some(pid) = name.to_str().and_then(of) else { continue };
        if Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{pid}")).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
