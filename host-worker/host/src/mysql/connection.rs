//! What a component calls a connection.

use super::{
    Error,
    host::ParameterValue,
    pool::{Lease, Outcome, Pool},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How long after its request's end a connection that the component keeps may hold its session.
const GRACE: Duration = Duration::from_millis(250);

/// A guest's connection: a pool, and a session of it from the first statement on.
#[derive(Debug)]
pub(super) struct Connection {
    pool: Arc<Pool>,
    /// Held while a statement runs: statements of one connection run one after the other.
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// No statement yet, or none that has left anything behind.
    Unused,
    Open(Lease, Instant),
    /// The session is gone, and with it what the guest believes to have begun.
    Lost,
}

impl Connection {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self {
            pool,
            state: tokio::sync::Mutex::new(State::Unused),
        }
    }

    /// Runs one statement. `deadline`: when its request's time is up.
    pub(super) async fn run(
        &self,
        sql: &str,
        parameters: Vec<ParameterValue>,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let mut state = self.state.lock().await;
        // If this future is dropped while the statement runs, that stays.
        let mut lease = match std::mem::replace(&mut *state, State::Lost) {
            State::Open(lease, _) => lease,
            State::Lost => return Err(Error::Lost),
            State::Unused => match self.pool.lend(deadline).await {
                Ok(lease) => lease,
                Err(error) => {
                    *state = State::Unused;
                    return Err(error);
                }
            },
        };
        let outcome = lease.run(sql, parameters, deadline).await;
        if !lease.is_lost() {
            *state = State::Open(lease, deadline);
        }
        outcome
    }

    /// Takes the session back if its request's time is up, unless a statement is running: that one has its own deadline. The request's end
    /// does that already; this is for a component that keeps a connection beyond its request.
    pub(super) fn expire(&self, now: Instant) {
        let Ok(mut state) = self.state.try_lock() else {
            return;
        };
        let State::Open(lease, deadline) = &*state else {
            return;
        };
        if now > *deadline + GRACE {
            *state = if lease.is_clean() {
                State::Unused
            } else {
                tracing::warn!("a transaction outlived its request and was rolled back");
                State::Lost
            };
        }
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lease")
    }
}
