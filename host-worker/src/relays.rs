//! The outbox to its logs: this process's own, and Kafka where the variables name brokers.

use crate::settings::Settings;
use anyhow::{Context, Result};
use futures::{FutureExt, future::BoxFuture};
use kessai_ops::{Database, Databases, Probe};
use kessai_relay::{
    EventLog, Failure, MemoryLog, Pruner, Relay, RelayConfig, Source, Standing,
    kafka::{KafkaLog, KafkaSettings},
};
use std::{path::Path, sync::Arc};

/// One relay for each log, and what deletes events that all of them have.
#[derive(Debug)]
pub(crate) struct Relays {
    pub(crate) relays: Vec<Relay>,
    pub(crate) pruner: Pruner,
    pub(crate) kafka: Option<KafkaHealth>,
}

/// The brokers, as the variables name them.
pub(crate) fn kafka_settings(settings: &Settings) -> Result<Option<KafkaSettings>> {
    KafkaSettings::from_variables(|name| settings.value(name).unwrap_or_default())
        .context("Kafka's variables (SPIN_VARIABLE_KAFKA_…)")
}

/// Where relay and alerts find a database.
pub(crate) fn source(databases: &Databases, database: Database) -> Source {
    match databases {
        Databases::Sqlite(data) => Source::Sqlite(database.file(data)),
        Databases::MySql(server) => Source::MySql(Box::new(server.options(database))),
    }
}

impl Relays {
    /// `memory` is the log within this process. The databases must be migrated; Kafka may be down.
    pub(crate) async fn open(data: &Path, settings: &Settings, memory: MemoryLog) -> Result<Relays> {
        let databases = settings.databases(data)?;
        let (orders, worker) = (
            source(&databases, Database::Orders),
            source(&databases, Database::Worker),
        );
        let open = async |log| Relay::open(&orders, &worker, log, RelayConfig::default()).await;
        let mut logs = vec![memory.name().to_owned()];
        let mut relays = vec![open(Arc::new(memory)).await?];
        let mut kafka = None;
        if let Some(settings) = kafka_settings(settings)? {
            let log = Arc::new(KafkaLog::new(settings)?);
            logs.push(log.name().to_owned());
            let relay = open(log.clone()).await?;
            kafka = Some(KafkaHealth {
                log,
                standing: relay.standing(),
            });
            relays.push(relay);
        }
        Ok(Relays {
            pruner: Pruner::new(orders, worker, logs),
            relays,
            kafka,
        })
    }
}

/// Whether Kafka answers, and what waits for it. The shop does its work without: events wait in the outbox.
#[derive(Clone, Debug)]
pub(crate) struct KafkaHealth {
    log: Arc<KafkaLog>,
    standing: Standing,
}

impl KafkaHealth {
    /// What to ask about the relay.
    pub(crate) fn relay(&self) -> RelayProbe {
        RelayProbe(self.standing.clone())
    }
}

impl Probe for KafkaHealth {
    fn name(&self) -> String {
        "kafka".into()
    }

    fn is_required(&self) -> bool {
        false
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let reason = match (self.log.check().await, self.standing.failure()) {
                (Err(error), _) => error.to_string(),
                (Ok(()), Some(Failure::Log(reason))) => reason,
                // Kafka answers. That the relay cannot read what it should hand on is the relay's own state.
                (Ok(()), None | Some(Failure::Database(_))) => return Ok(()),
            };
            let backlog = self.standing.backlog();
            Err(format!(
                "{reason}; {} events wait in the outbox, the oldest for {} s",
                backlog.events,
                backlog.oldest.as_secs()
            ))
        }
        .boxed()
    }
}

/// Whether the relay to Kafka can read what it hands on.
pub(crate) struct RelayProbe(pub(crate) Standing);

impl Probe for RelayProbe {
    fn name(&self) -> String {
        "relay".into()
    }

    fn is_required(&self) -> bool {
        false
    }

    fn needs(&self) -> Vec<String> {
        [Database::Orders, Database::Worker]
            .map(Database::check_name)
            .into()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        let failure = match self.0.failure() {
            Some(Failure::Database(reason)) => Err(reason),
            Some(Failure::Log(_)) | None => Ok(()),
        };
        futures::future::ready(failure).boxed()
    }
}
