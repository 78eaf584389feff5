//! What can go wrong between Kafka and the tables.

use crate::store::StoreError;
use kessai_relay::kafka::{KafkaError, KafkaSettings};

#[derive(Debug, thiserror::Error)]
pub enum KafkaAlertsError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An order's events would come to one worker and its payments' to another.
    #[error(
        "the events of orders and payments must have the same partitions: {0}; make both topics anew with the same number"
    )]
    Partitions(String),
    #[error("the thread that reads Kafka ended: {0}")]
    Thread(String),
}

impl KafkaAlertsError {
    /// What librdkafka said about `what`.
    pub(super) fn of(error: &rdkafka::error::KafkaError, what: &str, settings: &KafkaSettings) -> Self {
        KafkaError::of(error, what, settings.brokers()).into()
    }
}
