//! A process that ends with its value.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long a server may take to start on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Running(pub Child);

impl Running {
    /// Starts a program of an installed package; panics with the package's name if it is not there.
    pub fn start(command: &mut Command, package: &str) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self(
            child
                .unwrap_or_else(|error| panic!("{command:?}: {error}; these tests need {package} installed")),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
