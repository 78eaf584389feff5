//! Kafka messages as records, and events of ours as messages.

use crate::heard::{Heard, Raw};
use domain::topic;
use kessai_relay::kafka::KafkaSettings;
use rdkafka::{
    Message,
    message::{BorrowedMessage, Header, Headers, OwnedHeaders},
    producer::FutureRecord,
};

const SOURCE: &str = "/kessai/alerts";

/// The names that a deployment gives the topics.
#[derive(Clone, Debug)]
pub(super) struct Names(Vec<(String, &'static str)>);

impl Names {
    pub(super) fn new(settings: &KafkaSettings) -> Names {
        Names(topic::ALL.map(|plain| (settings.topic(plain), plain)).into())
    }

    fn plain(&self, name: &str) -> &'static str {
        let found = self.0.iter().find(|(ours, _)| ours == name);
        found.map_or("", |(_, plain)| plain)
    }

    /// Reads a message; one without a type or a key is malformed.
    pub(super) fn read(&self, message: &BorrowedMessage<'_>) -> Heard {
        let raw = Raw {
            topic: self.plain(message.topic()),
            offset: message.offset(),
            kind: header(message, "ce_type").unwrap_or_default(),
            key: message.key().unwrap_or_default(),
            data: message.payload().unwrap_or_default(),
        };
        raw.read(|| header(message, "ce_id").map(str::to_owned))
    }
}

fn header<'a>(message: &'a BorrowedMessage<'_>, key: &str) -> Option<&'a str> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == key)?;
    std::str::from_utf8(found.value?).ok()
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
