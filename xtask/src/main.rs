//! `cargo xtask`: everything one does with this project. It needs cargo and npm, and installs what else is missing itself.

mod bench;
mod build;
mod chaos;
mod lint;
mod outage;
mod sdk;
mod test;
mod up;

use clap::{Parser, Subcommand};
use xtask::{run, services};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Build, start and test Kessai",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build what is out of date and start the shop: SQLite, sandbox, sample data
    Up(up::Options),
    /// Build the web shop, the components and the worker
    Build(build::Options),
    /// Run all tests: unit, component, HTTP and browser
    Test(test::Options),
    /// Measure the shop on this machine
    Bench(bench::Options),
    Chaos(chaos::Options),
    Outage(outage::Options),
    /// Run MariaDB, Redis and Kafka on this machine, without Docker
    #[command(subcommand)]
    Services(services::Action),
    /// Check formatting, lints and types, without changing anything
    Lint,
}

fn main() -> std::process::ExitCode {
    let outcome = match Cli::parse().command {
        Command::Up(options) => up::up(&options),
        Command::Build(options) => build::build(&options).map(|()| 0),
        Command::Test(options) => test::test(&options),
        Command::Bench(options) => bench::bench(&options),
        Command::Chaos(options) => chaos::chaos(&options),
        Command::Outage(options) => outage::outage(&options),
        Command::Services(action) => services::services(&action),
        Command::Lint => lint::lint(),
    };
    match outcome {
        Ok(code) => std::process::ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
