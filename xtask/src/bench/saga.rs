//! `cargo xtask bench saga`: builds the components, the plain rival and the bench that runs both.

use crate::{build, run};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::process::{Command, Stdio};

/// A package of its own workspace, whose artefact the bench looks for there.
const PLAIN: (&str, &str) = ("tests/fixtures/plain_order", "target/plain_order");

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

pub fn bench(options: &Options) -> Result<u8> {
    build::wasm_target()?;
    build::components()?;
    plain_order()?;
    let folder = super::folder()?;
    let log = folder.join("saga.log");
    let mut bench = Command::new(program(options.release)?);
    bench
        .args(["--runs", &options.runs.to_string()])
        .args(["--seconds", &options.seconds.to_string()])
        .args(["--callers", &options.callers.to_string()])
        .arg("--out")
        .arg(folder.join("saga.json"));
    bench
        .current_dir(run::root())
        .stdin(Stdio::null())
        .stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
    eprintln!(
        "\n▸ saga ÷ plain: {} pairs of runs, {} s each, {} callers; log: {}",
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

fn plain_order() -> Result<()> {
    let (package, target) = PLAIN;
    let mut cargo = run::cargo();
    cargo
        .current_dir(run::root().join(package))
        .args(["build", "--release", "--target", build::TARGET, "--target-dir"])
        .arg(run::root().join(target));
    run::step("Build the order component without a saga", &mut cargo)
}

/// Builds the program that measures, with the whole workspace's features like everything else here, and says where it is.
fn program(release: bool) -> Result<std::path::PathBuf> {
    let mut cargo = run::cargo();
    cargo.args(["build", "--workspace", "--example", "bench_saga"]);
    if release {
        cargo.arg("--release");
    }
    run::step("Build the bench", &mut cargo)?;
    let profile = if release { "release" } else { "debug" };
    Ok(build::target_folder().join(profile).join("examples/bench_saga"))
}
