//! Redis.

use super::process::{PATIENCE, Running, free_port};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    process::Command,
};
use tempfile::TempDir;

/// A Redis server that keeps nothing.
pub struct Redis {
    folder: TempDir,
    pub port: u16,
    running: Option<Running>,
}

impl Redis {
    pub fn start() -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            running: None,
        };
        server.run();
        server
    }

    /// Starts the server, again on its port.
    pub fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--port"])
            .arg(self.port.to_string())
            .current_dir(self.folder.path());
        self.running = Some(Running::start(&mut command, "redis-server"));
        let until = std::time::Instant::now() + PATIENCE;
        while self.ping().is_err() {
            assert!(std::time::Instant::now() < until, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    fn ping(&self) -> std::io::Result<()> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        socket.write_all(b"PING\r\n")?;
        socket.read_exact(&mut [0; 7])
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.running = None;
    }

    /// Stops answering without closing anything, as a server behind a broken network does.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.running.as_ref().unwrap().0.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` says to a command.
    pub fn command(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
