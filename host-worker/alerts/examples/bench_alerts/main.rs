//! What the rules cost: events a second through the alert processor, against a consumer that reads the same topics with the same settings and does nothing.
//!
//! Started by `cargo xtask bench alerts`, which starts Kafka. Both run in this process in turns, so that whatever else the machine does meets both. Each
//! run of the processor has an empty database, and must have raised what is to be raised at its end.

mod contender;
mod figures;
mod shop;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use figures::Figures;
use kessai_relay::kafka::{KafkaSettings, create_topics};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Parser)]
#[command(
    name = "bench_alerts",
    about = "Events a second through the rules and without them"
)]
struct Options {
    /// Pairs of runs that count, after one that does not
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Orders whose events are in the topics, four for each
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    orders: u32,
    /// Partitions of each topic
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..))]
    partitions: u16,
    /// A broker with none of our topics, host:port
    #[arg(long)]
    broker: String,
    /// Where each run's database is made
    #[arg(long)]
    folder: PathBuf,
    /// Where the raw results go
    #[arg(long)]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(options: &Options) -> Result<()> {
    let settings = KafkaSettings::plaintext(&options.broker, "")?;
    for (topic, made) in create_topics(&settings, options.partitions, 1).await? {
        ensure!(
            made == kessai_relay::kafka::Made::Created,
            "{} is there already",
            topic.name
        );
    }
    let events = shop::tell(&settings, options.orders).await?;
    let mut figures = Figures::new(events, options.partitions);
    for pair in 0..=options.runs {
        let name = format!("run-{pair}");
        let (rules, bare) = if pair % 2 == 0 {
            // Who goes first changes, so that a machine that grows faster or slower favours nobody.
            let rules = contender::rules(&settings, &options.folder, &name, &events).await?;
            (rules, contender::bare(&settings, &name, &events).await?)
        } else {
            let bare = contender::bare(&settings, &name, &events).await?;
            (
                contender::rules(&settings, &options.folder, &name, &events).await?,
                bare,
            )
        };
        if pair > 0 {
            println!("{}", figures.add(rules, bare));
        }
    }
    println!("\n{}", figures.summary());
    if let Some(parent) = options.out.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&options.out, format!("{:#}\n", figures.json()))
        .with_context(|| format!("cannot write {}", options.out.display()))
}
