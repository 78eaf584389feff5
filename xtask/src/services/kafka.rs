//! Apache Kafka: one process that is broker and controller (KRaft), from the jars that Maven brings.

use super::server::Server;
use crate::run;
use anyhow::{Context, Result, bail};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const POM: &str = include_str!("../../kafka/pom.xml");
/// 16 bytes in Base64, any. Every data folder is a cluster by itself.
const CLUSTER: &str = "a2Vzc2FpLXNlcnZpY2VzLg";

/// Brings the jars, writes the settings and formats the data folder.
pub(super) fn prepare(server: &Server) -> Result<()> {
    if !run::exists("java") {
        bail!("Java 17 or later is not installed: install Debian's `default-jre-headless` and `maven`");
    }
    let jars = jars()?;
    std::fs::write(properties_file(server), properties(server))?;
    if data(server).join("meta.properties").is_file() {
        return Ok(());
    }
    let output = java(&jars, "128m")
        .arg("kafka.tools.StorageTool")
        .args([
            "format",
            "--ignore-formatted",
            "--cluster-id",
            CLUSTER,
            "--config",
        ])
        .arg(properties_file(server))
        .stdin(Stdio::null())
        .output()
        .context("cannot run java")?;
    if !output.status.success() {
        bail!(
            "Kafka's data folder cannot be formatted:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

pub(super) fn command(server: &Server) -> Result<Command> {
    let mut command = java(&jars()?, "512m");
    command.arg("kafka.Kafka").arg(properties_file(server));
    Ok(command)
}

pub(super) fn settings(server: &Server) -> Vec<(&'static str, String)> {
    vec![("kafka_brokers", server.address())]
}

/// Asks for the cluster's metadata (version 1 of the request, for no topic): a broker that does its work finds itself in the answer.
pub(super) fn knows_its_brokers(mut stream: TcpStream) -> std::io::Result<()> {
    const METADATA: [u8; 14] = [
        0, 3, // request: Metadata
        0, 1, // version
        0, 0, 0, 7, // correlation
        0xff, 0xff, // no client id
        0, 0, 0, 0, // topics
    ];
    let length = u32::try_from(METADATA.len()).unwrap_or_default();
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&METADATA)?;
    // Length, correlation, number of brokers.
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    if head[8..] == 1_u32.to_be_bytes() {
        Ok(())
    } else {
        Err(std::io::Error::other("the broker is not part of its cluster yet"))
    }
}

fn java(jars: &Path, heap: &str) -> Command {
    let mut java = Command::new("java");
    java.arg(format!("-Xmx{heap}"))
        // Small, and no threads of its own beside those of everything else on the machine.
        .arg("-XX:+UseSerialGC")
        .arg(format!(
            "-Dlog4j2.configurationFile={}",
            run::root().join("xtask/kafka/log4j2.properties").display()
        ))
        .arg("-cp")
        .arg(jars.join("*"));
    java
}

/// The jars, from the cache or by Maven. The cache belongs to the user, so that a clean build does not fetch them again.
fn jars() -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    POM.hash(&mut hasher);
    let cache = cache_folder();
    let jars = cache.join(format!("kafka-{:016x}", hasher.finish()));
    if jars.is_dir() {
        return Ok(jars);
    }
    if !run::exists("mvn") {
        bail!("Kafka's jars are fetched by Maven, which is not installed: install Debian's `maven`");
    }
    std::fs::create_dir_all(&cache)?;
    let unfinished = cache.join(format!("kafka-unfinished-{}", std::process::id()));
    let mut maven = Command::new("mvn");
    maven
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(run::root().join("xtask/kafka/pom.xml"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", unfinished.display()));
    run::step("Fetch Kafka's jars", &mut maven)?;
    // Somebody else may have been faster; theirs are the same.
    if std::fs::rename(&unfinished, &jars).is_err() {
        std::fs::remove_dir_all(&unfinished)?;
    }
    Ok(jars)
}

fn cache_folder() -> PathBuf {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".cache")))
        .map_or_else(|| run::root().join("target"), |cache| cache.join("kessai"))
}

fn data(server: &Server) -> PathBuf {
    server.folder().join("data")
}

fn properties_file(server: &Server) -> PathBuf {
    server.folder().join("server.properties")
}

/// One node, so every factor is one. Topics are made by `kessai topics create`, never by accident.
fn properties(server: &Server) -> String {
    let (port, controller, data) = (server.port(), server.inner_port(), data(server));
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         log.dirs={data}\n\
         auto.create.topics.enable=false\n\
         default.replication.factor=1\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=4\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         transaction.state.log.num.partitions=4\n\
         share.coordinator.state.topic.replication.factor=1\n\
         share.coordinator.state.topic.min.isr=1\n\
         share.coordinator.state.topic.num.partitions=1\n\
         # Tests of rebalances need not wait longer than the machine does.\n\
         group.initial.rebalance.delay.ms=0\n\
         group.min.session.timeout.ms=1000\n\
         log.cleaner.dedupe.buffer.size=16777216\n",
        data = data.display()
    )
}
