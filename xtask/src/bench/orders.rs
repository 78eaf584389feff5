//! Orders a second of two contenders, in turns: the program `bench_orders`, which several benches share.

use crate::{build, run};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Pairs of runs that count, after one that does not
    #[arg(long, default_value_t = 7)]
    runs: u32,
    /// Seconds of one run
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Orders under way at once
    #[arg(long, default_value_t = 16)]
    callers: u32,
    /// Measure on an optimised host; the first build takes many minutes
    #[arg(long)]
    release: bool,
}

/// Runs one of the program's contests. The components are built.
pub fn run(contest: &str, options: &Options, arguments: &[String]) -> Result<u8> {
    let folder = super::folder()?;
    let log = folder.join(format!("{contest}.log"));
    let mut bench = Command::new(program(options.release)?);
    bench
        .arg(contest)
        .args(["--runs", &options.runs.to_string()])
        .args(["--seconds", &options.seconds.to_string()])
        .args(["--callers", &options.callers.to_string()])
        .arg("--out")
        .arg(folder.join(format!("{contest}.json")))
        .args(arguments);
    bench
        .current_dir(run::root())
        .stdin(Stdio::null())
        .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
    eprintln!(
        "\n▸ {contest}: {} pairs of runs, {} s each, {} callers; log: {}",
        options.runs,
        options.seconds,
        options.callers,
        log.display()
    );
    if !bench.status().context("cannot start the bench")?.success() {
        bail!("the bench failed");
    }
    Ok(0)
}

/// Builds the program, with the whole workspace's features like everything else here, and says where it is.
fn program(release: bool) -> Result<PathBuf> {
    let mut cargo = run::cargo();
    cargo.args(["build", "--workspace", "--example", "bench_orders"]);
    if release {
        cargo.arg("--release");
    }
    run::step("Build the bench", &mut cargo)?;
    let profile = if release { "release" } else { "debug" };
    Ok(build::target_folder().join(profile).join("examples/bench_orders"))
}
