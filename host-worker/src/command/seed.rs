//! `kessai seed`

use crate::{DataOption, ManifestOption, settings::Settings};
use anyhow::Result;
use kessai_ops::Seeded;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataOption,

    #[command(flatten)]
    manifest: ManifestOption,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let settings = Settings::read(&options.manifest.manifest)?;
    let databases = settings.databases(&options.data.data)?;
    databases.migrate(|_| ()).await?;
    match databases.seed().await? {
        Seeded::Filled { products } => println!("{products} products, each with its stock"),
        Seeded::WasThere => println!("the catalogue has products already: nothing changed"),
    }
    Ok(ExitCode::SUCCESS)
}
