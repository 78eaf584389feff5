//! PayPay's own SDKs against a sandbox that is started for them. See `tests/sdk`.

use crate::{build, run};
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the sandbox may take to open.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of one suite.
#[derive(Debug)]
pub enum Outcome {
    Ran {
        passed: u64,
        failed: u64,
    },
    /// Why it could not run here.
    Skipped(String),
}

/// Runs both suites.
pub fn suites() -> Result<Vec<(&'static str, Outcome)>> {
    let mut sandbox = Sandbox::start()?;
    let outcomes = vec![
        ("PayPay's Node SDK", node(&sandbox)?),
        ("PayPay's Python SDK", python(&sandbox)?),
    ];
    sandbox.stop()?;
    Ok(outcomes)
}

fn folder(name: &str) -> PathBuf {
    run::root().join("tests/sdk").join(name)
}

fn node(sandbox: &Sandbox) -> Result<Outcome> {
    if !run::exists("node") || !run::exists("npm") {
        return Ok(Outcome::Skipped("no Node.js with npm".to_owned()));
    }
    let mut install = Command::new("npm");
    install
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder("node"));
    if !run::passes("Install PayPay's Node SDK", &mut install)? {
        return Ok(Outcome::Skipped("npm could not install it".to_owned()));
    }
    let mut suite = Command::new("node");
    suite
        .args(["--test", "--test-reporter=tap"])
        .current_dir(folder("node"));
    let name = "PayPay's Node SDK against the sandbox";
    counted(name, sandbox.told_to(&mut suite), tap_totals)
}

/// `# pass 17` and `# fail 0`.
fn tap_totals(line: &str) -> Count {
    let number = |word: &str| line.strip_prefix(word)?.trim().parse().ok();
    Count {
        passed: number("# pass "),
        failed: number("# fail "),
    }
}

fn python(sandbox: &Sandbox) -> Result<Outcome> {
    let venv = build::target_folder().join("sdk-python");
    let python = venv.join("bin/python");
    if !run::exists("python3") {
        return Ok(Outcome::Skipped("no Python 3".to_owned()));
    }
    // A folder left by a try without ensurepip has a Python and no pip.
    if !venv.join("bin/pip").exists() {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&venv);
        if !run::passes("Make a virtual environment for Python", &mut make)? {
            return Ok(Outcome::Skipped(
                "Python has no venv module (Debian: python3-venv)".to_owned(),
            ));
        }
    }
    let mut install = Command::new(&python);
    install
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(folder("python").join("requirements.txt"));
    if !run::passes("Install PayPay's Python SDK", &mut install)? {
        return Ok(Outcome::Skipped("pip could not install it".to_owned()));
    }
    let mut suite = Command::new(&python);
    // unittest reports on stderr.
    suite
        .args([
            "-c",
            "import sys, unittest; sys.stderr = sys.stdout; unittest.main(module=None, verbosity=2)",
        ])
        .arg("discover")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(folder("python"));
    let (name, mut ran) = ("PayPay's Python SDK against the sandbox", 0);
    counted(name, sandbox.told_to(&mut suite), |line| {
        unittest_totals(line, &mut ran)
    })
}

/// `Ran 15 tests in 0.3s`, and later `OK` or `FAILED (failures=1, errors=2)`.
fn unittest_totals(line: &str, ran: &mut u64) -> Count {
    if let Some(count) = line.strip_prefix("Ran ") {
        *ran = count
            .split(' ')
            .next()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
    }
    let failed = if line.starts_with("FAILED (") {
        let numbers = line.split(|char: char| !char.is_ascii_digit());
        numbers.filter_map(|number| number.parse::<u64>().ok()).sum()
    } else if line.starts_with("OK") {
        0
    } else {
        return Count::default();
    };
    Count {
        passed: Some(ran.saturating_sub(failed)),
        failed: Some(failed),
    }
}

/// Totals that a line tells, if it tells any.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: Option<u64>,
    failed: Option<u64>,
}

/// Runs a suite, shows its lines and lets `count` look for totals in them. A suite that dies without any counts as a failure.
fn counted(name: &str, suite: &mut Command, mut count: impl FnMut(&str) -> Count) -> Result<Outcome> {
    eprintln!("\n▸ {name}");
    let mut child = suite
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    let (mut passed, mut failed) = (0, 0);
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            let totals = count(&line);
            passed = totals.passed.unwrap_or(passed);
            failed = totals.failed.unwrap_or(failed);
        }
    }
    let succeeded = child.wait()?.success();
    if (!succeeded || passed == 0) && failed == 0 {
        failed = 1;
    }
    Ok(Outcome::Ran { passed, failed })
}

/// A sandbox of its own: free ports, empty books.
#[derive(Debug)]
struct Sandbox {
    process: Child,
    plain: SocketAddr,
    tls: SocketAddr,
    data: PathBuf,
}

impl Sandbox {
    fn start() -> Result<Self> {
        let data = build::target_folder().join("sdk-sandbox");
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data)?;
        let (plain, tls) = (free_port()?, free_port()?);
        let process = Command::new(build::worker_binary(false))
            .arg("sandbox")
            .args(["--listen", &plain.to_string()])
            .args(["--tls-listen", &tls.to_string()])
            .arg("--data")
            .arg(&data)
            .current_dir(run::root())
            // Its webhooks must not reach a shop that runs here; they go to the sandbox itself, which refuses them.
            .env("SPIN_VARIABLE_PUBLIC_URL", format!("http://{plain}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(data.join("log"))?)
            .spawn()
            .context("cannot start the sandbox")?;
        let mut sandbox = Self {
            process,
            plain,
            tls,
            data,
        };
        let since = Instant::now();
        // The TLS listener opens last.
        while TcpStream::connect(sandbox.tls).is_err() {
            if let Some(status) = sandbox.process.try_wait()? {
                bail!(
                    "the sandbox ended at once: {status}; see {}",
                    sandbox.data.join("log").display()
                );
            }
            if since.elapsed() > PATIENCE {
                sandbox.stop()?;
                bail!("the sandbox did not open within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(sandbox)
    }

    fn authority(&self) -> PathBuf {
        self.data.join("sandbox-ca.pem")
    }

    /// Tells a suite where the sandbox is and what to trust.
    fn told_to<'a>(&self, suite: &'a mut Command) -> &'a mut Command {
        let authority: &Path = &self.authority();
        suite
            .env("SANDBOX_URL", format!("http://{}", self.plain))
            .env("SANDBOX_TLS_PORT", self.tls.port().to_string())
            .env("NODE_EXTRA_CA_CERTS", authority)
            .env("REQUESTS_CA_BUNDLE", authority)
    }

    fn stop(&mut self) -> Result<()> {
        if self.process.try_wait()?.is_none() {
            self.process.kill()?;
            self.process.wait()?;
        }
        Ok(())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // An early return; there is nobody left to tell.
        let _ = self.stop();
    }
}

/// An address that nobody listens on now.
fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suites_totals_are_read() {
        let count = |passed, failed| Count {
            passed: Some(passed),
            failed: Some(failed),
        };
        assert_eq!(tap_totals("# pass 17").passed, Some(17));
        assert_eq!(tap_totals("# fail 2").failed, Some(2));
        assert_eq!(tap_totals("ok 3 - pass 4"), Count::default());
        let mut ran = 0;
        let mut read = |line| unittest_totals(line, &mut ran);
        assert_eq!(read("Ran 15 tests in 0.325s"), Count::default());
        assert_eq!(read("OK"), count(15, 0));
        assert_eq!(read("FAILED (failures=1, errors=2)"), count(12, 3));
    }
}
