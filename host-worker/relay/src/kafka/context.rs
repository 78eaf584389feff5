//! What librdkafka says by itself.

use rdkafka::{ClientContext, config::RDKafkaLogLevel, error::KafkaError};

/// Brings librdkafka's words to the worker's log. A broker that is away is no error of its own: whoever waits for it says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaContext;

impl ClientContext for KafkaContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(component = "kafka", facility, "{message}");
            }
            _ => tracing::debug!(component = "kafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(component = "kafka", %error, reason, "the client met an error and goes on by itself");
    }
}
