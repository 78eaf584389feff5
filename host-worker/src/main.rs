//! `kessai`: one binary, one sub-command for each role.

mod addresses;
mod alerts;
mod banner;
mod command;
mod development;
mod edge;
mod lifecycle;
mod probes;
mod redis;
mod relays;
mod rounds;
mod settings;
mod shutdown;
mod signals;
mod worker;

use clap::{Parser, Subcommand, ValueEnum};
use kessai_ops::LogFormat;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

/// Orders and payments for PayPay: the host worker.
///
/// Settings are the variables of spin.toml: set one with SPIN_VARIABLE_<NAME> in the environment or in `.env` beside the manifest.
/// `kessai config` shows what is in force.
#[derive(Debug, Parser)]
#[command(name = "kessai", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// How log lines look on stderr
    #[arg(long, global = true, value_enum, default_value_t, env = "KESSAI_LOG_FORMAT")]
    log_format: Format,

    /// What is logged, for example `info` or `warn,kessai_relay=debug`; unless set, `info`, for `saga` only `error`
    #[arg(long, global = true, env = "KESSAI_LOG")]
    log: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Readable on a terminal, JSON otherwise
    #[default]
    Auto,
    /// One JSON object a line
    Json,
    /// Readable
    Pretty,
}

// Where a role needs more than a line, its options carry the text.
#[derive(Debug, Subcommand)]
enum Command {
    Up(command::up::Options),
    Worker(command::worker::Options),
    /// Make the databases, or bring them to this program's schema
    Migrate(command::migrate::Options),
    /// Fill an empty catalogue with the sample products and their stock
    Seed(command::seed::Options),
    Check(command::check::Options),
    Saga(command::saga::Options),
    Reconcile(command::reconcile::Options),
    Alerts(command::alerts::Options),
    Topics(command::topics::Options),
    Sandbox(command::sandbox::Options),
    Config(command::config::Options),
}

/// The folder of the databases; everything that the shop remembers is in it.
#[derive(Clone, Debug, clap::Args)]
struct DataOption {
    /// Folder of the databases
    #[arg(long, value_name = "FOLDER", default_value = ".kessai", env = "KESSAI_DATA")]
    data: PathBuf,
}

/// Where the shop listens: the variables that name its addresses follow.
#[derive(Clone, Debug, clap::Args)]
struct AddressOptions {
    /// Where `kessai up` listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,

    /// Where its sandbox listens; the next port unless set
    #[arg(long, value_name = "ADDRESS")]
    sandbox_listen: Option<SocketAddr>,
}

impl AddressOptions {
    /// Sets what `kessai up` would, had it been started with these.
    fn derive(&self, settings: &mut settings::Settings) -> anyhow::Result<()> {
        let sandbox = self
            .sandbox_listen
            .map_or_else(|| addresses::next_port(self.listen), Ok)?;
        addresses::derive_shop(settings, self.listen);
        settings.derive("paypay_base_url", addresses::origin(sandbox));
        Ok(())
    }
}

/// The application that is run.
#[derive(Clone, Debug, clap::Args)]
struct ManifestOption {
    /// The application's manifest
    #[arg(
        long,
        value_name = "FILE",
        default_value = "spin.toml",
        env = "KESSAI_MANIFEST"
    )]
    manifest: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let format = match cli.log_format {
        Format::Auto => LogFormat::Auto,
        Format::Json => LogFormat::Json,
        Format::Pretty => LogFormat::Pretty,
    };
    // Whoever steers a saga wants to read the saga, not what the components log on the way.
    let usual = match cli.command {
        Command::Saga(_) | Command::Reconcile(_) | Command::Topics(_) | Command::Alerts(_) => "error",
        _ => "info",
    };
    kessai_ops::install_logging(format, Some(cli.log.as_deref().unwrap_or(usual)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        match cli.command {
            Command::Up(options) => command::up::run(options).await,
            Command::Worker(options) => command::worker::run(options).await,
            Command::Migrate(options) => command::migrate::run(options).await,
            Command::Seed(options) => command::seed::run(options).await,
            Command::Check(options) => command::check::run(options).await,
            Command::Saga(options) => command::saga::run(options).await,
            Command::Reconcile(options) => command::reconcile::run(options).await,
            Command::Alerts(options) => command::alerts::run(options).await,
            Command::Topics(options) => command::topics::run(options).await,
            Command::Sandbox(options) => command::sandbox::run(options).await,
            Command::Config(options) => command::config::run(&options),
        }
    });
    // What still runs was given its time; a thread that is stuck must not keep the process.
    runtime.shutdown_background();
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
