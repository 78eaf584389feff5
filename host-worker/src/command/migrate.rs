//! `kessai migrate`

use crate::{DataOption, ManifestOption, settings::Settings};
use anyhow::Result;
use kessai_ops::Migrated;
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
    databases.migrate(tell).await?;
    Ok(ExitCode::SUCCESS)
}

fn tell(migrated: &Migrated) {
    match migrated.applied {
        0 => println!("{:10} up to date", migrated.database),
        1 => println!("{:10} 1 migration applied", migrated.database),
        applied => println!("{:10} {applied} migrations applied", migrated.database),
    }
}
