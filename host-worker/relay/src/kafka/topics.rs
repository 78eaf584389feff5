//! The topics themselves.

use super::{KafkaContext, KafkaError, KafkaSettings};
use domain::topic;
use rdkafka::{
    ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::Client,
    config::FromClientConfigAndContext,
    error::RDKafkaErrorCode,
};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(10);
/// Between two looks for a topic that was made.
const LOOK: Duration = Duration::from_millis(100);

/// A topic of ours on the brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// With the prefix.
    pub name: String,
    /// Partitions and copies of each; `None` if there is no such topic.
    pub layout: Option<(usize, usize)>,
}

/// What became of a topic that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    Created,
    /// It was there before, and stays as it is.
    Existed,
}

/// Makes the topics that are not there yet and waits until the brokers know them. Those that are there stay as they are: more partitions would
/// take orders from one partition to another in the middle of their events.
///
/// # Errors
/// The first topic that could not be made; those before it are there.
pub async fn create_topics(
    settings: &KafkaSettings,
    partitions: u16,
    replication: u16,
) -> Result<Vec<(Topic, Made)>, KafkaError> {
    let admin = Arc::new(admin(settings)?);
    let names = topic::ALL.map(|name| settings.topic(name));
    let in_sync = replication.saturating_sub(1).max(1).to_string();
    let wanted: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            NewTopic::new(
                name,
                i32::from(partitions),
                TopicReplication::Fixed(i32::from(replication)),
            )
            // With acks=all: one broker less, and nothing acknowledged is lost with another.
            .set("min.insync.replicas", &in_sync)
            .set("cleanup.policy", "delete")
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(LIMIT))
        .operation_timeout(Some(LIMIT));
    let answers = admin
        .create_topics(&wanted, &options)
        .await
        .map_err(|error| KafkaError::of(&error, "the making of topics", settings.brokers()))?;
    let mut made = Vec::with_capacity(answers.len());
    for answer in answers {
        match answer {
            Ok(name) => made.push((name, Made::Created)),
            Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => made.push((name, Made::Existed)),
            Err((name, code)) => {
                let what = format!("topic {name} with {partitions} partitions, {replication} copies of each");
                return Err(KafkaError::of_code(code, &what, settings.brokers()));
            }
        }
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        let topics = layouts(&admin, settings).await?;
        if topics.iter().all(|topic| topic.layout.is_some()) || Instant::now() > deadline {
            let made = |topic: &Topic| {
                let found = made.iter().find(|(name, _)| *name == topic.name);
                found.map_or(Made::Existed, |(_, made)| *made)
            };
            return Ok(topics
                .into_iter()
                .map(|topic| {
                    let made = made(&topic);
                    (topic, made)
                })
                .collect());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Every topic of ours, there or not.
pub async fn list_topics(settings: &KafkaSettings) -> Result<Vec<Topic>, KafkaError> {
    layouts(&Arc::new(admin(settings)?), settings).await
}

fn admin(settings: &KafkaSettings) -> Result<AdminClient<KafkaContext>, KafkaError> {
    AdminClient::from_config_and_context(&settings.client(), KafkaContext)
        .map_err(|error| KafkaError::Client(error.to_string()))
}

async fn layouts(
    admin: &Arc<AdminClient<KafkaContext>>,
    settings: &KafkaSettings,
) -> Result<Vec<Topic>, KafkaError> {
    let (admin, brokers) = (Arc::clone(admin), settings.brokers().to_owned());
    let there = tokio::task::spawn_blocking(move || {
        let metadata = admin
            .inner()
            .fetch_metadata(None, LIMIT)
            .map_err(|error| KafkaError::of(&error, "its metadata", &brokers))?;
        let layout = |topic: &rdkafka::metadata::MetadataTopic| {
            let copies = topic.partitions().iter().map(|part| part.replicas().len()).min();
            (
                topic.name().to_owned(),
                (topic.partitions().len(), copies.unwrap_or(0)),
            )
        };
        Ok(metadata
            .topics()
            .iter()
            .filter(|topic| !topic.partitions().is_empty())
            .map(layout)
            .collect::<std::collections::HashMap<_, _>>())
    })
    .await
    .map_err(|error| KafkaError::Fatal(error.to_string()))??;
    Ok(topic::ALL
        .map(|name| settings.topic(name))
        .into_iter()
        .map(|name| Topic {
            layout: there.get(&name).copied(),
            name,
        })
        .collect())
}

/// The names of all topics. Blocks for `limit` at most; makes none, as a question for one by its name might.
pub(super) fn names<C: ClientContext>(
    client: &Client<C>,
    brokers: &str,
    limit: Duration,
) -> Result<HashSet<String>, KafkaError> {
    let metadata = client
        .fetch_metadata(None, limit)
        .map_err(|error| KafkaError::of(&error, "its metadata", brokers))?;
    Ok(metadata
        .topics()
        .iter()
        .filter(|topic| !topic.partitions().is_empty())
        .map(|topic| topic.name().to_owned())
        .collect())
}
