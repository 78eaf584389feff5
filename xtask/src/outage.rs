//! `cargo xtask outage`: a server ends under load and comes back.

use crate::{build, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;
use xtask::services::Kind;

/// Ends MariaDB, Redis or Kafka under load, starts it again, and shows what buyers were answered second by second
///
/// The servers are started for it. Exit code 1 if a buyer was answered what none may be (a 500, say), or if orders, events or books are not in order
/// afterwards.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The server that ends; each in turn unless given
    #[arg(long)]
    server: Option<Kind>,
    /// How long it is away
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Buyers at once
    #[arg(long, default_value_t = 8)]
    buyers: u32,
    /// Write the report here, as markdown
    #[arg(long)]
    report: Option<PathBuf>,
}

pub fn outage(options: &Options) -> Result<u8> {
    build::build(&build::Options::default())?;
    let mut cargo = run::cargo();
    cargo.args(["build", "--workspace", "--bin", "outage"]);
    run::step("Build the outages", &mut cargo)?;
    let mut outage = Command::new(build::target_folder().join("debug/outage"));
    outage
        .args(["--seconds", &options.seconds.to_string()])
        .args(["--buyers", &options.buyers.to_string()]);
    if let Some(server) = options.server {
        outage.args(["--server", server.title()]);
    }
    if let Some(report) = &options.report {
        outage.arg("--report").arg(std::path::absolute(report)?);
    }
    outage
        .env("KESSAI", build::worker_binary(false))
        .current_dir(run::root());
    let status = outage.status().context("cannot start the outages")?;
    Ok(u8::from(!status.success()))
}
