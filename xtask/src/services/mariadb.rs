//! MariaDB, as Debian installs it, with a data folder of its own.

use super::server::Server;
use crate::run;
use anyhow::{Context, Result, bail};
use std::{
    io::Read,
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

const USER: &str = "kessai";
const PASSWORD: &str = "kessai_services";
const SCHEMA_PREFIX: &str = "kessai_";
/// Where Debian has it; it is not on an ordinary user's path.
const SYSTEM_DAEMON: &str = "/usr/sbin/mariadbd";

/// Makes the system tables once, and tells which rights the shop and its tests have.
pub(super) fn prepare(server: &Server) -> Result<()> {
    if !run::exists(daemon()) || !run::exists_at_all("mariadb-install-db") {
        bail!("MariaDB is not installed: install Debian's `mariadb-server`; its own service need not run");
    }
    // Run at every start, before anybody is let in. Tests make schemas of their own, whose names begin with t.
    let rights = format!(
        "CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n\
         GRANT ALL ON `kessai%`.* TO '{USER}'@'%';\n\
         GRANT ALL ON `t%`.* TO '{USER}'@'%';\n"
    );
    std::fs::write(rights_file(server), rights)?;
    let data = server.folder().join("data");
    if data.is_dir() {
        return Ok(());
    }
    let unfinished = server.folder().join("data.unfinished");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)?;
    }
    let mut install = Command::new("mariadb-install-db");
    install
        .arg("--no-defaults")
        .arg(format!("--datadir={}", unfinished.display()))
        .args(["--skip-test-db", "--auth-root-authentication-method=normal"])
        .args(user_flag())
        .stdin(Stdio::null());
    let output = install.output().context("cannot run mariadb-install-db")?;
    if !output.status.success() {
        bail!(
            "mariadb-install-db failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    std::fs::rename(unfinished, data)?;
    Ok(())
}

pub(super) fn command(server: &Server) -> Command {
    let in_folder = |flag: &str, name: &str| format!("--{flag}={}", server.folder().join(name).display());
    let mut command = Command::new(daemon());
    command
        .arg("--no-defaults")
        .arg(in_folder("datadir", "data"))
        .arg(in_folder("socket", "socket"))
        .arg(in_folder("pid-file", "pid"))
        .arg(format!("--init-file={}", rights_file(server).display()))
        .arg(format!("--port={}", server.port()))
        .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
        // As MySQL 8 has it.
        .arg("--character-set-server=utf8mb4")
        // Several workers with a pool for each schema, and tests beside each other.
        .arg("--max-connections=1000")
        .args(user_flag());
    command
}

pub(super) fn settings(server: &Server) -> Vec<(&'static str, String)> {
    vec![
        ("database", "mysql".into()),
        ("mysql_address", server.address()),
        ("mysql_user", USER.into()),
        ("mysql_password", PASSWORD.into()),
        ("mysql_schema_prefix", SCHEMA_PREFIX.into()),
    ]
}

/// The greeting that opens every connection: a packet's head of four bytes, then version 10 of the protocol.
/// A server that is still busy, or full, sends an error (255) instead.
pub(super) fn greets(mut stream: TcpStream) -> std::io::Result<()> {
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    if start[4] == 10 {
        Ok(())
    } else {
        Err(std::io::Error::other(format!("it greets with {}", start[4])))
    }
}

fn rights_file(server: &Server) -> std::path::PathBuf {
    server.folder().join("rights.sql")
}

fn daemon() -> &'static str {
    if Path::new(SYSTEM_DAEMON).exists() {
        SYSTEM_DAEMON
    } else {
        "mariadbd"
    }
}

/// It refuses to run as root unless told to.
fn user_flag() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}
