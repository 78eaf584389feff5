//! The run's settings, and what came of it, as markdown.

use crate::books::Sums;
use crate::plan::Plan;
use crate::tally::Seen;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug)]
pub struct Settings {
    pub orders: usize,
    pub kills: usize,
    pub seed: u64,
    /// No order is begun after this time.
    pub longest: Duration,
    pub buyers: usize,
    pub report: Option<PathBuf>,
    /// Where databases and logs go after a violation.
    pub keep: Option<PathBuf>,
}

impl Settings {
    pub fn from_arguments() -> Result<Settings> {
        let mut settings = Settings {
            orders: 200,
            kills: 20,
            seed: 1,
            longest: Duration::from_secs(30 * 60),
            buyers: 16,
            report: None,
            keep: None,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .with_context(|| format!("{name} needs a value"))?;
            let number = || -> Result<u64> { value.parse().with_context(|| format!("{name} {value}")) };
            let count = || -> Result<usize> { Ok(usize::try_from(number()?)?) };
            match name.as_str() {
                "--orders" => settings.orders = count()?,
                "--kills" => settings.kills = count()?,
                "--buyers" => settings.buyers = count()?.max(1),
                "--seed" => settings.seed = number()?,
                "--minutes" => settings.longest = Duration::from_secs(60 * number()?),
                "--report" => settings.report = Some(value.into()),
                "--keep" => settings.keep = Some(value.into()),
                _ => {
                    bail!("{name} is not a flag: --orders --kills --seed --minutes --buyers --report --keep")
                }
            }
        }
        Ok(settings)
    }
}

#[derive(Debug)]
pub struct Report<'a> {
    pub settings: &'a Settings,
    pub plan: &'a Plan,
    pub seen: &'a Seen,
    pub sums: Sums,
    /// From the first order to the healing.
    pub load: Duration,
    /// From the healing until everything was at rest and the books were right.
    pub converged: Duration,
}

impl Report<'_> {
    pub fn is_clean(&self) -> bool {
        self.seen.violations.is_empty()
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { seed, buyers, .. } = self.settings;
        let confirmed = self.seen.placed.values().flatten().count();
        writeln!(f, "# Chaos, seed {seed}\n")?;
        writeln!(
            f,
            "{} visits by {buyers} buyers at once; plan `{:016x}`; {}.\n",
            self.seen.placed.len(),
            self.plan.fingerprint(),
            machine()
        )?;
        writeln!(f, "| | |\n|---|--:|")?;
        for (what, value) in [
            ("violations", self.seen.violations.len().to_string()),
            ("from healing until all books agree", seconds(self.converged)),
            ("under load", seconds(self.load)),
            (
                "SIGKILLs of the shop at work",
                format!("{} of {}", self.seen.kills, self.plan.kills.len()),
            ),
            (
                "and of the shop on its way up",
                self.seen.kills_at_start.to_string(),
            ),
            ("orders confirmed to buyers", confirmed.to_string()),
            (
                "orders on the books",
                self.sums.orders.values().sum::<i64>().to_string(),
            ),
        ] {
            writeln!(f, "| {what} | {value} |")?;
        }
        writeln!(f, "\n## What buyers did\n\n| | |\n|---|--:|")?;
        for (act, count) in &self.seen.acts {
            writeln!(f, "| {act} | {count} |")?;
        }
        writeln!(f, "\n## How orders ended\n\n| | |\n|---|--:|")?;
        for (end, count) in &self.sums.orders {
            writeln!(f, "| {end} | {count} |")?;
        }
        writeln!(f, "\n## What PayPay has\n\n| payments | | yen |\n|---|--:|--:|")?;
        for (status, (count, yen)) in &self.sums.payments {
            writeln!(f, "| {status} | {count} | {yen} |")?;
        }
        writeln!(f, "\n| webhooks | |\n|---|--:|")?;
        for (outcome, count) in &self.sums.webhooks {
            writeln!(f, "| {outcome} | {count} |")?;
        }
        writeln!(f, "\n## What callers saw\n\n| call | answer | |\n|---|---|--:|")?;
        for ((call, answer), count) in &self.seen.answers {
            writeln!(f, "| {call} | {answer} | {count} |")?;
        }
        writeln!(f, "\n## Faults\n\n| from order | faults |\n|---|---|")?;
        for (from, faults) in &self.plan.faults {
            writeln!(f, "| {from} | `{faults}` |")?;
        }
        writeln!(f, "\n## Violations\n")?;
        if self.is_clean() {
            writeln!(f, "None: nothing lost, nothing doubled.")?;
        }
        for violation in &self.seen.violations {
            writeln!(f, "- {}", violation.replace('\n', " "))?;
        }
        Ok(())
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// What it ran on, as far as it can be told.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').nth(1).unwrap_or("unknown").to_owned();
    format!("{cores} cores, load {load} (mean of 5 minutes)")
}
