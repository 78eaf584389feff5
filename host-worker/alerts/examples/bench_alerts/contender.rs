//! The two: the processor as a worker runs it, and a consumer that only reads.
//!
//! The time of both begins when the group has given them the partitions and ends when the last event is read, for the processor: when it is committed.

use crate::shop::Events;
use anyhow::{Context, Result, ensure};
use domain::topic;
use kessai_alerts::{KafkaAlerts, KafkaConfig, Store, rules};
use kessai_relay::{Lease, kafka::KafkaSettings};
use rdkafka::{
    Message,
    config::FromClientConfig,
    consumer::{BaseConsumer, Consumer, DefaultConsumerContext},
};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(2);

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub seconds: f64,
    /// Seconds of processor time that this process used.
    pub cpu: f64,
}

struct Clock {
    began: Instant,
    cpu: f64,
}

impl Clock {
    fn start() -> Result<Clock> {
        Ok(Clock {
            cpu: cpu_seconds()?,
            began: Instant::now(),
        })
    }

    fn stop(&self) -> Result<Run> {
        Ok(Run {
            seconds: self.began.elapsed().as_secs_f64(),
            cpu: cpu_seconds()? - self.cpu,
        })
    }
}

/// Of all threads of this process, in user and system mode.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // After the name in brackets: the fields 14 and 15 count hundredths.
    let fields = stat.rsplit_once(')').context("/proc/self/stat")?.1;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / 100.0)
}

/// Reads every event's key, value and headers, as rdkafka shows them, and drops them.
pub async fn bare(settings: &KafkaSettings, name: &str, events: &Events) -> Result<Run> {
    let mut config = KafkaConfig::new(rules::Config::default()).consumer(settings);
    config.set("group.id", format!("bare-{name}"));
    let topics = [topic::ORDERS, topic::PAYMENTS].map(|name| settings.topic(name));
    let count = events.count;
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer<DefaultConsumerContext> = BaseConsumer::from_config(&config)?;
        consumer.subscribe(&topics.each_ref().map(String::as_str))?;
        let give_up = Instant::now() + PATIENCE;
        let mut clock = None;
        let (mut read, mut bytes) = (0, 0);
        while read < count {
            ensure!(Instant::now() < give_up, "{read} of {count} events");
            let message = consumer.poll(LOOK);
            if clock.is_none() && consumer.assignment()?.count() > 0 {
                clock = Some(Clock::start()?);
            }
            if let Some(message) = message {
                let message = message?;
                bytes += message.payload_len() + message.key_len() + usize::from(message.headers().is_some());
                read += 1;
            }
        }
        std::hint::black_box(bytes);
        clock.context("events without partitions")?.stop()
    })
    .await?
}

pub async fn rules(settings: &KafkaSettings, folder: &Path, name: &str, events: &Events) -> Result<Run> {
    std::fs::create_dir_all(folder)?;
    let folder = tempfile::tempdir_in(folder)?;
    let file = folder.path().join("worker.db");
    let mut connection = database(&file).await?;
    let store = Store::open(&file).await?;
    let lease = Lease::open(&file, "alerts", name, Duration::from_secs(10)).await?;
    let config = KafkaConfig::new(rules::Config::default());
    let alerts = KafkaAlerts::new(settings.clone(), store, lease, config);
    let (status, stop) = (alerts.status(), CancellationToken::new());
    let running = tokio::spawn(alerts.run(stop.clone()));

    let began = Instant::now();
    let mut clock = None;
    loop {
        ensure!(
            began.elapsed() < PATIENCE,
            "the events are not read: {:?}",
            status.trouble()
        );
        let sql = "SELECT count(*), coalesce(sum(next_offset), 0) FROM alert_offsets";
        let (partitions, read): (i64, i64) = sqlx::query_as(sql).fetch_one(&mut connection).await?;
        if clock.is_none() && partitions > 0 {
            clock = Some(Clock::start()?);
        }
        if u64::try_from(read)? >= events.count {
            break;
        }
        tokio::time::sleep(5 * LOOK).await;
    }
    let run = clock.context("events without partitions")?.stop()?;
    let sql = "SELECT count(*) FROM alert_outbox WHERE alert_id LIKE 'D-%'";
    let raised: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    let sql = "SELECT count(*) FROM alert_outbox";
    let all: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    stop.cancel();
    running.await?;
    ensure!(
        (raised, all) == (events.alerts, events.alerts),
        "{raised} alerts of rule D, {all} in all, instead of {}",
        events.alerts
    );
    Ok(run)
}

async fn database(file: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let mut connection = options
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .connect()
        .await?;
    sqlx::migrate!("../../migrations/sqlite/worker")
        .run(&mut connection)
        .await?;
    Ok(connection)
}
