//! The log that other systems read: Kafka.

mod context;
mod error;
mod log;
mod message;
mod settings;
mod topics;

pub use context::KafkaContext;
pub use error::KafkaError;
pub use log::KafkaLog;
pub use settings::{KafkaSettings, SettingsError};
pub use topics::{Made, Topic, create_topics, list_topics};
