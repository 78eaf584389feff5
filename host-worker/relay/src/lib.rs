//! The outbox of the orders, handed to a log in order.
//!
//! A component commits a change and the event that tells of it in one transaction; the [`Relay`] reads what was committed and appends it to
//! an [`EventLog`]. It wakes when this process commits; what other processes commit is found by a slow look.

mod event;
mod log;
mod outbox;
mod position;
mod relay;

pub use event::Event;
pub use log::{AppendError, EventLog, MemoryLog, Missed, Subscription};
pub use outbox::Outbox;
pub use position::Positions;
pub use relay::{Relay, RelayConfig, RelayError};
