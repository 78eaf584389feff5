//! `cargo xtask bench payments`: a shop, PayPay's sandbox beside it, and buyers at a fixed rate.

use crate::{build, run};
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// What the program ends with if every figure was taken and one is beyond its budget.
const MISSED: i32 = 2;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Seconds of orders whose webhooks come
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Seconds of orders whose webhooks are all lost
    #[arg(long, default_value_t = 20)]
    lost_seconds: u32,
    /// Orders a second
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Measure the optimised worker; it is built first
    #[arg(long)]
    release: bool,
}

pub fn bench(options: &Options) -> Result<u8> {
    build::build(&build::Options {
        release: options.release,
    })?;
    let mut cargo = run::cargo();
    cargo.args(["build", "--workspace", "--bin", "payments"]);
    run::step("Build the bench", &mut cargo)?;
    let mut bench = Command::new(build::target_folder().join("debug/payments"));
    for (flag, number) in [
        ("--seconds", options.seconds),
        ("--lost-seconds", options.lost_seconds),
        ("--rate", options.rate),
    ] {
        bench.args([flag, &number.to_string()]);
    }
    bench
        .arg("--out")
        .arg(super::folder()?.join("payments.json"))
        .env("KESSAI", build::worker_binary(options.release))
        .current_dir(run::root())
        .stdin(Stdio::null());
    eprintln!(
        "\n▸ payments: {} orders a second, {} s with webhooks, {} s without",
        options.rate, options.seconds, options.lost_seconds
    );
    let status = bench.status().context("cannot start the bench")?;
    match status.code() {
        Some(0 | MISSED) => Ok(0),
        _ => bail!("the bench failed"),
    }
}
