//! One server: a process, its data and its ports.

use super::{kafka, mariadb, redis};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a server may take until it answers. Kafka is the slowest: some seconds on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long it may take to end after SIGTERM; then it is killed, and that is an error.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
/// How long a probe waits for each answer.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// Below those that systems give to outgoing connections: a server that was stopped finds its port free again.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
const NOTES: &str = "server.json";
const LOG: &str = "log.txt";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    Mariadb,
    Redis,
    Kafka,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Mariadb, Kind::Redis, Kind::Kafka];

    pub const fn title(self) -> &'static str {
        match self {
            Kind::Mariadb => "MariaDB",
            Kind::Redis => "Redis",
            Kind::Kafka => "Kafka",
        }
    }

    /// Its folder, and its name on the command line.
    const fn name(self) -> &'static str {
        match self {
            Kind::Mariadb => "mariadb",
            Kind::Redis => "redis",
            Kind::Kafka => "kafka",
        }
    }
}

/// What is remembered of a server, so that any process can find it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notes {
    port: u16,
    /// For a server that also talks to itself by network: Kafka's controller.
    inner_port: u16,
    pid: Option<i32>,
}

/// A server on this machine.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    folder: PathBuf,
    notes: Notes,
    /// If it was started by this process, which must then take its exit status: it would stay a zombie otherwise.
    child: Option<Child>,
}

impl Server {
    pub(super) fn exists(services: &Path, kind: Kind) -> bool {
        services.join(kind.name()).join(NOTES).is_file()
    }

    /// The server of a folder, as it was left; ports are chosen the first time and then kept.
    pub(super) fn open(services: &Path, kind: Kind) -> Result<Server> {
        let folder = services.join(kind.name());
        let file = folder.join(NOTES);
        let notes = if file.is_file() {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))?
        } else {
            let [port, inner_port] = free_ports()?;
            Notes {
                port,
                inner_port,
                pid: None,
            }
        };
        Ok(Server {
            kind,
            folder,
            notes,
            child: None,
        })
    }

    /// Forgets a server that does not run, with its data.
    pub(super) fn erase(services: &Path, kind: Kind) -> Result<()> {
        let folder = services.join(kind.name());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        Ok(())
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn port(&self) -> u16 {
        self.notes.port
    }

    pub(super) fn inner_port(&self) -> u16 {
        self.notes.inner_port
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.notes.port)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process, while there is one.
    pub fn pid(&mut self) -> Option<i32> {
        match &mut self.child {
            Some(child) => self.notes.pid.filter(|_| matches!(child.try_wait(), Ok(None))),
            None => self.notes.pid.filter(|pid| self.is_ours(*pid)),
        }
    }

    /// Whether it runs and answers as such a server does.
    pub fn answers(&mut self) -> bool {
        self.pid().is_some() && self.probe().is_ok()
    }

    /// Makes the data if there is none, starts the process unless it runs, and waits until it answers.
    ///
    /// # Errors
    /// It is not installed, or does not answer: with the end of its log.
    pub fn start(&mut self) -> Result<()> {
        let title = self.kind.title();
        let started = Instant::now();
        if self.answers() {
            eprintln!("  {title}: runs already on {}", self.address());
            return Ok(());
        }
        if self.pid().is_none() {
            eprintln!("▸ {title}: start");
            std::fs::create_dir_all(&self.folder)?;
            match self.kind {
                Kind::Mariadb => mariadb::prepare(self)?,
                Kind::Redis => redis::prepare()?,
                Kind::Kafka => kafka::prepare(self)?,
            }
            let command = match self.kind {
                Kind::Mariadb => mariadb::command(self),
                Kind::Redis => redis::command(self),
                Kind::Kafka => kafka::command(self)?,
            };
            self.spawn(command)?;
        }
        self.wait_until_it_answers()?;
        eprintln!(
            "  {title}: answers on {} after {:.1} s",
            self.address(),
            started.elapsed().as_secs_f32()
        );
        Ok(())
    }

    /// Asks it to end and waits until it has; its data and its port stay.
    ///
    /// # Errors
    /// It had to be killed.
    pub fn stop(&mut self) -> Result<()> {
        if self.signal(Signal::TERM)? && !self.has_ended_within(STOP_LIMIT) {
            self.kill()?;
            bail!(
                "{} did not end within {} s of being asked and was killed",
                self.kind.title(),
                STOP_LIMIT.as_secs()
            );
        }
        self.forget_process()
    }

    /// Ends it as a power cut would.
    ///
    /// # Errors
    /// The process may not be killed.
    pub fn kill(&mut self) -> Result<()> {
        if self.signal(Signal::KILL)? && !self.has_ended_within(STOP_LIMIT) {
            bail!("{} does not end even when killed", self.kind.title());
        }
        self.forget_process()
    }

    /// The settings that make the shop use it.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        match self.kind {
            Kind::Mariadb => mariadb::settings(self),
            Kind::Redis => redis::settings(self),
            Kind::Kafka => kafka::settings(self),
        }
    }

    pub(super) fn describe(&self) -> serde_json::Value {
        serde_json::json!({
            "server": self.kind.name(),
            "address": self.address(),
            "pid": self.notes.pid,
            "log": self.folder.join(LOG),
        })
    }

    fn spawn(&mut self, mut command: Command) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(LOG))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in the terminal is not meant for it.
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot run `{}` for {}",
                    command.get_program().to_string_lossy(),
                    self.kind.title()
                )
            })?;
        self.notes.pid = Some(i32::try_from(child.id())?);
        self.child = Some(child);
        self.remember()
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        loop {
            let Err(error) = self.probe() else {
                return Ok(());
            };
            let ended = self.pid().is_none();
            if ended || Instant::now() > deadline {
                let what = if ended { "has ended" } else { "does not answer" };
                bail!(
                    "{} {what} ({error}). The end of {}:\n{}",
                    self.kind.title(),
                    self.folder.join(LOG).display(),
                    self.log_end()
                );
            }
            sleep(POLL);
        }
    }

    fn probe(&self) -> std::io::Result<()> {
        let address = (Ipv4Addr::LOCALHOST, self.notes.port).into();
        let stream = TcpStream::connect_timeout(&address, PROBE_LIMIT)?;
        stream.set_read_timeout(Some(PROBE_LIMIT))?;
        match self.kind {
            Kind::Mariadb => mariadb::greets(stream),
            Kind::Redis => redis::answers_ping(stream),
            Kind::Kafka => kafka::knows_its_brokers(stream),
        }
    }

    /// Whether there was a process to send it to.
    fn signal(&mut self, signal: Signal) -> Result<bool> {
        let Some(pid) = self.pid().and_then(Pid::from_raw) else {
            return Ok(false);
        };
        kill_process(pid, signal).with_context(|| format!("cannot end {}", self.kind.title()))?;
        Ok(true)
    }

    fn has_ended_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.pid().is_some() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(POLL);
        }
        true
    }

    fn forget_process(&mut self) -> Result<()> {
        self.child = None;
        self.notes.pid = None;
        if self.folder.is_dir() {
            self.remember()?;
        }
        Ok(())
    }

    fn remember(&self) -> Result<()> {
        let file = self.folder.join(NOTES);
        std::fs::write(&file, serde_json::to_string(&self.notes)?)
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Process ids are used again: ours names its folder or its port in its command line.
    fn is_ours(&self, pid: i32) -> bool {
        let command_line = command_line(pid);
        command_line.contains(&self.notes.port.to_string())
            || command_line.contains(&self.folder.display().to_string())
    }

    fn log_end(&self) -> String {
        let text = std::fs::read(self.folder.join(LOG)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Of a process; empty if there is none, and for one that has ended and waits to be reaped.
fn command_line(pid: i32) -> String {
    let bytes = match std::fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => bytes,
        Err(_) if Path::new("/proc/self/cmdline").exists() => Vec::new(),
        Err(_) => Command::new("ps")
            .args(["-o", "command=", "-p", &pid.to_string()])
            .output()
            .map(|output| output.stdout)
            .unwrap_or_default(),
    };
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Two ports that nobody listens on now.
fn free_ports() -> Result<[u16; 2]> {
    let random = RandomState::new().hash_one(std::process::id());
    let places = u64::from(PORTS.end - PORTS.start);
    let mut candidates = (0..places).filter_map(|step| {
        let port = PORTS.start + u16::try_from((random.wrapping_add(step)) % places).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| port)
    });
    match (candidates.next(), candidates.next()) {
        (Some(port), Some(inner)) => Ok([port, inner]),
        _ => bail!("no port between {} and {} is free", PORTS.start, PORTS.end),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_is_ours_only_if_it_names_our_port_or_folder() {
        let folder = std::env::temp_dir().join("kessai-services-nobody");
        let mut server = Server::open(&folder, Kind::Redis).unwrap();
        assert!(PORTS.contains(&server.port()) && server.port() != server.inner_port());
        server.notes.pid = Some(i32::try_from(std::process::id()).unwrap());
        assert_eq!(server.pid(), None, "this test is not Redis");

        let port = server.port().to_string();
        let mut child = Command::new("sleep")
            .arg("60")
            .arg0(format!("x:{port}"))
            .spawn()
            .unwrap();
        server.notes.pid = Some(i32::try_from(child.id()).unwrap());
        // Between fork and exec the child still has our own command line.
        while server.pid().is_none() && child.try_wait().unwrap().is_none() {
            sleep(POLL);
        }
        assert_eq!(server.pid(), server.notes.pid);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(server.pid(), None);
    }
}
