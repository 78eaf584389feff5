//! `kessai topics`

use super::table::Table;
use crate::{ManifestOption, relays, settings::Settings};
use anyhow::{Context, Result};
use clap::Subcommand;
use kessai_relay::kafka::{KafkaSettings, Made, Topic, create_topics, list_topics};
use std::process::ExitCode;

/// Make or list the topics of events and alerts on Kafka
///
/// The brokers are those of the variable kafka_brokers; kafka_topic_prefix stands before every name.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,

    #[command(flatten)]
    manifest: ManifestOption,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the topics that are not there yet
    ///
    /// May be repeated: a topic that is there stays as it is. Choose the number of partitions for good: more of them later would take
    /// orders to another partition in the middle of their events.
    Create {
        /// Partitions of each topic; so many workers can share the events
        #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=1000))]
        partitions: u16,

        /// Copies of each partition, on as many brokers: 3 where events must outlive a broker
        #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=9))]
        replication: u16,
    },
    /// Show the topics; exit code 1 if one is missing
    List,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let settings = Settings::read(&options.manifest.manifest)?;
    let kafka = relays::kafka_settings(&settings)?.context(
        "no Kafka is named: set SPIN_VARIABLE_KAFKA_BROKERS to host:port, several separated by commas",
    )?;
    match options.action {
        Action::Create {
            partitions,
            replication,
        } => create(&kafka, partitions, replication).await,
        Action::List => list(&kafka).await,
    }
}

async fn create(kafka: &KafkaSettings, partitions: u16, replication: u16) -> Result<ExitCode> {
    let mut table = Table::new(&["TOPIC", "PARTITIONS", "COPIES", ""]);
    for (topic, made) in create_topics(kafka, partitions, replication).await? {
        let asked = (usize::from(partitions), usize::from(replication));
        let remark = match made {
            Made::Created => "created",
            Made::Existed if topic.layout == Some(asked) => "was there",
            Made::Existed => "was there, and stays as it is",
        };
        table.row(cells(&topic).into_iter().chain([remark.to_owned()]));
    }
    print!("{table}");
    Ok(ExitCode::SUCCESS)
}

async fn list(kafka: &KafkaSettings) -> Result<ExitCode> {
    let topics = list_topics(kafka).await?;
    let mut table = Table::new(&["TOPIC", "PARTITIONS", "COPIES"]);
    for topic in &topics {
        table.row(cells(topic));
    }
    print!("{table}");
    Ok(if topics.iter().all(|topic| topic.layout.is_some()) {
        ExitCode::SUCCESS
    } else {
        eprintln!("Topics are missing: `kessai topics create` makes them.");
        ExitCode::FAILURE
    })
}

fn cells(topic: &Topic) -> [String; 3] {
    let (partitions, copies) = match topic.layout {
        Some((partitions, copies)) => (partitions.to_string(), copies.to_string()),
        None => ("missing".to_owned(), "-".to_owned()),
    };
    [topic.name.clone(), partitions, copies]
}
