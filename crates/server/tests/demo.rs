//! `sekali demo`, as a process: the story holds, and nothing of it stays behind.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

use sekali::system::SystemClock;
use sekali_core::ports::Clock;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A stop takes no longer (contract, part 10).
const LONGEST_STOP: Duration = Duration::from_secs(10);

fn demo(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_sekali"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .args(arguments)
        // What stands in the environment must not reach a demo: here it would break it.
        .envs([
            ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("STRIPE_SECRET_KEY", "sk_live_not_for_demos"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// The address in the demo's first line: `Sekali on http://127.0.0.1:1234: …`.
fn address(first_line: &str) -> String {
    let from = first_line.find("http://").expect("an address") + "http://".len();
    first_line[from..].split(": ").next().expect("its end").to_owned()
}

#[test]
fn every_line_of_the_story_holds() {
    let mut child = demo(&["--exit"]);
    let mut said = String::new();
    child.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    let status = child.wait().expect("an end");
    assert!(status.success(), "{said}");
    let marks = |mark: &str| said.lines().filter(|line| line.starts_with(mark)).count();
    assert_eq!((marks("  ok  "), marks("  NO  ")), (13, 0), "{said}");
    for told in [
        "201 new",
        "double click, 5 ms later",
        "the retry, with the same key",
        "payment 1 is completed",
        "“Anda sudah membayar.”",
        "no rows",
        "first payment, median",
        "One charge, and every line held.",
    ] {
        assert!(said.contains(told), "{told:?} is missing in\n{said}");
    }
    let lines_with_times =
        said.lines().filter(|line| line.starts_with("  ok  ")).all(|line| line.ends_with(" ms"));
    assert!(lines_with_times, "{said}");
}

#[test]
fn a_demo_killed_half_way_leaves_no_port_and_its_folder_goes_with_the_next_one() {
    let mut child = demo(&[]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let address = address(&lines.next().expect("a line").expect("text"));
    assert!(TcpStream::connect(&address).is_ok(), "it listens while it tells");
    child.kill().expect("it is killed");
    child.wait().expect("an end");
    assert!(TcpStream::connect(&address).is_err(), "nobody listens any more");

    let folder = std::env::temp_dir().join(format!("sekali-demo-{}", child.id()));
    assert!(folder.exists(), "a killed process cannot tidy up");
    assert!(demo(&["--exit"]).wait_with_output().expect("an end").status.success());
    assert!(!folder.exists(), "the next demo has tidied up");
}

#[test]
fn a_demo_that_is_told_to_stop_in_the_middle_of_its_story_ends_without_an_invitation() {
    let mut child = demo(&[]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    lines.next().expect("a line").expect("text");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill runs").success());
    let rest: Vec<_> = lines.map_while(Result::ok).collect();
    assert!(child.wait().expect("an end").success());
    assert!(!rest.iter().any(|line| line.starts_with("Open http://")), "{rest:?}");
    assert!(!std::env::temp_dir().join(format!("sekali-demo-{pid}")).exists(), "its folder is gone");
}

#[test]
fn a_demo_stays_up_until_it_is_told_to_stop() {
    let mut child = demo(&[]);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let address = address(&lines.next().expect("a line").expect("text"));
    let open = lines.map_while(Result::ok).find(|line| line.starts_with("Open http://"));
    assert!(open.is_some_and(|line| line.contains(&address)), "it says what to open");
    assert!(TcpStream::connect(&address).is_ok());

    let clock = SystemClock::new();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert!(child.wait().expect("an end").success());
    assert!(clock.monotonic() < LONGEST_STOP);
    assert!(!std::env::temp_dir().join(format!("sekali-demo-{pid}")).exists(), "its folder is gone");
}
