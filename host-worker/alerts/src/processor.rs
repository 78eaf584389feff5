//! Events in, states and alerts out, in one transaction a batch.

use crate::{
    rules::{self, Event, OrderState},
    store::{Claim, Commit, DeadLetter, Store, StoreError, StoredState},
    watermark::Watermark,
};
use domain::{AlertRaised, Instant, OrderNo, topic};
use std::collections::HashMap;

/// States kept in memory besides the database; beyond it the memory starts anew.
const CACHED: usize = 50_000;
/// Orders whose deadline has come, looked at in one transaction.
const DUE: u32 = 1_000;

/// One event as a stream brought it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Without a deployment's prefix.
    pub topic: String,
    pub offset: i64,
    /// `None` if it came without one.
    pub id: Option<String>,
    pub kind: String,
    pub key: String,
    pub data: Vec<u8>,
}

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
/// [`Partition::apply`] commits offsets, states and alerts together or nothing. After an error the same records can be applied again; after
/// [`StoreError::Stale`] the partition is somebody else's and this must be dropped.
#[derive(Debug)]
pub struct Partition {
    store: Store,
    claim: Claim,
    config: rules::Config,
    destination: Destination,
    /// As they are in the database.
    cache: HashMap<String, OrderState>,
    watermark: Watermark,
}

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Applied {
    pub alerts: Vec<AlertRaised>,
    pub dead: Vec<DeadLetter>,
}

/// A batch, taken in and not committed.
#[derive(Debug)]
pub struct Prepared {
    commit: Commit,
    states: HashMap<String, OrderState>,
    raised: Vec<AlertRaised>,
    watermark: Watermark,
}

impl Prepared {
    /// Events that could not be read, for those who tell others of them before the commit.
    pub fn dead(&self) -> &[DeadLetter] {
        &self.commit.dead
    }
}

impl Partition {
    /// `streams`: those whose events explain each other. `disorder`: how far behind the newest event of a stream older ones may come.
    pub fn new(
        store: Store,
        claim: Claim,
        config: rules::Config,
        destination: Destination,
        watermark: Watermark,
    ) -> Partition {
        Partition {
            store,
            claim,
            config,
            destination,
            cache: HashMap::new(),
            watermark,
        }
    }

    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The offset to read on from in a stream.
    pub fn next_offset(&self, stream: &str) -> i64 {
        self.claim.offsets.get(stream).copied().unwrap_or(0)
    }

    /// Takes in records, oldest first for each order, and commits what follows from them. `offsets`: where to read on after them. `caught_up`: the instant until
    /// which the streams are known to be read to their end; `None` if they are not, or nobody knows.
    pub async fn apply(
        &mut self,
        records: &[Record],
        offsets: &[(&str, i64)],
        caught_up: Option<Instant>,
        now: Instant,
    ) -> Result<Applied, StoreError> {
        let prepared = self.prepare(records, offsets, caught_up, now).await?;
        match prepared {
            Some(prepared) => self.commit(prepared, now).await,
            None => Ok(Applied::default()),
        }
    }

    /// The first half of [`Partition::apply`]: decides. `None` if there is nothing to commit.
    pub async fn prepare(
        &mut self,
        records: &[Record],
        offsets: &[(&str, i64)],
        caught_up: Option<Instant>,
        now: Instant,
    ) -> Result<Option<Prepared>, StoreError> {
        let mut commit = Commit::default();
        let mut watermark = self.watermark.clone();
        let mut events = Vec::with_capacity(records.len());
        for record in records {
            match read(record) {
                Ok(Some(Heard::Event(event))) => {
                    watermark.saw(&record.topic, event.at);
                    events.push(event);
                }
                Ok(Some(Heard::Alert(alert))) => commit.alerts.push(alert),
                Ok(None) => {}
                Err(reason) => commit.dead.push(dead_letter(record, reason)),
            }
        }
        let complete_until = watermark.complete_until(caught_up, now);
        let mut states = self.gather(&events, complete_until).await?;
        for event in &events {
            if let Some(state) = states.get_mut(event.order_no.as_str()) {
                state.observe(event);
            }
        }
        let mut raised = Vec::new();
        for (order_no, state) in &mut states {
            // Without a watermark nothing counts but what nothing can explain.
            let until = complete_until.unwrap_or(Instant::from_millis(i64::MIN));
            let found = state.due(until, &self.config);
            if let (false, Ok(order_no)) = (found.is_empty(), order_no.parse::<OrderNo>()) {
                raised.extend(found.into_iter().map(|finding| finding.alert(&order_no, now)));
            }
            commit.states.push(StoredState {
                order_no: order_no.clone(),
                document: serde_json::to_string(state).map_err(|error| StoreError::Corrupt {
                    what: "state",
                    key: order_no.clone(),
                    reason: error.to_string(),
                })?,
                next_deadline: state.next_deadline(&self.config),
            });
        }
        // Neighbours in the table together, and two owners lock rows in the same order.
        commit
            .states
            .sort_unstable_by(|one, other| one.order_no.cmp(&other.order_no));
        if records.is_empty() && commit.states.is_empty() {
            return Ok(None);
        }
        match self.destination {
            Destination::Table => commit.alerts.extend(raised.iter().cloned()),
            Destination::Topic => commit.outgoing.extend(raised.iter().cloned()),
        }
        commit.offsets = self.offsets_after(offsets);
        Ok(Some(Prepared {
            commit,
            states,
            raised,
            watermark,
        }))
    }

    /// The second half: all of it, or nothing.
    pub async fn commit(&mut self, prepared: Prepared, now: Instant) -> Result<Applied, StoreError> {
        let Prepared {
            commit,
            states,
            raised,
            watermark,
        } = prepared;
        self.store.commit(&self.claim, &commit, now).await?;
        for alert in &raised {
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
        commit.dead.iter().for_each(say_dead);
        if self.cache.len() + states.len() > CACHED {
            self.cache.clear();
        }
        self.cache.extend(states);
        self.watermark = watermark;
        self.claim.offsets.extend(commit.offsets);
        Ok(Applied {
            alerts: raised,
            dead: commit.dead,
        })
    }

    /// The states that the events are about and those whose deadline has come. Copies: what is not committed leaves no trace.
    async fn gather(
        &self,
        events: &[Event],
        complete_until: Option<Instant>,
    ) -> Result<HashMap<String, OrderState>, StoreError> {
        let mut wanted: Vec<String> = match complete_until {
            Some(until) => self.store.due(self.claim.part, until, DUE).await?,
            None => Vec::new(),
        };
        wanted.extend(events.iter().map(|event| event.order_no.as_str().to_owned()));
        wanted.sort_unstable();
        wanted.dedup();
        let mut states = HashMap::with_capacity(wanted.len());
        let mut missing = Vec::new();
        for order_no in wanted {
            match self.cache.get(&order_no) {
                Some(state) => drop(states.insert(order_no, state.clone())),
                None => missing.push(order_no),
            }
        }
        let mut stored = self.store.states(&missing).await?;
        for order_no in missing {
            let state = stored.remove(&order_no).unwrap_or_default();
            states.insert(order_no, state);
        }
        Ok(states)
    }

    /// All streams' offsets, so that even a commit without records proves whose the partition is.
    fn offsets_after(&self, offsets: &[(&str, i64)]) -> Vec<(String, i64)> {
        let mut after = self.claim.offsets.clone();
        for (stream, next) in offsets {
            after.insert((*stream).to_owned(), *next);
        }
        let mut after: Vec<(String, i64)> = after.into_iter().collect();
        // Two owners lock the rows in the same order.
        after.sort_unstable();
        after
    }
}

enum Heard {
    Event(Event),
    /// One that a component raised itself.
    Alert(AlertRaised),
}

fn read(record: &Record) -> Result<Option<Heard>, String> {
    if record.topic == topic::ALERTS {
        return read_alert(record).map(|alert| alert.map(Heard::Alert));
    }
    if record.kind.is_empty() {
        return Err("it has no type".to_owned());
    }
    Event::read(&record.topic, &record.kind, &record.key, &record.data)
        .map(|event| event.map(Heard::Event))
        .map_err(|malformed| malformed.to_string())
}

/// An alert from its topic; `None` for another type.
pub(crate) fn read_alert(record: &Record) -> Result<Option<AlertRaised>, String> {
    if record.kind != AlertRaised::TYPE {
        return Ok(None);
    }
    let alert: AlertRaised =
        serde_json::from_slice(&record.data).map_err(|error| format!("not an AlertRaised: {error}"))?;
    rules::instant(&alert.detected_at).map_err(|malformed| malformed.to_string())?;
    if alert.alert_id.is_empty() || alert.alert_id.chars().count() > 191 {
        return Err("an alert's id has 1 to 191 characters".to_owned());
    }
    Ok(Some(alert))
}

/// Counts an event that cannot be read, once it is kept or told.
pub(crate) fn say_dead(letter: &DeadLetter) {
    metrics::counter!("kessai_alert_dead_letters_total").increment(1);
    tracing::error!(
        component = "alerts",
        topic = letter.topic,
        offset = letter.offset,
        id = letter.event_id,
        reason = letter.reason,
        "an event cannot be read"
    );
}

pub(crate) fn dead_letter(record: &Record, reason: String) -> DeadLetter {
    DeadLetter {
        topic: record.topic.clone(),
        offset: record.offset,
        event_id: record.id.clone(),
        reason,
        data: String::from_utf8_lossy(&record.data).into_owned(),
    }
}
