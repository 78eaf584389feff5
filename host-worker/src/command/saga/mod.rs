//! `kessai saga`

mod documents;
mod list;
mod machines;
mod show;
mod signal;
mod steer;
mod validate;

use super::Place;
use anyhow::{Result, anyhow};
use clap::Subcommand;
use kessai_host::{CallError, sagas::SagaError};
use std::process::ExitCode;

/// See and steer sagas: those of orders, and instances of registered state machines
///
/// Works on the databases, beside a running shop or without one; what is left to do goes on in the worker. Exit code 1 if something was
/// refused, with the reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List sagas: what needs somebody first, then the newest
    List(list::Options),
    /// Show one saga with its states, times and errors, and who did what to it
    Show(show::Options),
    /// Go on at the state that failed
    Forward(steer::Options),
    /// Undo what was done, or go on with a compensation that stopped
    Compensate(steer::Options),
    /// Take the state that failed as skipped and go on after it
    Skip(steer::Options),
    /// Do now what the worker would do later; takes a parked saga up again
    Retry(steer::Options),
    /// Tell a saga of the event that it waits for
    Signal(signal::Options),
    /// Start an instance of a registered state machine
    Start(machines::StartOptions),
    /// List the state machines, or show the definition of one
    Machines(machines::ListOptions),
    /// Register a state machine, or the next version of one
    Register(machines::RegisterOptions),
    Validate(validate::Options),
}

pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    use kessai_host::sagas::Action;
    match options.command {
        Command::List(options) => list::run(options).await,
        Command::Show(options) => show::run(options).await,
        Command::Forward(options) => steer::run(Action::Forward, options).await,
        Command::Compensate(options) => steer::run(Action::Compensate, options).await,
        Command::Skip(options) => steer::run(Action::Skip, options).await,
        Command::Retry(options) => steer::run(Action::Retry, options).await,
        Command::Signal(options) => signal::run(options).await,
        Command::Start(options) => machines::start(options).await,
        Command::Machines(options) => machines::list(options).await,
        Command::Register(options) => machines::register(options).await,
        Command::Validate(options) => validate::run(&options),
    }
}

/// Prints a document as it came, but readable.
fn print_json(document: &str) -> Result<()> {
    let value: serde_json::Value = serde_json::from_str(document)?;
    println!("{}", serde_json::to_string_pretty(&value)?);
    Ok(())
}

/// A refusal in words. `subject`: the saga or machine that it is about.
fn refusal(subject: &str, error: CallError<SagaError>) -> anyhow::Error {
    match error {
        CallError::Refused(SagaError::NotFound) => anyhow!("there is no `{subject}`"),
        CallError::Refused(SagaError::Invalid((field, why))) => anyhow!("{field}: {why}"),
        CallError::Refused(SagaError::Conflict(why)) => anyhow!("{subject}: {why}"),
        CallError::Refused(SagaError::Busy) => {
            anyhow!("somebody works on {subject} at this moment: try again")
        }
        CallError::Refused(SagaError::Unavailable(why)) => anyhow!("{why}; nothing is lost, try again later"),
        error => error.into(),
    }
}

/// Who asks, for the audit.
pub(super) fn actor() -> String {
    let name = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let name = name.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    format!("cli:{name}")
}
