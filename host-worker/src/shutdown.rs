//! Being told to stop.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// What the process ends with when it is told a second time: 128 and the signal's number, as a shell has it.
const INTERRUPTED: i32 = 130;

/// SIGINT (Ctrl-C) and SIGTERM.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on signals are noted and do not end the process by themselves.
    pub(crate) fn listen() -> Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The first signal.
    pub(crate) async fn first(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Ends the process at the next signal, whatever it is doing.
    pub(crate) fn exit_at_next(mut self) {
        tokio::spawn(async move {
            self.first().await;
            tracing::warn!(component = "worker", "told to stop again: leaving at once");
            std::process::exit(INTERRUPTED);
        });
    }
}

/// How long requests and sockets may take to finish.
pub(crate) const DRAIN_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Lets this process have as many sockets as the system allows it; shells start with a few thousand at most.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(component = "worker", %error, "the limit of open files stays as it is");
    }
}
