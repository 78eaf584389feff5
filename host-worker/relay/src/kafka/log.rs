//! The producer's side.

use super::{KafkaContext, KafkaError, KafkaSettings, message, topics};
use crate::{AppendError, Event, EventLog};
use futures::{FutureExt, future::BoxFuture};
use rdkafka::{
    ClientConfig,
    config::FromClientConfigAndContext,
    producer::{DeliveryFuture, FutureProducer, Producer, PurgeConfig},
};
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time;

type Client = FutureProducer<KafkaContext>;

/// All brokers of the cluster together have so long to take one batch.
const DELIVERY_LIMIT: Duration = Duration::from_secs(20);
/// They have so long to tell which topics there are.
const METADATA_LIMIT: Duration = Duration::from_secs(5);
/// And so long where somebody waits for [`KafkaLog::check`]'s answer.
const CHECK_LIMIT: Duration = Duration::from_millis(1_500);

/// Appends events to Kafka, keyed by order.
///
/// # Contract
///
/// `Ok` means that every in-sync replica has every event of the batch. Per key, what arrives is in order and without a gap, over retries, broker failures and
/// restarts: the producer is idempotent and never gives up on one message while it sends a later one. A batch that fails takes its producer with it, since
/// whether its messages arrived is unknown; the next producer sends them again from the first one that was not acknowledged.
pub struct KafkaLog {
    settings: KafkaSettings,
    config: ClientConfig,
    delivery_limit: Duration,
    /// Absent after a failure, until it is needed.
    client: Mutex<Option<Client>>,
    /// The topics that were seen since the last failure.
    known: Mutex<HashSet<String>>,
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog")
            .field("settings", &self.settings)
            .finish()
    }
}

impl KafkaLog {
    /// Checks the settings; connects only when there is something to send.
    pub fn new(settings: KafkaSettings) -> Result<KafkaLog, KafkaError> {
        let mut config = settings.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // Neither time nor an error lets one message fail before those after it: we end the whole producer instead.
            .set("message.timeout.ms", "0")
            .set("enable.gapless.guarantee", "true")
            .set("request.timeout.ms", "10000")
            .set("socket.timeout.ms", "15000")
            // A batch is handed over at once; waiting longer would gather nothing.
            .set("linger.ms", "1")
            // As Java's clients do it, so that theirs find the same partition.
            .set("partitioner", "murmur2_random");
        let log = KafkaLog {
            settings,
            config,
            delivery_limit: DELIVERY_LIMIT,
            client: Mutex::new(None),
            known: Mutex::default(),
        };
        let client = log.connect()?;
        *log.client() = Some(client);
        Ok(log)
    }

    /// Another time for a batch, instead of 20 s.
    #[must_use]
    pub fn with_delivery_limit(self, delivery_limit: Duration) -> KafkaLog {
        KafkaLog {
            delivery_limit,
            ..self
        }
    }

    /// Asks the brokers whether they are there, with every topic. Answers within 2 s.
    pub async fn check(&self) -> Result<(), KafkaError> {
        self.find_topics(&self.existing()?, &domain::topic::ALL, CHECK_LIMIT)
            .await
    }

    fn client(&self) -> MutexGuard<'_, Option<Client>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, HashSet<String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> Result<Client, KafkaError> {
        Client::from_config_and_context(&self.config, KafkaContext)
            .map_err(|error| KafkaError::Client(error.to_string()))
    }

    fn existing(&self) -> Result<Client, KafkaError> {
        let mut client = self.client();
        match &*client {
            Some(client) => Ok(client.clone()),
            None => Ok(client.insert(self.connect()?).clone()),
        }
    }

    /// Producing to a topic that is not there would make it on many clusters, with whatever number of partitions they like.
    async fn find_topics(&self, client: &Client, names: &[&str], limit: Duration) -> Result<(), KafkaError> {
        let (client, brokers) = (client.clone(), self.settings.brokers().to_owned());
        let there = tokio::task::spawn_blocking(move || topics::names(client.client(), &brokers, limit))
            .await
            .map_err(|error| KafkaError::Fatal(error.to_string()))??;
        match names
            .iter()
            .map(|name| self.settings.topic(name))
            .find(|name| !there.contains(name))
        {
            Some(missing) => Err(KafkaError::NoTopic(missing)),
            None => Ok(()),
        }
    }

    /// Looks for the events' topics, unless it has seen them.
    async fn know_topics(&self, client: &Client, events: &[Arc<Event>]) -> Result<(), KafkaError> {
        let mut names: Vec<&str> = events.iter().map(|event| event.topic.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| !self.known().contains(*name));
        if !names.is_empty() {
            self.find_topics(client, &names, METADATA_LIMIT).await?;
            self.known().extend(names.into_iter().map(str::to_owned));
        }
        Ok(())
    }

    async fn deliver(&self, events: &[Arc<Event>], taken: &mut usize) -> Result<(), KafkaError> {
        let mut hand = Hand {
            log: self,
            client: self.existing()?,
            is_done: false,
        };
        let deadline = time::Instant::now() + self.delivery_limit;
        self.know_topics(&hand.client, events).await?;

        let mut refused = None;
        let mut under_way: Vec<(String, DeliveryFuture)> = Vec::with_capacity(events.len());
        for event in events {
            let topic = self.settings.topic(&event.topic);
            match hand.client.send_result(message::record(event, &topic)) {
                Ok(delivery) => under_way.push((topic, delivery)),
                Err((error, _)) => {
                    refused = Some(self.error(&hand.client, &error, &format!("event {}", event.id)));
                    break;
                }
            }
        }
        for (topic, delivery) in under_way {
            match time::timeout_at(deadline, delivery).await {
                Ok(Ok(Ok(_))) => *taken += 1,
                Ok(Ok(Err((error, _)))) => return Err(self.error(&hand.client, &error, &topic)),
                Ok(Err(_)) => return Err(KafkaError::Fatal("the producer ended".to_owned())),
                Err(_) => {
                    return Err(KafkaError::Unavailable {
                        brokers: self.settings.brokers().to_owned(),
                        reason: format!("not acknowledged within {} s", self.delivery_limit.as_secs_f32()),
                    });
                }
            }
        }
        match refused {
            Some(error) => Err(error),
            None => {
                hand.is_done = true;
                Ok(())
            }
        }
    }

    /// The reason behind an error, where the producer knows it better than the message.
    fn error(&self, client: &Client, error: &rdkafka::error::KafkaError, what: &str) -> KafkaError {
        match client.client().fatal_error() {
            Some((code, reason)) => KafkaError::Fatal(format!("{what}: {reason} ({code})")),
            None => KafkaError::of(error, what, self.settings.brokers()),
        }
    }
}

/// The producer while a batch is in its hands. Unless the whole batch was taken, nothing of it may be sent any more: it will be offered again.
struct Hand<'a> {
    log: &'a KafkaLog,
    client: Client,
    is_done: bool,
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        self.log.client().take();
        self.log.known().clear();
        let client = self.client.clone();
        // Purging, and the end of its threads, may take a while.
        std::thread::spawn(move || {
            client.purge(PurgeConfig::default().queue().inflight());
            drop(client);
        });
    }
}

impl EventLog for KafkaLog {
    fn name(&self) -> &str {
        "kafka"
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn append<'a>(&'a self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Result<(), AppendError>> {
        async move {
            let mut taken = 0;
            self.deliver(events, &mut taken)
                .await
                .map_err(|error| AppendError {
                    taken,
                    is_retriable: error.is_retriable(),
                    reason: error.to_string(),
                })
        }
        .boxed()
    }
}
