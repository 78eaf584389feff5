//! `cargo xtask up`: from a clone to a shop in the browser.

use crate::{build, run};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where the shop listens; the PayPay sandbox takes the next port
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: String,
    /// Folder of the databases; made if it is missing
    #[arg(long, default_value = ".kessai")]
    data: PathBuf,
    /// Build the worker optimised
    #[arg(long)]
    release: bool,
    /// Start what was built last
    #[arg(long)]
    no_build: bool,
    /// Further flags for `kessai up`
    #[arg(last = true)]
    more: Vec<String>,
}

pub fn up(options: &Options) -> Result<u8> {
    if !options.no_build {
        build::build(&build::Options {
            release: options.release,
        })?;
    }
    let binary = build::worker_binary(options.release);
    let mut kessai = Command::new(&binary);
    kessai
        .arg("up")
        .args(["--listen", &options.listen])
        .arg("--data")
        .arg(&options.data)
        .args(&options.more);
    kessai.current_dir(run::root());
    replace_with(&mut kessai).with_context(|| {
        format!(
            "cannot start {}: build it first, without --no-build",
            binary.display()
        )
    })
}

/// The worker takes this process's place, so that Ctrl-C and the exit code are its own.
#[cfg(unix)]
fn replace_with(command: &mut Command) -> Result<u8> {
    Err(std::os::unix::process::CommandExt::exec(command).into())
}

#[cfg(not(unix))]
fn replace_with(command: &mut Command) -> Result<u8> {
    Ok(u8::from(!command.status()?.success()))
}
