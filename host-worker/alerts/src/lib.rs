//! Consistency rules over the order and payment events.
//!
//! [`rules`] decides, without I/O; what is known of each order, how far each stream was read and what was raised stand in the worker's database and are
//! committed together. [`InProcess`] reads the outbox of this machine's shop, [`KafkaAlerts`] the topics, of which several workers have their parts.

mod heard;
pub mod http;
mod in_process;
mod kafka;
mod processor;
pub mod rules;
mod status;
mod store;
mod watermark;

pub use heard::{Heard, Record};
pub use in_process::{InProcess, InProcessConfig, InProcessError, STREAM};
pub use kafka::{KafkaAlerts, KafkaAlertsError, KafkaConfig};
pub use processor::{Destination, Partition, Prepared};
pub use status::Status;
pub use store::{
    ActError, Action, Alert, AuditEntry, Claim, Commit, Counts, DeadLetter, Filter, Page,
    Status as AlertStatus, Store, StoreError, StoredState, Summary,
};
pub use watermark::Watermark;
