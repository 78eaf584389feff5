//! Logs: one JSON object a line, or a readable line when somebody is watching.

mod json;

use json::FlatJson;
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Readable on a terminal, JSON otherwise.
    #[default]
    Auto,
    Json,
    Pretty,
}

#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error("KESSAI_LOG: {0} (examples: `info`, `warn,kessai_relay=debug`)")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("logging was set up before: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends this process's log to stderr. The level is `info` unless `filter` says otherwise. Panics are logged as errors.
pub fn install(format: LogFormat, filter: Option<&str>) -> Result<(), LoggingError> {
    let filter = EnvFilter::try_new(filter.unwrap_or("info"))?;
    let pretty = match format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Pretty => true,
    };
    if pretty {
        let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let lines = fmt::layer()
            .compact()
            .with_ansi(ansi)
            .with_target(false)
            .with_writer(std::io::stderr);
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init()?;
    } else {
        let lines = fmt::layer().event_format(FlatJson).with_writer(std::io::stderr);
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .try_init()?;
    }
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(component = "worker", panic = %panic, "panic");
    }));
    Ok(())
}
