//! Where events go.

use crate::Event;
use futures::{FutureExt, future::BoxFuture};
use std::sync::Arc;
use tokio::sync::broadcast;

/// The log did not take every event; whether it took some of the rest is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log did not take the events: {reason}")]
pub struct AppendError {
    /// So many from the start of the batch are safe and need not be offered again.
    pub taken: usize,
    /// Whether trying again is enough, without anybody doing something.
    pub is_retriable: bool,
    pub reason: String,
}

/// A log that keeps events in order.
///
/// # Contract
///
/// - The caller appends one batch at a time, in the outbox's order, and the next one only after `Ok`. After an error it goes on with the first event
///   that was not taken, so a log sees an event once or more, never out of order for its key except as a repeat.
/// - `Ok` means that every event of the batch is as safe as this log makes events: the caller will not offer them again.
/// - A batch may be dropped half-way; it counts as failed.
pub trait EventLog: Send + Sync + 'static {
    /// Names the log among those that one outbox feeds: each has a position of its own.
    fn name(&self) -> &str;

    /// Whether all workers feed the same log, so that one of them does. Otherwise each feeds its own.
    fn is_shared(&self) -> bool {
        false
    }

    fn append<'a>(&'a self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Result<(), AppendError>>;
}

/// The log within this process: those who listen get every event from then on. It keeps nothing for those who come later, because
/// the outbox is still there.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    sender: broadcast::Sender<Arc<Event>>,
}

impl MemoryLog {
    /// A listener may lie `capacity` events behind before it misses some.
    pub fn new(capacity: usize) -> MemoryLog {
        MemoryLog {
            sender: broadcast::Sender::new(capacity.max(1)),
        }
    }

    pub fn subscribe(&self) -> Subscription {
        Subscription {
            receiver: self.sender.subscribe(),
        }
    }
}

impl EventLog for MemoryLog {
    fn name(&self) -> &str {
        "memory"
    }

    fn append<'a>(&'a self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Result<(), AppendError>> {
        for event in events {
            // An error says that nobody listens, which is nobody's loss.
            let _ = self.sender.send(Arc::clone(event));
        }
        futures::future::ready(Ok(())).boxed()
    }
}

/// The listener was too slow and lost events; it goes on with the oldest that is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were missed")]
pub struct Missed(pub u64);

/// A listener's place in a [`MemoryLog`].
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Event>>,
}

impl Subscription {
    /// The next event; `None` when the log is gone. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<Result<Arc<Event>, Missed>> {
        match self.receiver.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Err(Missed(count))),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}
