//! Redis, as Debian installs it, without a file.

use super::server::Server;
use crate::run;
use anyhow::{Result, bail};
use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::Command,
};

/// There is one, so that what runs here shows that passwords work.
const PASSWORD: &str = "kessai_services";

pub(super) fn prepare() -> Result<()> {
    if !run::exists("redis-server") {
        bail!("Redis is not installed: install Debian's `redis-server`; its own service need not run");
    }
    Ok(())
}

/// What a server keeps: sessions, which a buyer gets again by logging in. Nothing is written down.
pub(super) fn command(server: &Server) -> Command {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &server.port().to_string()])
        .args(["--bind", "127.0.0.1"])
        .args(["--requirepass", PASSWORD])
        .args(["--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(server.folder());
    command
}

pub(super) fn settings(server: &Server) -> Vec<(&'static str, String)> {
    vec![
        ("session_store", "redis".into()),
        ("fanout", "redis".into()),
        ("redis_address", server.address()),
        ("redis_password", PASSWORD.into()),
    ]
}

pub(super) fn answers_ping(mut stream: TcpStream) -> std::io::Result<()> {
    write!(stream, "AUTH {PASSWORD}\r\nPING\r\n")?;
    let mut answers = BufReader::new(stream).lines();
    for expected in ["+OK", "+PONG"] {
        let answer = answers.next().transpose()?.unwrap_or_default();
        if answer != expected {
            return Err(std::io::Error::other(format!("it says `{answer}`")));
        }
    }
    Ok(())
}
