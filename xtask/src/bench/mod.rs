//! `cargo xtask bench`: figures, measured on this machine. What they mean is in docs/benchmarks.md; raw results are kept in `target/bench/`.

mod alerts;
mod backends;
mod checkout;
mod orders;
mod payments;
mod saga;

use crate::build;
use anyhow::Result;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Events a second through the alert processor ÷ through a consumer that only reads
    Alerts(alerts::Options),
    /// Orders a second on MariaDB ÷ on SQLite
    Backends(orders::Options),
    /// Many buyers at once, from the click to PAID by push
    Checkout(checkout::Options),
    /// From PayPay's webhook to the buyer's page, and the same by polling when every webhook is lost
    Payments(payments::Options),
    /// Orders a second with the saga ÷ the same SQL and calls without it
    Saga(orders::Options),
}

pub fn bench(options: &Options) -> Result<u8> {
    match &options.what {
        What::Alerts(options) => alerts::bench(options),
        What::Backends(options) => backends::bench(options),
        What::Checkout(options) => checkout::bench(options),
        What::Payments(options) => payments::bench(options),
        What::Saga(options) => saga::bench(options),
    }
}

/// Where raw results are kept. Made if it is missing.
fn folder() -> Result<PathBuf> {
    let folder = build::target_folder().join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
