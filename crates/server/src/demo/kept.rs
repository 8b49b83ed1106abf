//! Programs that end when the demo does, however it ends.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Runs the program and waits for a line: the signal that ends it. The end of the input comes when the demo's process
/// is gone, by `kill -9` too, and ends the program as well.
const KEEPER: &str = r#"
"$@" </dev/null &
program=$!
read -r signal || signal=TERM
kill -s "$signal" "$program" 2>/dev/null
wait "$program"
"#;

/// A program of the demo's own. It ends with this value, or with the demo's process.
pub(super) struct Kept {
    keeper: Child,
}

impl Kept {
    /// Runs `arguments`, the program first, in a shell that keeps it; `how` says what else is set. The output is
    /// thrown away, unless `how` keeps it.
    pub(super) fn run(arguments: &[&str], how: impl FnOnce(&mut Command)) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", KEEPER, "sh"])
            .args(arguments)
            // Nothing of the environment: it must touch no real database and no real gateway.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is for the demo, which then ends what it has started.
            .process_group(0);
        how(&mut shell);
        Ok(Self { keeper: shell.spawn()? })
    }

    /// What the program says, once, if `how` has piped it.
    pub(super) fn output(&mut self) -> Option<ChildStdout> {
        self.keeper.stdout.take()
    }

    /// `kill -9`. It is gone when this returns.
    pub(super) fn kill(&mut self) {
        self.end("KILL");
    }

    fn end(&mut self, signal: &str) {
        // The pipe is gone if it was ended before, or if somebody else has killed the shell.
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = writeln!(input, "{signal}");
        }
        let _ = self.keeper.wait();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.end("TERM");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::path::Path;

    /// Says its process id, and then becomes something that stays.
    const STAYS: [&str; 3] = ["/bin/sh", "-c", "echo $$; exec sleep 60"];

    fn started() -> (Kept, String) {
        let piped = |shell: &mut Command| {
            shell.stdout(Stdio::piped());
        };
        let mut kept = Kept::run(&STAYS, piped).unwrap();
        let mut line = String::new();
        BufReader::new(kept.output().unwrap()).read_line(&mut line).unwrap();
        (kept, format!("/proc/{}", line.trim()))
    }

    #[test]
    fn a_program_ends_when_it_is_killed_and_with_its_value() {
        let (mut killed, process) = started();
        assert!(Path::new(&process).exists());
        killed.kill();
        assert!(!Path::new(&process).exists());
        let (dropped, process) = started();
        drop(dropped);
        assert!(!Path::new(&process).exists());
    }
}
