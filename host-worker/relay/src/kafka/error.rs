//! What can go wrong with Kafka.

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

/// Kafka did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// No answer in time. Time helps.
    #[error("no answer from Kafka at {brokers}: {reason}")]
    Unavailable { brokers: String, reason: String },
    /// An operator makes it: it would get the broker's number of partitions if it came by itself.
    #[error("Kafka has no topic {0}: `kessai topics create` makes it")]
    NoTopic(String),
    /// Kafka answered with no. Only another configuration helps, here or there.
    #[error("Kafka refuses {what}: {reason}")]
    Refused { what: String, reason: String },
    /// This client cannot go on; the next one can.
    #[error("the Kafka client gave up: {0}")]
    Fatal(String),
    /// librdkafka does not take the settings.
    #[error("the Kafka client cannot be made: {0}")]
    Client(String),
}

impl KafkaError {
    /// Whether the same again may well succeed without anybody doing something.
    pub fn is_retriable(&self) -> bool {
        matches!(self, KafkaError::Unavailable { .. } | KafkaError::Fatal(_))
    }

    /// What librdkafka said about `what`.
    pub fn of(error: &ClientError, what: &str, brokers: &str) -> KafkaError {
        let reason = || error.to_string();
        let Some(code) = error.rdkafka_error_code() else {
            return match error {
                ClientError::Canceled => {
                    KafkaError::Fatal("it was closed with messages under way".to_owned())
                }
                ClientError::AdminOp(code) => KafkaError::of_code(*code, what, brokers),
                _ => KafkaError::Client(reason()),
            };
        };
        KafkaError::of_code(code, what, brokers)
    }

    pub(super) fn of_code(code: RDKafkaErrorCode, what: &str, brokers: &str) -> KafkaError {
        use RDKafkaErrorCode as Code;
        let reason = code.to_string();
        match code {
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                KafkaError::NoTopic(what.to_owned())
            }
            Code::Fatal
            | Code::GaplessGuarantee
            | Code::OutOfOrderSequenceNumber
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch => KafkaError::Fatal(reason),
            Code::MessageSizeTooLarge
            | Code::MessageBatchTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidTopic
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::PolicyViolation
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidConfig
            | Code::InvalidRecord
            | Code::InvalidArgument => KafkaError::Refused {
                what: what.to_owned(),
                reason,
            },
            _ => KafkaError::Unavailable {
                brokers: brokers.to_owned(),
                reason,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_what_helps() {
        let of = |code| {
            KafkaError::of(
                &ClientError::MessageProduction(code),
                "orders.events.v1",
                "k:9092",
            )
        };
        for (code, retriable) in [
            (RDKafkaErrorCode::MessageTimedOut, true),
            (RDKafkaErrorCode::NotEnoughReplicas, true),
            (RDKafkaErrorCode::AllBrokersDown, true),
            (RDKafkaErrorCode::GaplessGuarantee, true),
            (RDKafkaErrorCode::MessageSizeTooLarge, false),
            (RDKafkaErrorCode::TopicAuthorizationFailed, false),
        ] {
            assert_eq!(of(code).is_retriable(), retriable, "{code:?}");
        }
        assert_eq!(
            of(RDKafkaErrorCode::UnknownTopicOrPartition).to_string(),
            "Kafka has no topic orders.events.v1: `kessai topics create` makes it"
        );
    }
}
