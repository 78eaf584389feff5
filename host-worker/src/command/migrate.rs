//! `kessai migrate`

use crate::DataOption;
use anyhow::Result;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataOption,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    for migrated in kessai_ops::migrate(&options.data.data).await? {
        match migrated.applied {
            0 => println!("{:10} up to date", migrated.database),
            1 => println!("{:10} 1 migration applied", migrated.database),
            applied => println!("{:10} {applied} migrations applied", migrated.database),
        }
    }
    Ok(ExitCode::SUCCESS)
}
