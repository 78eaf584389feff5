//! What the saga costs: orders a second through the real `order` component, against one that does the same without a saga.
//!
//! Started by `cargo xtask bench saga`, which builds the components first. Both run in this process on a host and a data folder of their own, in
//! turns, so that whatever else the machine does meets both. Afterwards the books of both must be right, or the figures are not worth having.

mod contender;
mod figures;
mod load;
mod usage;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use contender::{Contender, Kind};
use figures::Figures;
use kessai_ops::LogFormat;
use load::Load;
use scenarios::root;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Parser)]
#[command(name = "bench_saga", about = "Orders a second with the saga and without it")]
struct Options {
    /// Pairs of runs that count, after one that does not
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Seconds of one run
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Orders under way at once
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    callers: u32,
    /// Where the raw results go
    #[arg(long)]
    out: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    // The log goes to stderr as a worker's does, as part of what is measured; so errors are told with the results.
    match bench(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn bench(options: &Options) -> Result<()> {
    ensure!(
        options.seconds > 0.0 && options.seconds <= 3600.0,
        "--seconds is more than 0, at most 3600"
    );
    kessai_ops::install_logging(LogFormat::Json, None)?;
    let folder = root().join("target/bench/saga");
    let contenders = [
        Contender::prepare(Kind::Saga, &folder).await?,
        Contender::prepare(Kind::Plain, &folder).await?,
    ];
    let load = Load {
        callers: options.callers,
        duration: Duration::from_secs_f64(options.seconds),
    };
    let mut figures = Figures::new(&load);
    for pair in 0..=options.runs {
        // Who goes first changes, so that a machine that grows faster or slower favours nobody.
        let turns = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut runs = [None, None];
        for turn in turns {
            let contender = &contenders[turn];
            let run = load
                .run(contender)
                .await
                .with_context(|| format!("{} order", contender.kind.name()))?;
            runs[turn] = Some(run);
        }
        if let [Some(saga), Some(plain)] = runs
            && pair > 0
        {
            println!("{}", figures.add(saga, plain));
        }
    }
    for contender in &contenders {
        let books = contender
            .check_books()
            .await
            .with_context(|| format!("the books after the {} orders", contender.kind.name()))?;
        figures.describe(contender.kind, books);
    }
    println!("\n{}", figures.summary());
    if let Some(parent) = options.out.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&options.out, format!("{:#}\n", figures.json()))
        .with_context(|| format!("cannot write {}", options.out.display()))
}
