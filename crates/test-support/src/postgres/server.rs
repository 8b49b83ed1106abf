//! A private server, in a folder of its own, on a free port of the loopback address.

use super::programs;
use crate::free_port;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Runs the server and waits for one line: the signal to end it with. The end of the input, which
/// comes when the test's process is gone for whatever reason, ends the server and removes its files,
/// so that a killed test leaves nothing behind. A process group of its own keeps it from what is
/// aimed at the test's group.
const KEEPER: &str = r#"
"$@" >"$KEEPER_LOG" 2>&1 </dev/null &
server=$!
if read -r signal; then
    kill -s "$signal" $server; wait $server
else
    kill -s INT $server; wait $server; rm -rf "$KEEPER_DIRECTORY"
fi
"#;

/// Long enough for a laden machine.
const PATIENCE: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// A PostgreSQL server of this process's own. It ends, and its files go, with the last handle or
/// with the process.
pub struct Server {
    directory: PathBuf,
    port: u16,
    keeper: Mutex<Option<Child>>,
}

impl Server {
    /// Starts one.
    ///
    /// # Panics
    /// When PostgreSQL's programs are missing or fail, with their own words.
    pub fn start() -> Arc<Self> {
        Self::start_in(&std::env::temp_dir())
    }

    /// The same with its files in a folder of this one, which everybody may write to.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_in(parent: &Path) -> Arc<Self> {
        let directory = make_directory(parent);
        initialise(&directory);
        // Between the search for a free port and its use somebody else may take it.
        let started = (0..5).find_map(|_| {
            let port = free_port();
            run(&directory, port).map(|keeper| (port, keeper))
        });
        let Some((port, keeper)) = started else {
            panic!("the private PostgreSQL does not start: {}", read_log(&directory));
        };
        Arc::new(Self { directory, port, keeper: Mutex::new(Some(keeper)) })
    }

    /// The address of one of its databases, for its superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://sekali:sekali@127.0.0.1:{}/{database}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends the server as an operator does (`INT`: connections are closed, transactions rolled back).
    pub fn stop(&self) {
        self.end(Some("INT"));
    }

    /// Ends the server as a crash does.
    pub fn kill(&self) {
        self.end(Some("QUIT"));
    }

    /// Kills the server's first process (`kill -9`), and waits until those that it had started are gone as well: they
    /// notice, and must not write any more when another one begins.
    ///
    /// # Panics
    /// When they stay.
    pub fn crash(&self) {
        let children = self.children();
        self.end(Some("KILL"));
        let gone = || children.iter().all(|child| !Path::new("/proc").join(child).exists());
        assert!(wait_until(gone), "processes of the killed PostgreSQL stay: {children:?}");
    }

    fn children(&self) -> Vec<String> {
        let note = std::fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default();
        let first = note.lines().next().unwrap_or_default().to_owned();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let names = processes.filter_map(|process| process.file_name().into_string().ok());
        names.filter(|name| parent(name).as_deref() == Some(first.as_str())).collect()
    }

    /// Starts the server again, with the same files on the same port, after [`Self::stop`] or
    /// [`Self::kill`].
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        let Some(keeper) = run(&self.directory, self.port) else {
            panic!("PostgreSQL does not start again: {}", read_log(&self.directory));
        };
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    fn end(&self, signal: Option<&str>) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            end(keeper, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(None);
        // What the test has stopped itself has nobody left who would remove its files.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The parent of a process: the second field behind the name, which stands in parentheses.
fn parent(process: &str) -> Option<String> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process).join("stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1).map(str::to_owned)
}

fn make_directory(parent: &Path) -> PathBuf {
    let template = parent.join("sekali-postgres.XXXXXXXXXX");
    let made = programs::command("mktemp").arg("-d").arg(template).output();
    let made = made.expect("mktemp makes a folder for the server");
    assert!(made.status.success(), "no folder for the server: {}", String::from_utf8_lossy(&made.stderr));
    PathBuf::from(String::from_utf8_lossy(&made.stdout).trim())
}

fn initialise(directory: &Path) {
    let program = programs::folder().join("initdb");
    let made = programs::command(&program.to_string_lossy())
        .args(["--username=sekali", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"])
        .arg("--pgdata")
        .arg(directory.join("data"))
        .current_dir(directory)
        .output()
        .expect("initdb can be run");
    assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
}

/// Starts the server; `None` if it gave up.
fn run(directory: &Path, port: u16) -> Option<Child> {
    // What the last run left there would be taken for this run's.
    for left in ["data/postmaster.pid", "log"] {
        let _ = std::fs::remove_file(directory.join(left));
    }
    let keeper = keeper(directory, port);
    if wait_until(|| answers(directory) || gave_up(directory)) && answers(directory) {
        return Some(keeper);
    }
    end(keeper, Some("QUIT"));
    None
}

fn end(mut keeper: Child, signal: Option<&str>) {
    if let (Some(signal), Some(input)) = (signal, keeper.stdin.as_mut()) {
        let _ = writeln!(input, "{signal}");
    }
    drop(keeper.stdin.take());
    let _ = keeper.wait();
}

/// Durability against a power cut is not what tests of this kind look at: `fsync` is off, so that
/// they run at the speed of memory. A killed server loses nothing by it.
fn keeper(directory: &Path, port: u16) -> Child {
    let mut command: Command = programs::command("sh");
    command
        .args(["-c", KEEPER, "sh"])
        .arg(programs::folder().join("postgres"))
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
        .args(["-c", "fsync=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB"])
        .env("KEEPER_LOG", directory.join("log"))
        .env("KEEPER_DIRECTORY", directory)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command.spawn().expect("a shell can be run")
}

/// The server notes in its pid file that it takes connections.
fn answers(directory: &Path) -> bool {
    let note = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
    note.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

fn gave_up(directory: &Path) -> bool {
    read_log(directory).contains("database system is shut down")
}

fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let steps = PATIENCE.as_millis() / STEP.as_millis();
    (0..steps).any(|_| {
        std::thread::sleep(STEP);
        done()
    })
}

fn read_log(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("log")).unwrap_or_default()
}
