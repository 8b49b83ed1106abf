//! A folder of the run's own, and free ports.

use crate::trouble::{Outcome, While};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder that goes with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes one, in the system's folder of temporary files.
    pub(crate) fn new() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("sekali-bench-{}", std::process::id()));
        std::fs::create_dir(&path).while_doing(format!("making {}", path.display()))?;
        // PostgreSQL's user has to pass through.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o711))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is lost but room on the disk if it stays.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port of the loopback address on which nobody listens now.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).while_doing("looking for a free port")?;
    Ok(listener.local_addr()?.port())
}
