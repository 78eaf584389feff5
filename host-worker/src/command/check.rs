//! `kessai check`

use super::place::Home;
use anyhow::Result;
use kessai_ops::SharedClock;
use std::process::ExitCode;

/// Check that no order, no yen and no piece of stock is lost or doubled
///
/// Reads the databases while the shop runs or while it is down, and changes nothing. Exit code 1 if an invariant is broken, with what
/// breaks it.
///
/// What is under way is not an error: an order is held to the rules of the state that it has reached, and a finding counts only
/// if a second look still finds it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    home: Home,
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    let databases = options.home.databases()?;
    // Some rules ask what is overdue. That the server is away is for the check to say.
    let _ = SharedClock::start(&databases).await;
    let report = kessai_ops::check(&databases, options.home.folder()).await?;
    print!("{report}");
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
