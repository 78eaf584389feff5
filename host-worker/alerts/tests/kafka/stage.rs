//! Topics and tables of a test's own, and workers on them.

use crate::support::{Files, raised, shop::Shop};
use domain::{Instant, topic};
use futures::future::join_all;
use kessai_alerts::{KafkaAlerts, KafkaConfig, Record, Status, Store, rules};
use kessai_relay::{
    Lease,
    kafka::{KafkaSettings, create_topics},
};
use rdkafka::{
    config::FromClientConfig,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The broker that all tests share; each has topics of its own.
pub(crate) fn settings() -> KafkaSettings {
    let broker = std::env::var("KESSAI_TEST_KAFKA").expect(
        "KESSAI_TEST_KAFKA is not set to a broker's host:port; `cargo xtask services up kafka` starts one",
    );
    let prefix = format!("test-{:016x}.", rand::random::<u64>());
    KafkaSettings::plaintext(&broker, &prefix).unwrap()
}

pub(crate) struct Stage {
    pub(crate) settings: KafkaSettings,
    pub(crate) shop: Shop,
    producer: FutureProducer,
}

impl Stage {
    pub(crate) async fn new(partitions: u16) -> Stage {
        Stage::on(Shop::on_sqlite().await, partitions).await
    }

    /// With the worker's tables where the shop has them.
    pub(crate) async fn on(shop: Shop, partitions: u16) -> Stage {
        let mut stage = Stage::bare(settings()).await;
        stage.shop = shop;
        create_topics(&stage.settings, partitions, 1).await.unwrap();
        stage
    }

    /// Without topics.
    pub(crate) async fn bare(settings: KafkaSettings) -> Stage {
        let mut config = settings.client();
        config
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random");
        Stage {
            producer: FutureProducer::from_config(&config).unwrap(),
            shop: Shop::on_sqlite().await,
            settings,
        }
    }

    /// Tells events, in this order in each partition.
    pub(crate) async fn tell(&self, records: &[Record]) {
        let sent = records.iter().map(async |record| {
            let header = |key, value| Header {
                key,
                value: Some(value),
            };
            let mut headers = OwnedHeaders::new().insert(header("ce_type", record.kind.as_str()));
            if let Some(id) = &record.id {
                headers = headers.insert(header("ce_id", id.as_str()));
            }
            let topic = self.settings.topic(&record.topic);
            let mut message = FutureRecord::to(&topic)
                .key(&record.key)
                .payload(&record.data)
                .headers(headers);
            // As the relay does it: when it was committed.
            if let Some(at) = time(&record.data) {
                message = message.timestamp(at.millis());
            }
            self.producer.send(message, PATIENCE).await.unwrap();
        });
        join_all(sent).await;
    }

    pub(crate) async fn worker(&self) -> Worker {
        self.worker_with(quick()).await
    }

    pub(crate) async fn worker_with(&self, config: KafkaConfig) -> Worker {
        let owner = format!("{:016x}", rand::random::<u64>());
        let length = Duration::from_secs(2);
        let lease = Lease::open(self.shop.worker(), "alerts", &owner, length)
            .await
            .unwrap();
        let alerts = KafkaAlerts::new(self.settings.clone(), self.store().await, lease, config);
        let (status, stop) = (alerts.status(), CancellationToken::new());
        Worker {
            status,
            task: tokio::spawn(alerts.run(stop.clone())),
            stop,
        }
    }

    pub(crate) async fn store(&self) -> Store {
        self.shop.store().await
    }

    /// For tests that look into the tables themselves.
    pub(crate) fn files(&self) -> &Files {
        match &self.shop {
            Shop::Sqlite(files) => files,
            Shop::MySql { .. } => panic!("this test's tables are files"),
        }
    }

    /// Until the table has these alerts, as (rule, order); it may never have others.
    pub(crate) async fn until_raised(&self, wanted: &[(String, String)]) {
        let store = self.store().await;
        let waited = async {
            loop {
                let raised = raised(&store).await;
                if let Some(other) = raised.iter().find(|alert| !wanted.contains(alert)) {
                    panic!("a false alert: {other:?}");
                }
                if raised == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waited).await.is_err() {
            assert_eq!(raised(&store).await, wanted);
        }
    }

    /// Alerts of the table and of the topic are the same, each once.
    pub(crate) async fn assert_once_everywhere(&self, wanted: &[(String, String)]) {
        assert_eq!(raised(&self.store().await).await, wanted);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let seen = crate::seen::read(&self.settings, topic::ALERTS).await;
        let mut seen: Vec<(String, String)> = seen
            .iter()
            .map(|alert| (text(&alert.data["ruleId"]), text(&alert.data["orderNo"])))
            .collect();
        seen.sort();
        assert_eq!(seen, wanted);
    }

    /// Until so many workers share the partitions.
    pub(crate) async fn until_shared_by(&self, workers: usize) {
        eventually(&format!("{workers} workers in the group"), async || {
            self.members().await == Some(workers)
        })
        .await;
    }

    /// `None` while they are still sharing them out.
    async fn members(&self) -> Option<usize> {
        let (config, group) = (self.settings.client(), self.settings.topic("kessai-alerts"));
        tokio::task::spawn_blocking(move || {
            let client =
                BaseConsumer::<rdkafka::consumer::DefaultConsumerContext>::from_config(&config).unwrap();
            let groups = client
                .fetch_group_list(Some(&group), Duration::from_secs(10))
                .ok()?;
            let group = groups.groups().iter().find(|found| found.name() == group)?;
            (group.state() == "Stable").then(|| group.members().len())
        })
        .await
        .unwrap()
    }
}

/// When it happened, if it says so.
fn time(data: &[u8]) -> Option<Instant> {
    let data: serde_json::Value = serde_json::from_slice(data).ok()?;
    data["at"].as_str()?.parse().ok()
}

/// Looks often, settles soon, small batches.
pub(crate) fn quick() -> KafkaConfig {
    KafkaConfig {
        interval: Duration::from_millis(50),
        session: Duration::from_secs(6),
        settling: Duration::from_secs(2),
        batch: 16,
        ..KafkaConfig::new(rules::Config::default())
    }
}

pub(crate) struct Worker {
    pub(crate) status: Status,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Worker {
    pub(crate) async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("the worker does not end")
            .unwrap();
    }
}

/// Looks again and again until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("gave up waiting: {what}"));
}
