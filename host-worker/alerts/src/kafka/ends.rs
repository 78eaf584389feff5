//! Up to where there is anything to read.

use super::{KafkaAlertsError, STREAMS};
use kessai_relay::kafka::{KafkaContext, KafkaError, KafkaSettings};
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::{FromClientConfigAndContext, RDKafkaLogLevel},
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const LIMIT: Duration = Duration::from_secs(5);

/// For each partition, where the streams end, in their order.
pub(super) type Ends = BTreeMap<i32, [i64; 2]>;

/// Says what librdkafka says; decides nothing about groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        KafkaContext.log(level, facility, message);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        KafkaContext.error(error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// A client that asks and reads nothing. It blocks, so threads that may block use it.
#[derive(Clone)]
pub(super) struct Watch {
    settings: KafkaSettings,
    client: Arc<BaseConsumer<Quiet>>,
}

impl Watch {
    pub(super) fn new(settings: &KafkaSettings) -> Result<Watch, KafkaAlertsError> {
        // Without a group it belongs to none.
        let client = BaseConsumer::from_config_and_context(&settings.client(), Quiet)
            .map_err(|error| KafkaAlertsError::of(&error, "a client", settings))?;
        Ok(Watch {
            settings: settings.clone(),
            client: Arc::new(client),
        })
    }

    /// That the streams are cut alike.
    pub(super) fn check_partitions(&self) -> Result<(), KafkaAlertsError> {
        let metadata = self
            .client
            .fetch_metadata(None, LIMIT)
            .map_err(|error| KafkaAlertsError::of(&error, "its metadata", &self.settings))?;
        let count = |stream: &str| {
            let name = self.settings.topic(stream);
            let found = metadata.topics().iter().find(|topic| topic.name() == name);
            match found.map_or(0, |topic| topic.partitions().len()) {
                0 => Err(KafkaError::NoTopic(name)),
                count => Ok((name, count)),
            }
        };
        let [(orders, of_orders), (payments, of_payments)] = [count(STREAMS[0])?, count(STREAMS[1])?];
        if of_orders == of_payments {
            return Ok(());
        }
        Err(KafkaAlertsError::Partitions(format!(
            "{orders} has {of_orders}, {payments} has {of_payments}"
        )))
    }

    /// Where these partitions end. Of none it is asked whether Kafka answers at all.
    pub(super) fn ends(&self, partitions: &[i32]) -> Result<Ends, KafkaAlertsError> {
        let failed =
            |error: rdkafka::error::KafkaError| KafkaAlertsError::of(&error, STREAMS[0], &self.settings);
        let names = STREAMS.map(|stream| self.settings.topic(stream));
        if partitions.is_empty() {
            self.client
                .fetch_metadata(Some(&names[0]), LIMIT)
                .map_err(failed)?;
            return Ok(Ends::new());
        }
        // All in one request for each broker.
        let mut asked = TopicPartitionList::new();
        for name in &names {
            for partition in partitions {
                asked
                    .add_partition_offset(name, *partition, Offset::End)
                    .map_err(failed)?;
            }
        }
        let found = self.client.offsets_for_times(asked, LIMIT).map_err(failed)?;
        let mut ends = Ends::new();
        for element in found.elements() {
            element.error().map_err(failed)?;
            let Offset::Offset(end) = element.offset() else {
                let reason = format!("{}/{}: no end", element.topic(), element.partition());
                let brokers = self.settings.brokers().to_owned();
                return Err(KafkaError::Unavailable { brokers, reason }.into());
            };
            let stream = usize::from(element.topic() == names[1]);
            ends.entry(element.partition()).or_default()[stream] = end;
        }
        Ok(ends)
    }
}
