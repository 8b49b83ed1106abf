//! A PostgreSQL of the demo's own.

use super::super::Told;
use super::super::kept::Kept;
use super::{Missing, find, free_port, until};
use sekali_core::ports::Clock;
use std::fs::{self, File, Permissions};
use std::future::ready;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian puts its programs: a folder a version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// It ends with this value.
pub(super) struct Postgres {
    _process: Kept,
    port: u16,
}

/// Whom a program runs as.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Postgres {
    /// Makes a database in `folder`, and starts a server for it. Commits are durable, as PostgreSQL comes.
    pub(super) async fn start(folder: &Path, clock: &dyn Clock) -> Told<Self> {
        let missing = || Missing { program: "PostgreSQL", package: "postgresql" };
        let programs = programs().ok_or_else(missing)?;
        let owner = stand_in()?;
        make(folder, owner)?;
        let data = folder.join("data");
        initialise(&programs, &data, owner).await?;

        let port = free_port()?;
        let (server, port_text) = (programs.join("postgres"), port.to_string());
        let arguments = [text(&server)?, "-D", text(&data)?, "-p", &port_text];
        let only_here = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="];
        let log = File::create(folder.join("log"))?;
        let process = Kept::run(&[&arguments[..], &only_here].concat(), |command| {
            command.stderr(log).current_dir(folder);
            run_as(command, owner);
        })?;
        until(clock, "the demo's PostgreSQL does not start", || ready(is_ready(&data))).await?;
        Ok(Self { _process: process, port })
    }

    /// The address of its database.
    pub(super) fn url(&self) -> String {
        format!("postgres://sekali@127.0.0.1:{}/postgres", self.port)
    }
}

/// The folder of `initdb` and `postgres`; of several versions the newest.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<_> = fs::read_dir(DEBIAN).into_iter().flatten().flatten().collect();
    versions.sort_by_key(|version| version.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    let folders = versions.iter().rev().map(|version| version.path().join("bin"));
    find("initdb", folders)?.parent().map(Path::to_owned).filter(|folder| folder.join("postgres").is_file())
}

/// Who runs it if root runs the demo: PostgreSQL refuses to be run by root.
fn stand_in() -> Told<Option<Owner>> {
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let found = ["postgres", "nobody"].iter().find_map(|name| owner(&users, name));
    Ok(Some(found.ok_or("there is neither a user postgres nor a user nobody to run PostgreSQL")?))
}

/// The user of this name in the lines of `passwd(5)`.
fn owner(users: &str, name: &str) -> Option<Owner> {
    let mut fields =
        users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
    let (user, group) = (fields.nth(2)?, fields.next()?);
    Some(Owner { user: user.parse().ok()?, group: group.parse().ok()? })
}

fn make(folder: &Path, owner: Option<Owner>) -> Told<()> {
    fs::create_dir(folder)?;
    if let Some(owner) = owner {
        chown(folder, Some(owner.user), Some(owner.group))?;
        // The one that it lies in has to be passed through.
        if let Some(parent) = folder.parent() {
            fs::set_permissions(parent, Permissions::from_mode(0o711))?;
        }
    }
    Ok(())
}

async fn initialise(programs: &Path, data: &Path, owner: Option<Owner>) -> Told<()> {
    let mut command = Command::new(programs.join("initdb"));
    command
        .args([
            "--username=sekali",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--pgdata",
        ])
        .arg(data)
        .env_clear()
        .current_dir(programs)
        .stdin(Stdio::null());
    run_as(&mut command, owner);
    let made = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
    if made.status.success() {
        return Ok(());
    }
    Err(format!("the demo's PostgreSQL cannot be set up: {}", String::from_utf8_lossy(&made.stderr)).into())
}

fn run_as(command: &mut Command, owner: Option<Owner>) {
    if let Some(owner) = owner {
        command.uid(owner.user).gid(owner.group);
    }
}

/// The server notes in the eighth line of its pid file that it takes connections.
fn is_ready(data: &Path) -> bool {
    let note = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    note.lines().nth(7).is_some_and(|state| state.trim() == "ready")
}

fn text(path: &Path) -> Told<&str> {
    Ok(path.to_str().ok_or("a folder of the demo's has a name that is no text")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:\npostgres:x:104:110:a, b:/var:/bin/sh\n";
        let found = owner(users, "postgres").unwrap();
        assert_eq!((found.user, found.group), (104, 110));
        assert!(owner(users, "nobody").is_none());
        assert!(owner("nobody:x", "nobody").is_none(), "a line that breaks off");
    }
}
