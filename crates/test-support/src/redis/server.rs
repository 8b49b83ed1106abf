//! Redis servers that a test may do anything to.

use crate::free_port;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Attempts to find a port that nobody else takes between our looking and Redis' listening.
const PORTS_TRIED: usize = 10;
/// How often, and how long apart, a starting server is asked whether it is there: ten seconds.
const ASKED: usize = 1000;
const PAUSE: Duration = Duration::from_millis(10);

/// A Redis of this test's own, on a loopback port. Every write is in the system's hands before it is
/// answered (though not on the disk: that would take longer than a call may), so that a Redis that
/// was killed comes back with what it held. It ends with this value.
pub struct TestRedis {
    /// `redis://127.0.0.1:…`.
    pub url: String,
    port: u16,
    folder: PathBuf,
    process: Option<Child>,
    /// Of whom it is a replica when it starts.
    behind: Option<SocketAddr>,
}

/// Starts a Redis: the program that `REDIS_SERVER` names, or `redis-server` from the path.
///
/// # Panics
/// When it cannot be started: the test that wanted it has then failed.
pub fn server() -> TestRedis {
    let mut failure = String::new();
    for _ in 0..PORTS_TRIED {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("sekali-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder in the system's temporary folder");
        let mut server =
            TestRedis { url: format!("redis://127.0.0.1:{port}"), port, folder, process: None, behind: None };
        match server.start() {
            Ok(()) => return server,
            Err(error) => failure = error,
        }
    }
    panic!("this test needs Redis, and {failure}; install redis-server, or name one in REDIS_SERVER");
}

impl TestRedis {
    fn start(&mut self) -> Result<(), String> {
        let program = std::env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut process = command(&program, self)
            .spawn()
            .map_err(|error| format!("{program} could not be started: {error}"))?;
        for _ in 0..ASKED {
            if let Ok(Some(status)) = process.try_wait() {
                return Err(format!("{program} ended at once: {status}"));
            }
            if answers(self.port) {
                self.process = Some(process);
                return Ok(());
            }
            sleep(PAUSE);
        }
        end(&mut process);
        Err(format!("{program} did not answer"))
    }

    /// Ends the process at once, as a crash does. Nobody listens on the port afterwards.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            end(&mut process);
        }
    }

    /// Starts it again on the same port, with what it held; ends it first if it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        self.start().expect("a Redis that started before starts again");
    }

    /// Starts it again as a replica of another one, which it has been from the first moment on.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart_behind(&mut self, primary: SocketAddr) {
        self.behind = Some(primary);
        self.restart();
    }

    /// Stops the process where it is (`SIGSTOP`): connections stay open, nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets a paused process go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("a Redis that runs");
        let status = Command::new("kill").args([signal, &process.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "the signal {signal} reaches our own process");
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        self.kill();
        // What cannot be deleted is left to the system's own cleaning of temporary folders.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn command(program: &str, server: &TestRedis) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--port", &server.port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "no", "--dir"])
        .arg(&server.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(primary) = server.behind {
        command.args(["--replicaof", &primary.ip().to_string(), &primary.port().to_string()]);
    }
    command
}

fn end(process: &mut Child) {
    // Either may fail only because the process has ended by itself.
    let _ = process.kill();
    let _ = process.wait();
}

/// Whether a Redis is there and has loaded its data: asked in its inline form, so that no client
/// library is needed here.
fn answers(port: u16) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = [0; 7];
    stream.set_read_timeout(Some(Duration::from_secs(1))).is_ok()
        && stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"+PONG\r\n"
}
