//! `kessai saga validate`

use super::machines::read;
use anyhow::Result;
use saga::StateMachine;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Check definitions in the state language, without a shop
///
/// Says where a definition is wrong: machine, state and key. Exit code 1 if one is. Which services and machines a definition may name is known
/// to the shop only, and checked by `register`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Definitions; `-`: from stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in &options.files {
        match check(file) {
            Ok(machine) => println!("{}: ok, machine `{}`", file.display(), machine.name()),
            Err(error) => {
                eprintln!("{}: {error:#}", file.display());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn check(file: &Path) -> Result<StateMachine> {
    Ok(StateMachine::from_json(&read(file)?)?)
}
