//! The loop: claim, work, sleep.

use crate::{Claim, Clock, Due, Kind, Orders, WorkError};
use domain::OrderNo;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

/// Says whether a buyer is looking at an order now.
pub type Watched = Arc<dyn Fn(&OrderNo) -> bool + Send + Sync>;

/// How the loop runs.
#[derive(Clone, Debug)]
pub struct ScheduleConfig {
    /// How long a claimed order belongs to this worker. Work that takes longer is given up: another worker may have it by then.
    pub lease: Duration,
    /// Orders worked on at the same time, 1 to 100.
    pub concurrency: u32,
    /// The longest sleep between two claims: what other processes commit is noticed after so long.
    pub longest_sleep: Duration,
    /// The shortest time between two claims, whatever wakes the loop.
    pub shortest_sleep: Duration,
    /// After a failed claim: the first and the longest wait.
    pub backoff: (Duration, Duration),
}

impl Default for ScheduleConfig {
    /// Leases of 15 s, 32 orders at once, a claim at least every second and at most every 50 ms, waits of 0.1 to 5 s.
    fn default() -> ScheduleConfig {
        ScheduleConfig {
            lease: Duration::from_secs(15),
            concurrency: 32,
            longest_sleep: Duration::from_secs(1),
            shortest_sleep: Duration::from_millis(50),
            backoff: (Duration::from_millis(100), Duration::from_secs(5)),
        }
    }
}

/// Does what is due.
pub struct Scheduler {
    orders: Arc<dyn Orders>,
    watched: Watched,
    clock: Arc<dyn Clock>,
    config: ScheduleConfig,
    owner: String,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("owner", &self.owner)
            .field("config", &self.config)
            .finish()
    }
}

/// What a look for work came to.
enum Next {
    /// There may be more: look again as soon as there is room.
    AtOnce,
    After(Duration),
}

impl Scheduler {
    /// A scheduler with an owner id of its own, unlike that of any other process or scheduler.
    pub fn new(
        orders: Arc<dyn Orders>,
        watched: Watched,
        clock: Arc<dyn Clock>,
        config: ScheduleConfig,
    ) -> Scheduler {
        let owner = format!("worker-{}-{:016x}", std::process::id(), rand::random::<u64>());
        Scheduler {
            orders,
            watched,
            clock,
            config,
            owner,
        }
    }

    /// Who holds this scheduler's leases.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Runs until `stop`, then finishes what it is working on and returns. `commits` ticks after each commit to the orders.
    pub async fn run(self, mut commits: watch::Receiver<u64>, stop: CancellationToken) {
        let mut jobs = JoinSet::new();
        let mut failures = 0;
        while !stop.is_cancelled() {
            while let Some(done) = jobs.try_join_next() {
                report_panic(done);
            }
            let room = self.room(&jobs);
            if room == 0 {
                tokio::select! {
                    () = stop.cancelled() => {}
                    Some(done) = jobs.join_next() => report_panic(done),
                }
                continue;
            }
            // Seen before the claim: a commit during it wakes us again.
            commits.borrow_and_update();
            let claimed_at = Instant::now();
            match self.claim(room, &mut failures, &mut jobs).await {
                Next::AtOnce => {}
                Next::After(wait) => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = time::sleep(wait) => {}
                        // After a failure only time helps, not another commit.
                        Ok(()) = commits.changed(), if failures == 0 => {
                            tokio::select! {
                                () = stop.cancelled() => {}
                                () = time::sleep_until(claimed_at + self.config.shortest_sleep) => {}
                            }
                        }
                    }
                }
            }
        }
        while let Some(done) = jobs.join_next().await {
            report_panic(done);
        }
    }

    fn room(&self, jobs: &JoinSet<()>) -> u32 {
        self.config
            .concurrency
            .clamp(1, 100)
            .saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX))
    }

    async fn claim(&self, room: u32, failures: &mut u32, jobs: &mut JoinSet<()>) -> Next {
        match self.orders.claim_due(&self.owner, self.config.lease, room).await {
            Ok(Claim { work, next_due_at }) => {
                *failures = 0;
                metrics::counter!("kessai_schedule_claims_total").increment(1);
                let full = work.len() >= room as usize;
                for due in work {
                    jobs.spawn(self.job(due));
                }
                if full {
                    return Next::AtOnce;
                }
                let wait = next_due_at.map_or(self.config.longest_sleep, |at| at.since(self.clock.now()));
                Next::After(
                    wait.min(self.config.longest_sleep)
                        .max(self.config.shortest_sleep),
                )
            }
            Err(error) => {
                *failures = failures.saturating_add(1);
                metrics::counter!("kessai_schedule_claim_failures_total").increment(1);
                tracing::warn!(component = "schedule", %error, failures = *failures, "nothing claimed; trying again");
                Next::After(self.backoff(*failures))
            }
        }
    }

    /// One piece of work, from start to report.
    fn job(&self, due: Due) -> impl Future<Output = ()> + Send + 'static {
        let (orders, watched, lease) = (
            Arc::clone(&self.orders),
            Arc::clone(&self.watched),
            self.config.lease,
        );
        async move {
            let kind = due.kind();
            let running = metrics::gauge!("kessai_schedule_running");
            running.increment(1);
            let started = Instant::now();
            let result = time::timeout(lease, perform(orders.as_ref(), &due, &watched)).await;
            metrics::histogram!("kessai_schedule_work_seconds", "kind" => kind)
                .record(started.elapsed().as_secs_f64());
            running.decrement(1);
            let outcome = outcome(&due, result);
            metrics::counter!("kessai_schedule_work_total", "kind" => kind, "outcome" => outcome)
                .increment(1);
        }
    }

    /// Doubles from the first wait to the longest, and takes off up to half at random, so that workers do not come back in step.
    fn backoff(&self, failures: u32) -> Duration {
        let (first, longest) = self.config.backoff;
        let wait = first
            .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
            .min(longest);
        wait.mul_f64(1.0 - rand::random::<f64>() / 2.0)
    }
}

async fn perform(orders: &dyn Orders, due: &Due, watched: &Watched) -> Result<(), WorkError> {
    match due {
        Due::Order { order_no, kind } => match kind {
            Kind::Resume => orders.resume_saga(order_no).await,
            Kind::Poll => orders.poll_payment(order_no, watched(order_no)).await,
            Kind::Expire => orders.expire(order_no).await,
            Kind::Inbox => orders.apply_inbox(order_no).await,
        },
        Due::Saga(id) => orders.continue_saga(id).await,
    }
}

/// Logs what deserves it, and names the outcome for the metrics.
fn outcome(due: &Due, result: Result<Result<(), WorkError>, time::error::Elapsed>) -> &'static str {
    let (id, kind) = (due.id(), due.kind());
    match result {
        Ok(Ok(())) => {
            tracing::debug!(component = "schedule", id, kind, "done");
            "done"
        }
        // Somebody else was faster: a webhook, the buyer, another worker.
        Ok(Err(WorkError::Busy | WorkError::Conflict(_))) => "overtaken",
        Ok(Err(error @ WorkError::NotFound)) => {
            tracing::error!(component = "schedule", id, kind, %error, "claimed, but not there");
            "failed"
        }
        Ok(Err(error @ WorkError::Unavailable(_))) => {
            tracing::warn!(component = "schedule", id, kind, %error, "not done; it will be due again");
            "failed"
        }
        Err(_) => {
            tracing::warn!(component = "schedule", id, kind, "given up: the lease ended");
            "timeout"
        }
    }
}

fn report_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!(component = "schedule", %error, "work ended in a panic; it will be due again");
    }
}
