//! Callers who order one thing after the other until the time is up.

use crate::contender::Contender;
use crate::usage::{self, Usage};
use anyhow::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

#[derive(Debug)]
pub struct Load {
    pub callers: u32,
    pub duration: Duration,
}

/// What one run took.
#[derive(Debug)]
pub struct Run {
    pub orders: usize,
    pub elapsed: Duration,
    /// Of each order, shortest first.
    pub latencies: Vec<Duration>,
    /// Commits by database.
    pub commits: Vec<(&'static str, u64)>,
    /// Of the whole process; absent where the system does not tell.
    pub usage: Option<Usage>,
    /// The machine's load average over the last minute, when the run began.
    pub load_average: Option<f64>,
}

impl Load {
    /// Lets everybody order until the time is up, and waits for the orders that are under way then.
    pub async fn run(&self, contender: &Arc<Contender>) -> Result<Run> {
        let load_average = usage::load_average();
        let commits = contender.commits();
        let usage = Usage::now();
        let started = Instant::now();
        let until = started + self.duration;
        let mut callers = JoinSet::new();
        for _ in 0..self.callers {
            callers.spawn(call_until(Arc::clone(contender), until));
        }
        let mut latencies = Vec::new();
        while let Some(caller) = callers.join_next().await {
            latencies.extend(caller??);
        }
        let elapsed = started.elapsed();
        latencies.sort_unstable();
        let made = contender
            .commits()
            .iter()
            .zip(commits)
            .map(|((database, after), (_, before))| (*database, after - before))
            .collect();
        Ok(Run {
            orders: latencies.len(),
            elapsed,
            latencies,
            commits: made,
            usage: Usage::now().zip(usage).map(|(after, before)| after - before),
            load_average,
        })
    }
}

async fn call_until(contender: Arc<Contender>, until: Instant) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    loop {
        let started = Instant::now();
        if started >= until {
            return Ok(latencies);
        }
        contender.order().await?;
        latencies.push(started.elapsed());
    }
}

impl Run {
    pub fn orders_per_second(&self) -> f64 {
        self.per_second(self.orders as f64)
    }

    fn per_second(&self, count: f64) -> f64 {
        count / self.elapsed.as_secs_f64()
    }

    /// So much of something, for one order.
    pub fn per_order(&self, total: f64) -> f64 {
        total / self.orders.max(1) as f64
    }

    /// The latency that `share` of all orders did not exceed, in milliseconds.
    pub fn latency_ms(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share) as usize;
        let latency = self
            .latencies
            .get(index.min(self.latencies.len().saturating_sub(1)));
        latency.map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}
