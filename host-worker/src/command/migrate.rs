//! `kessai migrate`

use super::place::Home;
use anyhow::Result;
use kessai_ops::Migrated;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home: Home,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let databases = options.home.databases()?;
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
