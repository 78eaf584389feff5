//! `cargo xtask bench checkout`: a shop of its own and many buyers.

use crate::{build, run};
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Buyers at once
    #[arg(long, default_value_t = 100)]
    buyers: u32,
    /// Orders in all
    #[arg(long, default_value_t = 2_000)]
    orders: u32,
    /// The shop on MariaDB, Redis and Kafka, which are started for it
    #[arg(long)]
    production: bool,
    /// Measure the optimised worker; it is built first
    #[arg(long)]
    release: bool,
}

pub fn bench(options: &Options) -> Result<u8> {
    build::build(&build::Options {
        release: options.release,
    })?;
    let mut cargo = run::cargo();
    cargo.args(["build", "--workspace", "--bin", "load"]);
    run::step("Build the load", &mut cargo)?;
    let mut load = Command::new(build::target_folder().join("debug/load"));
    load.args([
        "--buyers",
        &options.buyers.to_string(),
        "--orders",
        &options.orders.to_string(),
    ]);
    if options.production {
        load.arg("--production");
    }
    load.current_dir(run::root())
        .env("KESSAI", build::worker_binary(options.release))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    eprintln!(
        "\n▸ checkout: {} orders by {} buyers at once",
        options.orders, options.buyers
    );
    let output = load.output().context("cannot start the load")?;
    if !output.status.success() {
        bail!("the load failed");
    }
    std::fs::write(super::folder()?.join("checkout.json"), &output.stdout)?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(0)
}
