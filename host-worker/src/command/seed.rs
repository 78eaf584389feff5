//! `kessai seed`

use super::place::Home;
use anyhow::Result;
use kessai_ops::Seeded;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home: Home,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let databases = options.home.databases()?;
    databases.migrate(|_| ()).await?;
    match databases.seed().await? {
        Seeded::Filled { products } => println!("{products} products, each with its stock"),
        Seeded::WasThere => println!("the catalogue has products already: nothing changed"),
    }
    Ok(ExitCode::SUCCESS)
}
