//! The relay and a real Kafka broker, whose address (host:port) is in KESSAI_TEST_KAFKA; `cargo xtask services up kafka` starts one.

#![allow(clippy::unwrap_used)]

mod broken;
mod messages;
mod reader;
#[path = "../support/mod.rs"]
mod support;
mod topics;
mod workers;

use kessai_relay::{
    RelayConfig,
    kafka::{KafkaLog, KafkaSettings, create_topics},
};
use std::{sync::Arc, time::Duration};

/// The broker that all tests share; each has topics of its own.
fn broker() -> String {
    std::env::var("KESSAI_TEST_KAFKA").expect(
        "KESSAI_TEST_KAFKA is not set to a broker's host:port; `cargo xtask services up kafka` starts one",
    )
}

fn settings() -> KafkaSettings {
    let prefix = format!("test-{:016x}.", rand::random::<u64>());
    KafkaSettings::plaintext(&broker(), &prefix).unwrap()
}

/// A log with its topics.
async fn log() -> (KafkaSettings, Arc<KafkaLog>) {
    let settings = settings();
    create_topics(&settings, 6, 1).await.unwrap();
    let log = Arc::new(KafkaLog::new(settings.clone()).unwrap());
    (settings, log)
}

fn quick() -> RelayConfig {
    RelayConfig {
        interval: Duration::from_millis(10),
        backoff: (Duration::from_millis(10), Duration::from_millis(200)),
        lease: Duration::from_secs(1),
        measure: Duration::from_millis(20),
        ..RelayConfig::default()
    }
}
