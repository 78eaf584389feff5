//! `cargo xtask chaos`: buyers, kills and faults by a plan drawn from a seed; then the books.

use crate::{build, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Runs the whole shop through kills, lost webhooks and a failing PayPay, then checks that nothing is lost or doubled
///
/// PayPay's sandbox runs in a process of its own, which is not killed. The same seed gives the same plan. Exit code 1 if an invariant is broken, with
/// what breaks it; databases and logs are then in target/chaos/.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Orders in all
    #[arg(long, default_value_t = 200)]
    orders: u32,
    /// SIGKILLs of the shop
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// What the plan is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Begin no order after so many minutes
    #[arg(long, default_value_t = 30)]
    minutes: u32,
    /// Buyers at once
    #[arg(long, default_value_t = 16)]
    buyers: u32,
    /// Write the report here, as markdown
    #[arg(long)]
    report: Option<PathBuf>,
}

pub fn chaos(options: &Options) -> Result<u8> {
    build::build(&build::Options::default())?;
    let mut cargo = run::cargo();
    cargo.args(["build", "--workspace", "--bin", "chaos"]);
    run::step("Build the chaos machine", &mut cargo)?;
    let mut chaos = Command::new(build::target_folder().join("debug/chaos"));
    for (flag, number) in [
        ("--orders", u64::from(options.orders)),
        ("--kills", u64::from(options.kills)),
        ("--seed", options.seed),
        ("--minutes", u64::from(options.minutes)),
        ("--buyers", u64::from(options.buyers)),
    ] {
        chaos.args([flag, &number.to_string()]);
    }
    if let Some(report) = &options.report {
        chaos.arg("--report").arg(std::path::absolute(report)?);
    }
    let kept = build::target_folder().join(format!("chaos/seed-{}", options.seed));
    chaos
        .arg("--keep")
        .arg(kept)
        .env("KESSAI", build::worker_binary(false))
        .current_dir(run::root());
    let status = chaos.status().context("cannot start the chaos machine")?;
    Ok(u8::from(!status.success()))
}
