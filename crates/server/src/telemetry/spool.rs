//! Log lines on their way out: no request waits for a disk or a pipe, and hardly one wakes the thread that writes.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Lines that may wait, some megabytes. If what takes the log stands still for longer, further lines are lost, and counted
/// in `sekali_log_lines_lost_total`: payments go on.
const LINES: usize = 16_384;
/// Room for lines that is kept from one write to the next.
const ROOM: usize = 256 * 1024;
/// How long lines gather after a write. To wake a thread costs more than to make a line: a server at work would wake it
/// for each one.
const REST: Duration = Duration::from_millis(5);
/// Longest wait for a log that stands still when the process is told to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lines that wait, behind one another.
#[derive(Default)]
struct Waiting {
    text: Vec<u8>,
    lines: usize,
    /// Whether the thread that writes sleeps until it is woken.
    asleep: bool,
    ends: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    wakes: Condvar,
}

impl Shared {
    /// Nothing panics while it holds this, and what stands there is whole lines in any case.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where lines are put.
pub struct Spool(Arc<Shared>);

/// Writes them out, in a thread of its own.
pub struct Spooler {
    shared: Arc<Shared>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// Starts writing to `out`.
///
/// # Errors
/// The system has no thread left.
pub fn start(out: impl Write + Send + 'static) -> std::io::Result<(Spool, Spooler)> {
    start_resting(out, REST)
}

fn start_resting(out: impl Write + Send + 'static, rest: Duration) -> std::io::Result<(Spool, Spooler)> {
    let shared = Arc::new(Shared::default());
    let (ends, ended) = sync_channel(0);
    let source = Arc::clone(&shared);
    let work = move || {
        let _ends: SyncSender<()> = ends;
        write_out(out, &source, rest);
    };
    std::thread::Builder::new().name("log".into()).spawn(work)?;
    Ok((Spool(Arc::clone(&shared)), Spooler { shared, ended }))
}

impl Spooler {
    /// Writes out what was put there until now. Later lines are lost: call it when nothing runs any more. A log that stands
    /// still is waited for, but not for ever.
    pub fn finish(self) {
        self.shared.lock().ends = true;
        self.shared.wakes.notify_one();
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

impl Write for Spool {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.lines >= LINES {
            drop(waiting);
            metrics::counter!("sekali_log_lines_lost_total").increment(1);
            return Ok(line.len());
        }
        waiting.text.extend_from_slice(line);
        waiting.lines += 1;
        if std::mem::take(&mut waiting.asleep) {
            drop(waiting);
            self.0.wakes.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes whatever has gathered since the last write. What cannot be written is lost: nobody could be told.
fn write_out(mut out: impl Write, shared: &Shared, rest: Duration) {
    let mut text = Vec::with_capacity(ROOM);
    loop {
        let ends = take(shared, &mut text);
        let _ = out.write_all(&text).and_then(|()| out.flush());
        if ends {
            return;
        }
        text.clear();
        text.shrink_to(ROOM);
        let awaits_end = |waiting: &mut Waiting| !waiting.ends;
        drop(shared.wakes.wait_timeout_while(shared.lock(), rest, awaits_end));
    }
}

/// Sleeps until there are lines, and takes them in exchange for `text`, which is empty; whether they are the last.
fn take(shared: &Shared, text: &mut Vec<u8>) -> bool {
    let mut waiting = shared.lock();
    while waiting.text.is_empty() && !waiting.ends {
        waiting.asleep = true;
        waiting = shared.wakes.wait(waiting).unwrap_or_else(PoisonError::into_inner);
    }
    std::mem::swap(&mut waiting.text, text);
    waiting.lines = 0;
    waiting.asleep = false;
    waiting.ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};

    /// Takes what is written when it is let, and tells when it begins to wait for that.
    struct Gate {
        waits: Sender<()>,
        opened: Receiver<()>,
        written: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.waits.send(());
            let _ = self.opened.recv();
            self.written.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_log_that_stands_still_and_its_lines_come_in_order_and_together() {
        let ((waits, waiting), (open, opened)) = (channel(), channel());
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut spool, spooler) = start(Gate { waits, opened, written: written.clone() }).unwrap();
        spool.write_all(b"0\n").unwrap();
        waiting.recv().unwrap();
        // All of this returns though nothing is taken: some of it is lost.
        for line in 1..=LINES + 100 {
            spool.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        drop(open);
        spooler.finish();
        let written = written.lock().unwrap();
        let expected: Vec<String> = (1..=LINES).map(|line| format!("{line}\n")).collect();
        assert_eq!(written[0], b"0\n");
        assert_eq!(String::from_utf8(written[1..].concat()).unwrap(), expected.concat());
        assert!(written.len() < 10, "{} writes", written.len());
    }

    #[test]
    fn after_a_write_lines_gather_and_the_end_does_not_wait_for_more() {
        let ((waits, waiting), (open, opened)) = (channel(), channel());
        let written = Arc::new(Mutex::new(Vec::new()));
        let gate = Gate { waits, opened, written: written.clone() };
        let (mut spool, spooler) = start_resting(gate, Duration::from_secs(3600)).unwrap();
        spool.write_all(b"first\n").unwrap();
        waiting.recv().unwrap();
        open.send(()).unwrap();
        while written.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        for line in 0..1000 {
            spool.write_all(format!("{line}\n").as_bytes()).unwrap();
            std::thread::yield_now();
        }
        drop(open);
        spooler.finish();
        let written = written.lock().unwrap();
        assert_eq!(written.len(), 2, "lines did not gather");
        assert_eq!(std::str::from_utf8(&written[1]).unwrap().lines().count(), 1000);
    }

    #[test]
    fn the_end_does_not_wait_for_ever_for_a_log_that_stands_still() {
        for lines in [1, LINES + 100] {
            let ((waits, waiting), (_shut, opened)) = (channel(), channel());
            let (mut spool, spooler) = start(Gate { waits, opened, written: Arc::default() }).unwrap();
            for _ in 0..lines {
                spool.write_all(b"line\n").unwrap();
            }
            waiting.recv().unwrap();
            let (tells, told) = channel();
            std::thread::spawn(move || {
                spooler.finish();
                tells.send(()).unwrap();
            });
            told.recv_timeout(Duration::from_secs(20)).expect("the process would never end");
        }
    }
}
