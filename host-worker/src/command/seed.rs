//! `kessai seed`

use crate::DataOption;
use anyhow::Result;
use kessai_ops::Seeded;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataOption,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    kessai_ops::migrate(&options.data.data).await?;
    match kessai_ops::seed(&options.data.data).await? {
        Seeded::Filled { products } => println!("{products} products, each with its stock"),
        Seeded::WasThere => println!("the catalogue has products already: nothing changed"),
    }
    Ok(ExitCode::SUCCESS)
}
