//! `cargo xtask bench alerts`: a broker, and the bench that runs the processor and a bare consumer on it.

use crate::services::{Kind, Services};
use crate::{build, run};
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Pairs of runs that count, after one that does not
    #[arg(long, default_value_t = 7)]
    runs: u32,
    /// Orders whose events are in the topics, four for each
    #[arg(long, default_value_t = 100_000)]
    orders: u32,
    /// Partitions of each topic
    #[arg(long, default_value_t = 6)]
    partitions: u16,
}

pub fn bench(options: &Options) -> Result<u8> {
    let program = program()?;
    let folder = super::folder()?.join("alerts");
    let mut services = Services::start_anew(&folder.join("services"), &[Kind::Kafka])?;
    let broker = services.server(Kind::Kafka).context("no Kafka")?.address();
    let mut bench = Command::new(program);
    bench
        .args(["--runs", &options.runs.to_string()])
        .args(["--orders", &options.orders.to_string()])
        .args(["--partitions", &options.partitions.to_string()])
        .args(["--broker", &broker])
        .arg("--folder")
        .arg(&folder)
        .arg("--out")
        .arg(super::folder()?.join("alerts.json"))
        .current_dir(run::root())
        .stdin(Stdio::null());
    eprintln!(
        "\n▸ alert processor ÷ bare consumer: {} pairs of runs, the events of {} orders each",
        options.runs, options.orders
    );
    if !bench.status().context("cannot start the bench")?.success() {
        bail!("the bench failed");
    }
    Ok(0)
}

/// Optimised always, since what is measured is this crate's own work; alone, since Wasmtime is no part of it.
fn program() -> Result<std::path::PathBuf> {
    let mut cargo = run::cargo();
    cargo.args([
        "build",
        "--release",
        "--package",
        "kessai-alerts",
        "--example",
        "bench_alerts",
    ]);
    run::step("Build the bench (the first time takes minutes)", &mut cargo)?;
    Ok(build::target_folder().join("release/examples/bench_alerts"))
}
