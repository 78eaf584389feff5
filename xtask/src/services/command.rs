//! `cargo xtask services`

use super::{ENV_FILE, FOLDER_VARIABLE, JSON_FILE, Kind, Services};
use crate::run;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Start what does not run yet, and print the settings that make the shop use it
    Up {
        #[command(flatten)]
        place: Place,
        /// Only these
        #[arg(value_enum)]
        servers: Vec<Kind>,
    },
    /// Stop them; their data stays
    Down {
        #[command(flatten)]
        place: Place,
        /// Only these
        #[arg(value_enum)]
        servers: Vec<Kind>,
    },
    /// Say what runs, and where. Exit code 1 unless everything that was started answers
    Status {
        #[command(flatten)]
        place: Place,
    },
}

/// Where the servers keep their data.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// Folder of the servers' data, logs and settings; target/services unless given
    #[arg(long, value_name = "FOLDER", env = FOLDER_VARIABLE)]
    folder: Option<PathBuf>,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.folder
            .clone()
            .unwrap_or_else(|| run::root().join("target/services"))
    }
}

pub fn services(action: &Action) -> Result<u8> {
    match action {
        Action::Up { place, servers } => up(&place.folder(), servers).map(|()| 0),
        Action::Down { place, servers } => down(&place.folder(), servers).map(|()| 0),
        Action::Status { place } => status(&place.folder()),
    }
}

fn up(folder: &Path, only: &[Kind]) -> Result<()> {
    let kinds = if only.is_empty() { &Kind::ALL[..] } else { only };
    let services = Services::start(folder, kinds)?;
    println!();
    for (name, value) in services.variables() {
        println!("{name}={value}");
    }
    println!(
        "\nwritten to {env} (`set -a; . {env}; set +a`, then `cargo xtask up`) and {JSON_FILE} beside it",
        env = folder.join(ENV_FILE).display()
    );
    Ok(())
}

fn down(folder: &Path, only: &[Kind]) -> Result<()> {
    let mut services = Services::open(folder)?;
    if only.is_empty() {
        services.down()?;
    }
    for kind in only {
        services
            .server(*kind)
            .with_context(|| format!("{} was never started in {}", kind.title(), folder.display()))?
            .stop()?;
    }
    status(folder)?;
    Ok(())
}

fn status(folder: &Path) -> Result<u8> {
    let mut services = Services::open(folder)?;
    let mut missing = services.servers.is_empty();
    if missing {
        println!("no server was ever started in {}", folder.display());
    }
    for server in &mut services.servers {
        let state = match (server.pid(), server.answers()) {
            (Some(pid), true) => format!("answers (process {pid})"),
            (Some(pid), false) => format!("does not answer (process {pid})"),
            (None, _) => "stopped".to_owned(),
        };
        missing |= !server.answers();
        println!("{:8} {:16} {state}", server.kind().title(), server.address());
    }
    Ok(u8::from(missing))
}
