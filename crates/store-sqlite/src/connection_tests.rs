//! What the writer's connection writes to the disk, and when.

use super::*;

/// The writer's connection to a file that goes away, with a table of one row a page.
struct OnFile {
    folder: PathBuf,
    connection: Connection,
}

impl OnFile {
    fn with_pages(name: &str, pages: usize) -> Self {
        let folder = std::env::temp_dir().join(format!("sekali-{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let file = make_file(&folder.join("sekali.db")).unwrap();
        let connection = open_writer(&file).unwrap();
        // It is about what is written, not about whether it stays.
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB);
                 WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {pages})
                 INSERT INTO t SELECT id, zeroblob(3000) FROM n;
                 PRAGMA wal_checkpoint(TRUNCATE)"
            ))
            .unwrap();
        Self { folder, connection }
    }

    fn run(&self, sql: &str) {
        self.connection.execute_batch(sql).unwrap();
    }

    /// How many pages the write-ahead log has had in it at once.
    fn pages_of_the_log(&self) -> u64 {
        let frame = 24 + 4096;
        std::fs::metadata(self.folder.join("sekali.db-wal")).map_or(0, |file| file.len() / frame)
    }
}

impl Drop for OnFile {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// SQLite's temporary files that this process has open: the system shows those without a name by their number.
#[cfg(target_os = "linux")]
fn temporary_files() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let names = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    names.filter(|path| path.file_name().is_some_and(is_temporary)).count()
}

#[cfg(target_os = "linux")]
fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('#') || name.starts_with("etilqs_")
}

/// 800 pages are more than SQLite keeps by itself (500), and 100 more than it remembers by itself how to undo (15).
#[test]
fn nothing_of_a_group_is_written_before_its_commit() {
    let file = OnFile::with_pages("group", 800);
    file.run("BEGIN IMMEDIATE");
    for job in 0..8 {
        file.run(&format!("SAVEPOINT job; UPDATE t SET data = zeroblob(2999) WHERE (id - 1) / 100 = {job}"));
        #[cfg(target_os = "linux")]
        assert_eq!(temporary_files(), 0, "what undoes a job is in a file");
        file.run("RELEASE job");
    }
    assert_eq!(file.pages_of_the_log(), 0, "pages were written before their commit");
    file.run("COMMIT");
    assert!(file.pages_of_the_log() >= 800);
}

/// Left to itself SQLite brings the log into the file at 1,000 pages.
#[test]
fn the_log_is_brought_into_the_file_when_many_pages_have_gathered() {
    let file = OnFile::with_pages("log", 1);
    let change = "UPDATE t SET data = randomblob(3000)";
    (0..3 * CHECKPOINT_PAGES / 4).for_each(|_| file.run(change));
    assert!(file.pages_of_the_log() >= 3000, "{}", file.pages_of_the_log());
    (0..2 * CHECKPOINT_PAGES).for_each(|_| file.run(change));
    assert!(file.pages_of_the_log() < 4100, "{}", file.pages_of_the_log());
}
