//! The run's settings, and what came of it, as markdown.

use crate::plan::Plan;
use crate::tally::Seen;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
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
                _ => bail!("{name} is not a flag: --orders --kills --seed --minutes --buyers --report"),
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
    pub orders: &'a [Value],
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
        writeln!(f, "# Chaos, seed {seed}\n")?;
        writeln!(
            f,
            "{} visits by {buyers} buyers at once, {} of {} planned kills, plan `{:016x}`.\n",
            self.seen.keys.values().sum::<usize>(),
            self.seen.kills,
            self.plan.kills.len(),
            self.plan.fingerprint()
        )?;
        writeln!(f, "| | |\n|---|---|")?;
        writeln!(f, "| under load | {:.1} s |", self.load.as_secs_f64())?;
        writeln!(
            f,
            "| from healing to rest, books right | {:.1} s |",
            self.converged.as_secs_f64()
        )?;
        writeln!(f, "| orders confirmed to buyers | {} |", self.seen.placed.len())?;
        writeln!(f, "| orders on the books | {} |", self.orders.len())?;
        writeln!(f, "| violations | {} |", self.seen.violations.len())?;
        let mut ends: BTreeMap<String, u64> = BTreeMap::new();
        for order in self.orders {
            let why = order["failCode"]
                .as_str()
                .map_or_else(String::new, |code| format!(" {code}"));
            let status = order["status"].as_str().unwrap_or("?");
            *ends.entry(format!("{status}{why}")).or_default() += 1;
        }
        writeln!(f, "\n## How orders ended\n\n| | |\n|---|---|")?;
        for (end, count) in ends {
            writeln!(f, "| {end} | {count} |")?;
        }
        writeln!(f, "\n## What callers saw\n\n| call | answer | |\n|---|---|---|")?;
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
