//! Log lines on their way out: no request waits for a disk or a pipe.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// Lines that may wait, some megabytes. If what takes the log stands still for longer, further lines are lost, and counted
/// in `sekali_log_lines_lost_total`: payments go on.
const LINES: usize = 16_384;
/// Bytes that are written at once.
const BATCH: usize = 64 * 1024;

/// Longest wait for a log that stands still when the process is told to end.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two tries to put the last message there.
const STEP: Duration = Duration::from_millis(10);

enum Message {
    Line(Vec<u8>),
    End,
}

/// Where lines are put.
pub struct Spool(SyncSender<Message>);

/// Writes them out, in a thread of its own.
pub struct Spooler {
    lines: SyncSender<Message>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

/// Starts writing to `out`.
///
/// # Errors
/// The system has no thread left.
pub fn start(out: impl Write + Send + 'static) -> std::io::Result<(Spool, Spooler)> {
    let (lines, waiting) = sync_channel(LINES);
    let (ends, ended) = sync_channel(0);
    let work = move || {
        let _ends: SyncSender<()> = ends;
        write_out(out, &waiting);
    };
    std::thread::Builder::new().name("log".into()).spawn(work)?;
    Ok((Spool(lines.clone()), Spooler { lines, ended }))
}

impl Spooler {
    /// Writes out what was put there until now. Later lines are lost: call it when nothing runs any more. A log that stands
    /// still is waited for, but not for ever.
    pub fn finish(self) {
        let mut waited = Duration::ZERO;
        while let Err(TrySendError::Full(_)) = self.lines.try_send(Message::End) {
            if waited >= PATIENCE {
                return;
            }
            std::thread::sleep(STEP);
            waited += STEP;
        }
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}

impl Write for Spool {
    /// Takes a whole line.
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.0.try_send(Message::Line(line.to_vec())) {
            metrics::counter!("sekali_log_lines_lost_total").increment(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes whatever has queued up while the last batch was written. What cannot be written is lost: nobody
/// could be told.
fn write_out(mut out: impl Write, waiting: &Receiver<Message>) {
    let mut batch = Vec::new();
    while let Ok(first) = waiting.recv() {
        let mut next = Some(first);
        let mut ends = false;
        while let Some(message) = next {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::End => ends = true,
            }
            next = if ends || batch.len() >= BATCH { None } else { waiting.try_recv().ok() };
        }
        let _ = out.write_all(&batch).and_then(|()| out.flush());
        if ends {
            return;
        }
        batch.clear();
    }
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
