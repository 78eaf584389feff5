//! Events in, states and alerts out, in one transaction a batch.

#[cfg(test)]
mod tests;

use crate::{
    heard::{Heard, Says, say_dead},
    rules::{self, OrderState},
    store::{Claim, Commit, DeadLetter, Store, StoreError, StoredState},
    watermark::Watermark,
};
use domain::{AlertRaised, Instant, OrderNo};
use std::collections::{HashMap, HashSet};

/// States kept in memory besides the database; beyond it those that are committed are dropped.
const CACHED: usize = if cfg!(test) { 2 } else { 100_000 };
/// Orders whose deadline has come, looked at in one transaction.
const DUE: u32 = 1_000;

/// Where alerts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into the table, in the transaction that raises them.
    Table,
    /// To their topic, from which they come into the table.
    Topic,
}

/// The alert processor's work on one partition, for as long as its claim holds.
///
/// # Contract
///
/// Records are taken in ([`Partition::gather`], [`Partition::take_in`]); what follows from all that was taken in since the last time is prepared as one commit
/// ([`Partition::prepare`]). Commits are made in the order in which they were prepared, each as a whole, and [`Partition::committed`] is told of it; meanwhile more can be taken
/// in, and an order that changes often between two commits is written once. A commit that failed may be tried again. If it shall not be, [`Partition::go_back`] forgets all
/// that is not committed, and the same records can be taken in anew. After [`StoreError::Stale`] the partition is somebody else's and this must be dropped.
#[derive(Debug)]
pub struct Partition {
    store: Store,
    claim: Claim,
    config: rules::Config,
    destination: Destination,
    /// Of the orders heard of lately.
    states: HashMap<OrderNo, Known>,
    pending: Pending,
    /// With what is pending; its batch is the one that it will be.
    taken: Progress,
    committed: Progress,
}

#[derive(Debug)]
struct Known {
    state: OrderState,
    /// The last batch that changed it.
    batch: u64,
}

/// Taken in and not prepared yet.
#[derive(Debug, Default)]
struct Pending {
    /// Each once.
    orders: Vec<OrderNo>,
    alerts: Vec<AlertRaised>,
    dead: Vec<DeadLetter>,
    events: usize,
}

#[derive(Clone, Debug)]
struct Progress {
    batch: u64,
    offsets: HashMap<String, i64>,
    watermark: Watermark,
}

/// A commit to be made.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) commit: Commit,
    raised: Vec<AlertRaised>,
    events: usize,
    progress: Progress,
}

impl Prepared {
    /// How many it raises.
    pub(crate) fn alerts(&self) -> usize {
        self.raised.len()
    }
}

impl Partition {
    /// `watermark`: of the streams whose events explain each other.
    pub fn new(
        store: Store,
        claim: Claim,
        config: rules::Config,
        destination: Destination,
        watermark: Watermark,
    ) -> Partition {
        let committed = Progress {
            batch: 0,
            offsets: claim.offsets.clone(),
            watermark,
        };
        Partition {
            store,
            claim,
            config,
            destination,
            states: HashMap::new(),
            pending: Pending::default(),
            taken: committed.next(),
            committed,
        }
    }

    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The offset in a stream up to which everything is taken in.
    pub fn next_offset(&self, stream: &str) -> i64 {
        self.taken.offsets.get(stream).copied().unwrap_or(0)
    }

    /// The offset in a stream up to which everything is committed.
    pub fn committed_offset(&self, stream: &str) -> i64 {
        self.committed.offsets.get(stream).copied().unwrap_or(0)
    }

    /// Orders that the next commit changes so far.
    pub fn pending(&self) -> usize {
        self.pending.orders.len()
    }

    /// Takes records in and commits what follows. After an error the same records can be applied again. Returns how many alerts were raised.
    pub async fn apply(
        &mut self,
        heard: Vec<Heard>,
        offsets: &[(&str, i64)],
        caught_up: Option<Instant>,
        now: Instant,
    ) -> Result<usize, StoreError> {
        self.gather(&heard).await?;
        self.take_in(heard, offsets);
        let committed = self.commit(caught_up, now).await;
        if committed.is_err() {
            self.go_back();
        }
        committed
    }

    async fn commit(&mut self, caught_up: Option<Instant>, now: Instant) -> Result<usize, StoreError> {
        let Some(prepared) = self.prepare(caught_up, now).await? else {
            return Ok(0);
        };
        let commits = std::slice::from_ref(&prepared.commit);
        self.store.commit(commits, now).await?;
        let alerts = prepared.alerts();
        self.committed(prepared);
        Ok(alerts)
    }

    /// Has the states in memory of all orders that these records are about.
    ///
    /// # Errors
    /// They cannot be read. Nothing has changed then.
    pub async fn gather(&mut self, heard: &[Heard]) -> Result<(), StoreError> {
        if self.states.len() > CACHED {
            let committed = self.committed.batch;
            self.states.retain(|_, known| known.batch > committed);
        }
        let orders = heard.iter().filter_map(|heard| match &heard.says {
            Says::Event(event) => Some(&event.order_no),
            _ => None,
        });
        self.load(orders).await
    }

    /// Takes in gathered records, oldest first for each order. `offsets`: where to read on after them.
    pub fn take_in(&mut self, heard: Vec<Heard>, offsets: &[(&str, i64)]) {
        for (stream, next) in offsets {
            self.taken.offsets.insert((*stream).to_owned(), *next);
        }
        let (pending, batch) = (&mut self.pending, self.taken.batch);
        pending.events += heard.len();
        for Heard { topic, says, .. } in heard {
            match says {
                Says::Event(event) => {
                    self.taken.watermark.saw(topic, event.at);
                    let Some(known) = self.states.get_mut(&event.order_no) else {
                        continue;
                    };
                    known.state.observe(event.at, event.fact);
                    if known.batch != batch {
                        known.batch = batch;
                        pending.orders.push(event.order_no);
                    }
                }
                Says::Alert(alert) => pending.alerts.push(*alert),
                Says::Nothing => {}
                Says::Unreadable(unreadable) => pending.dead.push(unreadable.letter),
            }
        }
    }

    /// Decides what follows from all that was taken in; `None` if there is nothing to commit. `caught_up`: the instant until which the streams are known to be
    /// read to their end; `None` if they are not, or nobody knows.
    ///
    /// # Errors
    /// States cannot be read. What is pending stays so.
    pub async fn prepare(
        &mut self,
        caught_up: Option<Instant>,
        now: Instant,
    ) -> Result<Option<Prepared>, StoreError> {
        let complete_until = self.taken.watermark.complete_until(caught_up, now);
        if let Some(until) = complete_until {
            let due = self.store.due(self.claim.part, until, DUE).await?;
            self.load(due.iter()).await?;
            self.touch(due);
        }
        if self.pending.orders.is_empty() && self.pending.events == 0 {
            return Ok(None);
        }
        let mut commit = Commit::of(&self.claim);
        let raised = self.judge(complete_until, now, &mut commit);
        let Pending {
            alerts, dead, events, ..
        } = std::mem::take(&mut self.pending);
        (commit.alerts, commit.dead) = (alerts, dead);
        match self.destination {
            Destination::Table => commit.alerts.extend(raised.iter().cloned()),
            Destination::Topic => commit.outgoing.extend(raised.iter().cloned()),
        }
        // All streams', so that even a commit without records proves whose the partition is; two owners lock the rows in the same order.
        commit.offsets = self.taken.offsets.clone().into_iter().collect();
        commit.offsets.sort_unstable();
        let progress = self.taken.clone();
        self.taken = progress.next();
        Ok(Some(Prepared {
            commit,
            raised,
            events,
            progress,
        }))
    }

    /// What was prepared is in the database.
    pub fn committed(&mut self, prepared: Prepared) {
        metrics::counter!("kessai_alert_events_total").increment(prepared.events as u64);
        for alert in &prepared.raised {
            metrics::counter!("kessai_alerts_raised_total", "rule" => alert.rule_id.clone()).increment(1);
            tracing::warn!(
                component = "alerts",
                rule = alert.rule_id,
                order_no = alert.order_no,
                observed = alert.observed,
                alert = alert.alert_id,
                "an alert was raised"
            );
        }
        prepared.commit.dead.iter().for_each(say_dead);
        self.committed = prepared.progress;
    }

    /// Forgets what was taken in and is not committed.
    pub fn go_back(&mut self) {
        self.states.clear();
        self.pending = Pending::default();
        self.taken = self.committed.next();
    }

    async fn load(&mut self, orders: impl Iterator<Item = &OrderNo>) -> Result<(), StoreError> {
        let missing: HashSet<&OrderNo> = orders
            .filter(|order_no| !self.states.contains_key(*order_no))
            .collect();
        let missing: Vec<&OrderNo> = missing.into_iter().collect();
        // Nothing is known of an order before its row was looked for, also if nobody waits for the answer any more.
        let mut stored = self.store.states(&missing).await?;
        for order_no in missing {
            let state = stored.remove(order_no).unwrap_or_default();
            self.states.insert(order_no.clone(), Known { state, batch: 0 });
        }
        Ok(())
    }

    fn touch(&mut self, orders: Vec<OrderNo>) {
        for order_no in orders {
            if let Some(known) = self.states.get_mut(&order_no)
                && known.batch != self.taken.batch
            {
                known.batch = self.taken.batch;
                self.pending.orders.push(order_no);
            }
        }
    }

    /// What counts by now, and the states as they are then.
    fn judge(
        &mut self,
        complete_until: Option<Instant>,
        now: Instant,
        commit: &mut Commit,
    ) -> Vec<AlertRaised> {
        // Without a watermark nothing counts but what nothing can explain.
        let until = complete_until.unwrap_or(Instant::from_millis(i64::MIN));
        commit.states.reserve(self.pending.orders.len());
        let mut raised = Vec::new();
        for order_no in &self.pending.orders {
            let Some(Known { state, .. }) = self.states.get_mut(order_no) else {
                continue;
            };
            let found = state.due(until, &self.config);
            raised.extend(found.into_iter().map(|finding| finding.alert(order_no, now)));
            let next_deadline = state.next_deadline(&self.config);
            commit.states.push(StoredState {
                order_no: order_no.clone(),
                state: state.stored(),
                next_deadline,
            });
        }
        raised
    }
}

impl Progress {
    /// Where the batch after this one begins.
    fn next(&self) -> Progress {
        Progress {
            batch: self.batch + 1,
            ..self.clone()
        }
    }
}
