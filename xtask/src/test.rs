//! `cargo xtask test`: every test there is, with one count at the end.
//!
//! What cannot run here (no browser, say) is named at the end as skipped, and fails the run where `CI` is set.

use crate::services::{Kind, Services};
use crate::{build, run, sdk};
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use xtask::faketime;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only these parts: rust, production, web, browser, sdk (default: all). Both rust and production run the whole shop: on SQLite, and on MariaDB, Redis and Kafka
    #[arg(value_parser = ["rust", "production", "web", "browser", "sdk"])]
    parts: Vec<String>,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }
}

/// Tests that cannot run without a server, by the features that turn them on.
const WITH_SERVERS: &str = "kessai-relay/real-kafka,kessai-relay/real-mysql,kessai-alerts/real-kafka,kessai-alerts/real-mysql,scenarios/production";
/// Where the names of those begin that run on the production backends only.
const ONLY_PRODUCTION: &str = "on_servers::";
/// Where the names of those begin that set a worker's clock wrong.
const WITH_FAKETIME: &str = "on_servers::clocks::";
/// The scenarios of the whole shop, chaos among them: what runs on either kind of backends.
const SCENARIOS: [&str; 11] = [
    "admin",
    "bad_input",
    "chaos",
    "crashes",
    "events",
    "purchase",
    "races",
    "reconcile",
    "refunds",
    "sagas",
    "webhook_abuse",
];

/// Tells the tests where the servers are: those that run on SQLite then run on MySQL as well. Only the tests: a shop that they start is on
/// SQLite alone unless KESSAI_TEST_BACKENDS is set.
fn test_servers(servers: &Services) -> Vec<(&'static str, String)> {
    let settings: HashMap<String, String> = servers.variables().into_iter().collect();
    let setting = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let mysql = format!(
        "mysql://{}:{}@{}",
        setting("SPIN_VARIABLE_MYSQL_USER"),
        setting("SPIN_VARIABLE_MYSQL_PASSWORD"),
        setting("SPIN_VARIABLE_MYSQL_ADDRESS")
    );
    let redis = format!(
        "redis://:{}@{}",
        setting("SPIN_VARIABLE_REDIS_PASSWORD"),
        setting("SPIN_VARIABLE_REDIS_ADDRESS")
    );
    vec![
        ("KESSAI_TEST_MYSQL", mysql),
        ("KESSAI_TEST_REDIS", redis),
        ("KESSAI_TEST_KAFKA", setting("SPIN_VARIABLE_KAFKA_BROKERS")),
    ]
}

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    /// What cargo's runs came to, each with its time.
    runs: Vec<String>,
}

pub fn test(options: &Options) -> Result<u8> {
    build::wasm_target()?;
    build::web()?;
    build::components()?;
    // One selection of packages for everything native: another would be another set of features, and Wasmtime compiled once more. It makes the
    // worker too, because the package has tests that run it.
    let mut tally = Tally::default();
    let native = options.wants("rust") || options.wants("production");
    let servers = native.then(|| tally.servers()).flatten();
    let cargo_test = || {
        let mut cargo = run::cargo();
        cargo.args(["test", "--workspace", "--no-fail-fast"]);
        if let Some(servers) = &servers {
            cargo
                .args(["--features", WITH_SERVERS])
                .envs(test_servers(servers));
        }
        cargo
    };
    run::step(
        "Build the worker and the tests (the first time takes minutes: Wasmtime)",
        cargo_test().arg("--no-run"),
    )?;
    if options.wants("web") {
        tally.web()?;
    }
    if options.wants("rust") {
        tally.rust(
            "Rust tests: crates, components, worker, and the whole shop on SQLite with faults and kills",
            cargo_test().args(["--", "--skip", ONLY_PRODUCTION]),
        )?;
    }
    if options.wants("production") && servers.is_some() {
        let mut cargo = cargo_test();
        for scenario in SCENARIOS.into_iter().chain(["production"]) {
            cargo.args(["--test", scenario]);
        }
        if faketime::library().is_none() {
            cargo.args(["--", "--skip", WITH_FAKETIME]);
            tally
                .skipped
                .push("workers whose clocks differ: no libfaketime (install Debian's `faketime`)".into());
        }
        tally.rust(
            "The whole shop on MariaDB, Redis and Kafka, with faults and kills, outages and several workers",
            cargo.env("KESSAI_TEST_BACKENDS", "production"),
        )?;
    }
    drop(servers);
    if options.wants("sdk") {
        tally.sdk()?;
    }
    if options.wants("browser") {
        tally.browser()?;
    }
    Ok(tally.report())
}

impl Tally {
    /// Runs cargo's tests and adds up its `test result:` lines; a run that dies without one counts as a failure.
    fn rust(&mut self, name: &str, cargo: &mut Command) -> Result<()> {
        eprintln!("\n▸ {name}");
        let (started, before) = (Instant::now(), (self.passed, self.failed));
        let mut child = cargo
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run cargo")?;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let line = line?;
                println!("{line}");
                self.count_cargo_line(&line);
            }
        }
        if !child.wait()?.success() && self.failed == before.1 {
            self.failed += 1;
        }
        let (passed, failed) = (self.passed - before.0, self.failed - before.1);
        let seconds = started.elapsed().as_secs();
        self.runs.push(format!(
            "{name}: {passed} passed, {failed} failed in {} min {:02} s",
            seconds / 60,
            seconds % 60
        ));
        Ok(())
    }

    /// `test result: ok. 15 passed; 0 failed; 0 ignored; …`
    fn count_cargo_line(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let count = |word: &str| -> u64 {
            let before = result.split(';').find_map(|part| part.trim().strip_suffix(word));
            before
                .and_then(|part| part.split_whitespace().last()?.parse().ok())
                .unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
        if count("ignored") > 0 {
            self.skipped
                .push(format!("{} ignored Rust tests", count("ignored")));
        }
    }

    /// Starts MariaDB, Redis and Kafka for as long as the value lives. A test that breaks a server starts one of its own.
    fn servers(&mut self) -> Option<Services> {
        let folder = build::target_folder().join("test-services");
        Services::start_anew(&folder, &Kind::ALL)
            .inspect_err(|error| {
                self.skipped
                    .push(format!("everything on MariaDB, Redis and Kafka: {error:#}"))
            })
            .ok()
    }

    fn web(&mut self) -> Result<()> {
        let report = build::target_folder().join("vitest.json");
        let _ = std::fs::remove_file(&report);
        let output = format!("--outputFile.json={}", report.display());
        let arguments = [
            "run",
            "test",
            "--",
            "--reporter=default",
            "--reporter=json",
            &output,
        ];
        let succeeded = run::passes("Web tests (Vitest)", &mut run::npm(&arguments))?;
        self.count_json(&report, "numPassedTests", "numFailedTests", succeeded)
    }

    fn browser(&mut self) -> Result<()> {
        let Some(chromium) = chromium() else {
            self.skipped.push(
                "browser tests: no Chromium (set CHROMIUM to its path, or install Debian's `chromium`)"
                    .into(),
            );
            return Ok(());
        };
        let report = build::target_folder().join("browser.json");
        let _ = std::fs::remove_file(&report);
        let mut npm = run::npm(&["run", "test:browser"]);
        npm.env("CHROMIUM", chromium)
            .env("KESSAI", build::worker_binary(false))
            .env("REPORT", &report);
        let succeeded = run::passes("Browser tests (Playwright, Chromium)", &mut npm)?;
        self.count_json(&report, "passed", "failed", succeeded)
    }

    fn sdk(&mut self) -> Result<()> {
        for (name, outcome) in sdk::suites()? {
            match outcome {
                sdk::Outcome::Ran { passed, failed } => {
                    self.passed += passed;
                    self.failed += failed;
                }
                sdk::Outcome::Skipped(why) => self.skipped.push(format!("{name}: {why}")),
            }
        }
        Ok(())
    }

    fn count_json(&mut self, report: &Path, passed: &str, failed: &str, succeeded: bool) -> Result<()> {
        let text = std::fs::read_to_string(report).unwrap_or_else(|_| "{}".to_owned());
        let counts: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", report.display()))?;
        let failures = counts[failed].as_u64().unwrap_or(0);
        self.passed += counts[passed].as_u64().unwrap_or(0);
        self.failed += if succeeded { failures } else { failures.max(1) };
        Ok(())
    }

    /// Prints the count as the last line and returns the exit code.
    fn report(&self) -> u8 {
        println!();
        for run in &self.runs {
            println!("{run}");
        }
        for part in &self.skipped {
            println!("skipped: {part}");
        }
        let strict = std::env::var_os("CI").is_some();
        let failed = self.failed + if strict { self.skipped.len() as u64 } else { 0 };
        println!("{} passed, {failed} failed", self.passed);
        u8::from(failed > 0)
    }
}

fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ]
    .into_iter()
    .map(PathBuf::from)
    .find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_result_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.count_cargo_line(
            "test result: ok. 15 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        tally.count_cargo_line("test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.count_cargo_line("test something ... ok");
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (18, 2, 1));
    }
}
