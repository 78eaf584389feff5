//! The alert processor as a process, for tests that kill it: brokers, prefix of the topics, database file. Ends with its standard input.

use kessai_alerts::{KafkaAlerts, KafkaConfig, Store, rules};
use kessai_relay::{Lease, kafka::KafkaSettings};
use std::{error::Error, path::PathBuf, time::Duration};
use tokio::io::AsyncReadExt;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("brokers, prefix, database");
    let settings = KafkaSettings::plaintext(&next()?, &next()?)?;
    let file = PathBuf::from(next()?);
    let owner = format!("process-{}", std::process::id());
    let lease = Lease::open(&file, "alerts", &owner, Duration::from_secs(2)).await?;
    let config = KafkaConfig {
        interval: Duration::from_millis(50),
        session: Duration::from_secs(6),
        settling: Duration::from_secs(2),
        batch: 16,
        ..KafkaConfig::new(rules::Config::default())
    };
    let alerts = KafkaAlerts::new(settings, Store::open(&file).await?, lease, config);
    let stop = CancellationToken::new();
    let running = tokio::spawn(alerts.run(stop.clone()));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    stop.cancel();
    running.await?;
    Ok(())
}
