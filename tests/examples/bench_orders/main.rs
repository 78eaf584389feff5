//! What something costs: orders a second through the real `order` component, against a rival.
//!
//! Started by `cargo xtask bench saga` and `cargo xtask bench backends`, which build the components first. Both run in this process on a host and
//! databases of their own, in turns, so that whatever else the machine does meets both. Afterwards the books of both must be right, or the figures
//! are not worth having.

mod contender;
mod contest;
mod figures;
mod ledger;
mod load;
mod usage;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use contender::Contender;
use contest::Match;
use figures::Figures;
use kessai_ops::LogFormat;
use load::Load;
use scenarios::root;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Parser)]
#[command(name = "bench_orders", about = "Orders a second, one way and another")]
struct Options {
    /// Who runs
    #[arg(value_enum)]
    contest: Match,
    /// A MySQL server, as `user:password@host:port`; its schemas `kessai_bench_…` are made anew
    #[arg(long, required_if_eq("contest", "backends"))]
    mysql: Option<ledger::Server>,
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
    let contest = options.contest.contest();
    let name = options.contest.to_possible_value();
    let folder = root()
        .join("target/bench")
        .join(name.as_ref().map_or("orders", |name| name.get_name()));
    let contenders = [
        Contender::prepare(contest.ours, &folder, options.mysql.as_ref()).await?,
        Contender::prepare(contest.rival, &folder, options.mysql.as_ref()).await?,
    ];
    let load = Load {
        callers: options.callers,
        duration: Duration::from_secs_f64(options.seconds),
    };
    let mut figures = Figures::new(contest, &load);
    for pair in 0..=options.runs {
        // Who goes first changes, so that a machine that grows faster or slower favours nobody.
        let turns = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut runs = [None, None];
        for turn in turns {
            let contender = &contenders[turn];
            let run = load
                .run(contender)
                .await
                .with_context(|| format!("{}: an order", contender.kind.name()))?;
            runs[turn] = Some(run);
        }
        if let [Some(ours), Some(rival)] = runs
            && pair > 0
        {
            println!("{}", figures.add(ours, rival));
        }
    }
    for contender in &contenders {
        let books = contender
            .check_books()
            .await
            .with_context(|| format!("the books after the {} orders", contender.kind.name()))?;
        figures.describe(contender.kind.name(), books);
    }
    println!("\n{}", figures.summary());
    if let Some(parent) = options.out.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&options.out, format!("{:#}\n", figures.json()))
        .with_context(|| format!("cannot write {}", options.out.display()))
}
