//! Redis.

use super::process::{PATIENCE, Running, free_port};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::Command,
};
use tempfile::TempDir;

/// A Redis server that keeps nothing.
pub struct Redis {
    folder: TempDir,
    pub port: u16,
    has_tls: bool,
    running: Option<Running>,
}

const CERTIFICATE: [&str; 9] = [
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
];

impl Redis {
    pub fn start() -> Self {
        Self::new(false)
    }

    /// One that speaks TLS only, with a certificate for 127.0.0.1.
    pub fn start_tls() -> Self {
        Self::new(true)
    }

    fn new(has_tls: bool) -> Self {
        let mut server = Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            has_tls,
            running: None,
        };
        if has_tls {
            server.make_authority("ca");
            server.make_authority("stranger");
            server.openssl(&[
                "-keyout",
                "server.key",
                "-out",
                "server.pem",
                "-subj",
                "/CN=redis",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-addext",
                "basicConstraints=CA:FALSE",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ]);
        }
        server.run();
        server
    }

    fn make_authority(&self, name: &str) {
        let (key, certificate, subject) = (
            format!("{name}.key"),
            format!("{name}.pem"),
            format!("/CN={name}"),
        );
        self.openssl(&[
            "-keyout",
            &key,
            "-out",
            &certificate,
            "-subj",
            &subject,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        ]);
    }

    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl")
            .args(CERTIFICATE)
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "openssl: {}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    /// The file of the authority that vouches for this server.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// That of another, which does not.
    pub fn strange_authority(&self) -> PathBuf {
        self.folder.path().join("stranger.pem")
    }

    /// Starts the server, again on its port.
    pub fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", ""])
            .current_dir(self.folder.path());
        let port = self.port.to_string();
        if self.has_tls {
            command
                .args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"])
                .args([
                    "--tls-cert-file",
                    "server.pem",
                    "--tls-key-file",
                    "server.key",
                    "--tls-ca-cert-file",
                    "ca.pem",
                ]);
        } else {
            command.args(["--port", &port]);
        }
        self.running = Some(Running::start(&mut command, "redis-server"));
        let until = std::time::Instant::now() + PATIENCE;
        while self.ping().is_err() {
            assert!(std::time::Instant::now() < until, "redis-server does not answer");
            std::thread::yield_now();
        }
    }

    fn ping(&self) -> std::io::Result<()> {
        if self.has_tls {
            return match self.command(&["PING"]).as_str() {
                "PONG" => Ok(()),
                other => Err(std::io::Error::other(other.to_owned())),
            };
        }
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
        let scheme = if self.has_tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` says to a command.
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string()]);
        if self.has_tls {
            command.arg("--tls").arg("--cacert").arg(self.authority());
        }
        let output = command.args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}
