//! The outbox of the orders, handed to logs in order: the one within this process, and Kafka.
//!
//! A component commits a change and the event that tells of it in one transaction; the [`Relay`] reads what was committed and appends it to
//! an [`EventLog`]. It wakes when this process commits; what other processes commit is found by a slow look. A log that several workers share
//! is fed by the one that holds its [`Lease`].

mod backlog;
mod event;
pub mod kafka;
mod lease;
mod link;
mod log;
mod outbox;
mod position;
mod pruner;
mod relay;
mod settled;

pub use backlog::{Backlog, Failure, Standing};
pub use event::Event;
pub use lease::{Fence, Lease};
pub use link::Source;
pub use log::{AppendError, EventLog, MemoryLog, Missed, Subscription};
pub use outbox::Outbox;
pub use position::Positions;
pub use pruner::Pruner;
pub use relay::{Relay, RelayConfig, RelayError};
