//! Events of ours to Kafka: each acknowledged by every in-sync replica, or an error.

use super::{KafkaAlertsError, message::Told};
use kessai_relay::kafka::{KafkaContext, KafkaSettings};
use rdkafka::{config::FromClientConfigAndContext, producer::FutureProducer};
use std::time::Duration;

/// For the brokers to take a batch.
const DELIVERY: Duration = Duration::from_secs(10);

/// A producer that is made when it is needed, and anew after a failure: one that has given up stays so.
pub(super) struct Producer {
    settings: KafkaSettings,
    client: Option<FutureProducer<KafkaContext>>,
}

impl Producer {
    pub(super) fn new(settings: KafkaSettings) -> Producer {
        Producer {
            settings,
            client: None,
        }
    }

    pub(super) fn settings(&self) -> &KafkaSettings {
        &self.settings
    }

    /// At least once: after an error it is unknown what has arrived.
    pub(super) async fn send(&mut self, events: &[Told]) -> Result<(), KafkaAlertsError> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect(&self.settings)?).clone(),
        };
        let sent = events.iter().map(|event| client.send(event.message(), DELIVERY));
        for (event, delivery) in events.iter().zip(futures::future::join_all(sent).await) {
            if let Err((error, _)) = delivery {
                self.forget();
                return Err(KafkaAlertsError::of(&error, &event.topic, &self.settings));
            }
        }
        Ok(())
    }

    fn forget(&mut self) {
        let client = self.client.take();
        // It waits for its own threads.
        std::thread::spawn(move || drop(client));
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.forget();
    }
}

fn connect(settings: &KafkaSettings) -> Result<FutureProducer<KafkaContext>, KafkaAlertsError> {
    let mut config = settings.client();
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", DELIVERY.as_millis().to_string())
        .set("linger.ms", "1")
        // As Java's clients and the relay do it.
        .set("partitioner", "murmur2_random");
    FutureProducer::from_config_and_context(&config, KafkaContext)
        .map_err(|error| KafkaAlertsError::of(&error, "a producer", settings))
}
