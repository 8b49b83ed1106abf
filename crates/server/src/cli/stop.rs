//! Being told to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears SIGTERM and SIGINT.
///
/// It is made before anything else says that the program is there: a signal that comes between that and the waiting
/// for it is kept, and not lost.
pub(super) struct Stop(Option<[Signal; 2]>);

impl Stop {
    /// Hears from now on; within a runtime. Where the system gives no signals, nobody can tell.
    pub(super) fn listen() -> Self {
        let hear = |kind| signal(kind).ok();
        Self(hear(SignalKind::terminate()).zip(hear(SignalKind::interrupt())).map(<[Signal; 2]>::from))
    }

    /// Returns when the process was asked to end.
    pub(super) async fn told(&mut self) {
        let Some([terminate, interrupt]) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Duration;

    #[tokio::test]
    async fn what_is_asked_before_anybody_waits_is_not_lost() {
        let process = std::process::id().to_string();
        for signal in ["-TERM", "-INT"] {
            let (mut stop, mut witness) = (Stop::listen(), Stop::listen());
            assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
            // Once one has been told, whoever begins to listen now hears nothing of it any more.
            for (who, heard) in [("the witness", &mut witness), ("who comes later", &mut stop)] {
                let told = tokio::time::timeout(Duration::from_secs(10), heard.told()).await;
                assert!(told.is_ok(), "{signal} is lost to {who}");
            }
        }
    }
}
