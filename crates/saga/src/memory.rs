//! A store that forgets and a clock that obeys, for tests.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::engine::{Clock, Store, StoreError};
use crate::instance::{Instance, Millis};

/// Instances in memory, kept as the text that a real store would keep.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    instances: BTreeMap<String, (u64, String)>,
    ids: u64,
    writes: u64,
}

impl MemoryStore {
    /// How often anything was written.
    pub fn writes(&self) -> u64 {
        lock(&self.rows).writes
    }
}

impl Store for MemoryStore {
    async fn new_id(&self, machine: &str) -> Result<String, StoreError> {
        let mut rows = lock(&self.rows);
        rows.ids += 1;
        Ok(format!("{machine}-{}", rows.ids))
    }

    async fn insert(&self, instance: &Instance) -> Result<(), StoreError> {
        let mut rows = lock(&self.rows);
        if rows.instances.contains_key(&instance.id) {
            return Err(StoreError::Conflict);
        }
        rows.put(instance)
    }

    async fn load(&self, id: &str) -> Result<Option<Instance>, StoreError> {
        let rows = lock(&self.rows);
        rows.instances
            .get(id)
            .map(|(_, text)| serde_json::from_str(text).map_err(unreadable))
            .transpose()
    }

    async fn save(&self, instance: &Instance, expected: u64) -> Result<(), StoreError> {
        let mut rows = lock(&self.rows);
        match rows.instances.get(&instance.id) {
            Some((version, _)) if *version == expected => rows.put(instance),
            _ => Err(StoreError::Conflict),
        }
    }
}

impl Rows {
    fn put(&mut self, instance: &Instance) -> Result<(), StoreError> {
        let text = serde_json::to_string(instance).map_err(unreadable)?;
        self.instances
            .insert(instance.id.clone(), (instance.version, text));
        self.writes += 1;
        Ok(())
    }
}

#[allow(clippy::needless_pass_by_value)] // for `map_err`
fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// A clock that stands still until it is told to move, or that jumps to the end of every sleep.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<ClockState>,
}

#[derive(Debug)]
struct ClockState {
    now: Millis,
    jumps: bool,
    sleepers: Vec<Waker>,
}

impl ManualClock {
    /// Stands still: who sleeps is woken by [`ManualClock::advance`].
    pub fn new(now: Millis) -> Self {
        Self {
            state: Mutex::new(ClockState {
                now,
                jumps: false,
                sleepers: Vec::new(),
            }),
        }
    }

    /// Moves by itself to the end of each sleep.
    pub fn jumping(now: Millis) -> Self {
        Self {
            state: Mutex::new(ClockState {
                now,
                jumps: true,
                sleepers: Vec::new(),
            }),
        }
    }

    /// Moves on.
    pub fn advance(&self, millis: u64) {
        let sleepers = {
            let mut state = lock(&self.state);
            state.now = state.now.saturating_add(millis);
            std::mem::take(&mut state.sleepers)
        };
        sleepers.into_iter().for_each(Waker::wake);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        lock(&self.state).now
    }

    async fn sleep_until(&self, until: Millis) {
        poll_fn(|context| {
            let mut state = lock(&self.state);
            if state.jumps {
                state.now = state.now.max(until);
            }
            if state.now >= until {
                return Poll::Ready(());
            }
            state.sleepers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A panic elsewhere leaves these rows as they were before or after a write, never in between.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
