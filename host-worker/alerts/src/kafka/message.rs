//! Kafka messages as records, and events of ours as messages.

use crate::processor::Record;
use domain::topic;
use kessai_relay::kafka::KafkaSettings;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
    producer::FutureRecord,
};

const SOURCE: &str = "/kessai/alerts";

/// A message as it is read; one without a type or a key becomes a record without one, which is malformed.
pub(super) fn record(settings: &KafkaSettings, message: &BorrowedMessage<'_>) -> Record {
    let (mut id, mut kind) = (None, None);
    if let Some(headers) = message.headers() {
        for header in headers.iter() {
            let wanted = match header.key {
                "ce_id" => &mut id,
                "ce_type" => &mut kind,
                _ => continue,
            };
            *wanted = header
                .value
                .map(|value| String::from_utf8_lossy(value).into_owned());
        }
    }
    let name = message.topic();
    let plain = topic::ALL
        .into_iter()
        .find(|plain| name.ends_with(plain) && settings.topic(plain) == name);
    Record {
        topic: plain.unwrap_or_default().to_owned(),
        offset: message.offset(),
        id,
        kind: kind.unwrap_or_default(),
        key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
        data: message.payload().unwrap_or_default().to_vec(),
    }
}

/// An event of the alert processor's own, in CloudEvents' binary mode.
#[derive(Debug)]
pub(super) struct Told {
    /// With the deployment's prefix.
    pub(super) topic: String,
    pub(super) kind: &'static str,
    pub(super) id: String,
    pub(super) key: String,
    pub(super) data: String,
    /// ISO 8601.
    pub(super) time: String,
}

impl Told {
    pub(super) fn message(&self) -> FutureRecord<'_, str, str> {
        let headers = [
            ("ce_id", self.id.as_str()),
            ("ce_type", self.kind),
            ("ce_source", SOURCE),
            ("ce_specversion", "1.0"),
            ("ce_time", self.time.as_str()),
            ("content-type", "application/json"),
        ];
        let headers = headers.into_iter().fold(
            OwnedHeaders::new_with_capacity(headers.len()),
            |owned, (key, value)| {
                owned.insert(Header {
                    key,
                    value: Some(value),
                })
            },
        );
        let message = FutureRecord::to(&self.topic)
            .key(self.key.as_str())
            .payload(self.data.as_str())
            .headers(headers);
        // The message's own time is the event's.
        match self.time.parse::<domain::Instant>() {
            Ok(at) => message.timestamp(at.millis()),
            Err(_) => message,
        }
    }
}
