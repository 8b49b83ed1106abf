//! A wall clock that a test sets, for one process: libfaketime stands between the program and the system's.
//! The monotonic clock, by which time-outs are measured, goes on as it is, as it does on a machine whose clock
//! is set.

use crate::database::Folder;
use std::fs;
use std::path::PathBuf;

/// Names the library.
const GIVEN: &str = "FAKETIME_LIBRARY";

/// A day, in seconds.
pub const DAY: i64 = 86_400;

/// The clock of every program that was started with [`WallClock::settings`].
pub struct WallClock {
    library: PathBuf,
    folder: Folder,
}

impl WallClock {
    /// One that is right at first.
    pub fn new() -> Self {
        let clock = Self { library: library(), folder: Folder::new() };
        clock.set(0);
        clock
    }

    /// What a program has to find in its environment.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file().display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// It is so many seconds ahead of the right time from now on, or behind it.
    pub fn set(&self, ahead: i64) {
        let new = self.folder.path().join("new");
        // Whoever looks at the clock sees the old time or the new one.
        fs::write(&new, format!("{ahead:+}\n")).expect("a file of the test's own");
        fs::rename(&new, self.file()).expect("a file of the test's own");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ahead")
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

/// What `FAKETIME_LIBRARY` names, or Debian's package libfaketime has.
fn library() -> PathBuf {
    if let Some(given) = std::env::var_os(GIVEN).filter(|given| !given.is_empty()) {
        return given.into();
    }
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    let found = libraries.find(|library| library.is_file());
    found.unwrap_or_else(|| {
        panic!("this test needs libfaketime: install Debian's package libfaketime, or name the library in {GIVEN}")
    })
}
