//! The servers that a real shop runs, started here without Docker: MariaDB, Redis and Apache Kafka.
//!
//! Each is a process of its own in a folder of its own, on free ports of 127.0.0.1, and outlives whoever started it until it is stopped:
//! what is needed to find it again is in the folder. Nothing of the system's own servers is touched.

mod command;
mod kafka;
mod mariadb;
mod redis;
mod server;

pub use command::{Action, services};
pub use server::{Kind, Server};

use anyhow::{Context, Result};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Tells tests where the servers are that they may use, and stop and start: the folder of [`Services::open`].
pub const FOLDER_VARIABLE: &str = "KESSAI_SERVICES";

const PREFIX: &str = "SPIN_VARIABLE_";
const ENV_FILE: &str = "services.env";
const JSON_FILE: &str = "services.json";

/// The servers of one folder.
#[derive(Debug)]
pub struct Services {
    folder: PathBuf,
    servers: Vec<Server>,
    stop_on_drop: bool,
}

impl Services {
    /// The servers that were ever started in a folder, running or not.
    ///
    /// # Errors
    /// A server's notes cannot be read.
    pub fn open(folder: &Path) -> Result<Services> {
        let folder = std::path::absolute(folder)?;
        let known = Kind::ALL
            .into_iter()
            .filter(|kind| Server::exists(&folder, *kind));
        let servers = known
            .map(|kind| Server::open(&folder, kind))
            .collect::<Result<_>>()?;
        Ok(Services {
            folder,
            servers,
            stop_on_drop: false,
        })
    }

    /// Starts what does not run yet, all at once, and waits until each answers. They run on after this process.
    ///
    /// # Errors
    /// A server is not installed or did not come up; the others are left running.
    pub fn start(folder: &Path, kinds: &[Kind]) -> Result<Services> {
        let folder = std::path::absolute(folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let _lock = lock(&folder)?;
        let mut servers = kinds
            .iter()
            .map(|kind| Server::open(&folder, *kind))
            .collect::<Result<Vec<Server>>>()?;
        let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
            let starts: Vec<_> = servers
                .iter_mut()
                .map(|server| scope.spawn(|| server.start()))
                .collect();
            let join = |start: std::thread::ScopedJoinHandle<'_, Result<()>>| {
                start
                    .join()
                    .unwrap_or_else(|_| Err(anyhow::anyhow!("a server's start ended in a panic")))
            };
            starts.into_iter().map(join).collect()
        });
        outcomes.into_iter().collect::<Result<()>>()?;
        let mut services = Services::open(&folder)?;
        // With their processes, so that whoever started them also sees them end.
        for server in servers {
            services.servers.retain(|known| known.kind() != server.kind());
            services.servers.push(server);
        }
        services.servers.sort_by_key(Server::kind);
        services.write()?;
        Ok(services)
    }

    /// The same, with empty data, and gone when this value is.
    ///
    /// # Errors
    /// As [`Services::start`]; nothing is left running then.
    pub fn start_anew(folder: &Path, kinds: &[Kind]) -> Result<Services> {
        Services::open(folder)?.down()?;
        for kind in Kind::ALL {
            Server::erase(folder, kind)?;
        }
        match Services::start(folder, kinds) {
            Ok(mut services) => {
                services.stop_on_drop = true;
                Ok(services)
            }
            Err(error) => {
                Services::open(folder)?.down()?;
                Err(error)
            }
        }
    }

    /// One of them, to be stopped and started.
    pub fn server(&mut self, kind: Kind) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.kind() == kind)
    }

    /// Stops all of them; their data stays.
    ///
    /// # Errors
    /// One does not end.
    pub fn down(&mut self) -> Result<()> {
        if self.servers.is_empty() {
            return Ok(());
        }
        let _lock = lock(&self.folder)?;
        let outcomes: Vec<Result<()>> = self.servers.iter_mut().map(Server::stop).collect();
        outcomes.into_iter().collect::<Result<()>>()?;
        self.write()
    }

    /// The settings that make the shop use them: full names, ready for a process's environment.
    pub fn variables(&self) -> Vec<(String, String)> {
        let settings = self.servers.iter().flat_map(Server::settings);
        settings
            .map(|(name, value)| (format!("{PREFIX}{}", name.to_ascii_uppercase()), value))
            .collect()
    }

    /// What a test run is given: the settings, and where the servers are.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.variables();
        environment.push((FOLDER_VARIABLE.to_owned(), self.folder.display().to_string()));
        environment
    }

    /// `services.env` for shells and `.env`, `services.json` for programs.
    fn write(&self) -> Result<()> {
        let mut env = String::new();
        for (name, value) in self.variables() {
            env += &format!("{name}={value}\n");
        }
        let servers: Vec<serde_json::Value> = self.servers.iter().map(Server::describe).collect();
        let variables: serde_json::Map<String, serde_json::Value> = self
            .variables()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect();
        let json = serde_json::json!({ "servers": servers, "variables": variables });
        for (file, text) in [(ENV_FILE, env), (JSON_FILE, format!("{json:#}\n"))] {
            let file = self.folder.join(file);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if self.stop_on_drop
            && let Err(error) = self.down()
        {
            eprintln!("the servers in {} run on: {error:#}", self.folder.display());
        }
    }
}

/// Two starts at once would each make the data.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rustix::process::{Pid, test_kill_process};
    use std::net::TcpStream;

    /// With Redis, since it is up in a moment; the others go the same way.
    #[test]
    fn a_server_keeps_its_port_over_an_outage_and_ends_with_its_owner() {
        let folder = std::env::temp_dir().join(format!("kessai-services-{}", std::process::id()));
        let mut services = Services::start_anew(&folder, &[Kind::Redis]).unwrap();
        let redis = services.server(Kind::Redis).unwrap();
        let (address, first) = (redis.address(), redis.pid().unwrap());

        // Somebody else finds it running, and need not start it.
        let mut others = Services::start(&folder, &[Kind::Redis]).unwrap();
        assert_eq!(others.server(Kind::Redis).unwrap().pid(), Some(first));
        let setting = ("SPIN_VARIABLE_REDIS_ADDRESS".to_owned(), address.clone());
        assert!(others.variables().contains(&setting));
        let env = std::fs::read_to_string(folder.join(ENV_FILE)).unwrap();
        assert!(env.contains(&format!("{}={}\n", setting.0, setting.1)), "{env}");
        drop(others);

        let redis = services.server(Kind::Redis).unwrap();
        redis.kill().unwrap();
        assert!(redis.pid().is_none() && TcpStream::connect(&address).is_err());
        redis.start().unwrap();
        assert_eq!(redis.address(), address);
        let second = redis.pid().unwrap();
        assert_ne!(second, first);

        drop(services);
        assert!(TcpStream::connect(&address).is_err(), "it outlives its owner");
        assert!(test_kill_process(Pid::from_raw(second).unwrap()).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
