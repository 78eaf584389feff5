//! All that outlives a worker: the store with its leases, the services with what they recorded, and the dice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use futures::pending;
use saga::memory::{ManualClock, MemoryStore};
use saga::{
    Clock, ErrorKind, Instance, Millis, ServiceCall, ServiceError, ServiceInvoker, StepId, Store, StoreError,
};
use serde_json::{Value, json};

/// Milliseconds.
const LEASE: Millis = 700;

/// Bytes that decide, and one voice for all who ask.
#[derive(Debug, Default)]
pub struct Fate {
    bytes: RefCell<Vec<u8>>,
}

impl Fate {
    /// A number below `n`; 0, which means that all goes well, when the bytes are used up.
    pub fn below(&self, n: u8) -> u8 {
        self.bytes.borrow_mut().pop().map_or(0, |byte| byte % n)
    }

    /// Lets others go first, up to three times.
    async fn dawdle(&self) {
        for _ in 0..self.below(4) {
            pending!();
        }
    }
}

/// The arguments of a step, and what came of it.
type Answered = (Vec<Value>, Result<Value, ServiceError>);

/// All that outlives a worker.
#[derive(Debug, Default)]
pub struct World {
    pub fate: Fate,
    pub store: MemoryStore,
    troubles: Vec<(u32, bool)>,
    recorded: RefCell<BTreeMap<StepId, Answered>>,
    /// `service.method` of each step that had its effect.
    effects: RefCell<Vec<String>>,
    /// Which life of a worker holds the instance, and until when; lives are counted from 1.
    lease: Cell<(u64, Millis)>,
    pub lives: Cell<u64>,
    pub signals: Cell<usize>,
    /// Which signal the stored instance has acted upon.
    heard: RefCell<Option<Value>>,
    pub conflicts: Cell<usize>,
    pub crashes: Cell<usize>,
    pub takeovers: Cell<usize>,
}

/// One life of a worker: what it sees of the world.
#[derive(Debug)]
pub struct Life<'w> {
    pub world: &'w World,
    pub clock: &'w ManualClock,
    pub leases: bool,
    pub number: u64,
}

impl Life<'_> {
    fn holds(&self) -> bool {
        !self.leases || self.world.lease.get().0 == self.number
    }

    /// A write or a read that goes wrong now and then, before or after it happened.
    fn faulty<T>(&self, happened: Result<T, StoreError>) -> Result<T, StoreError> {
        match self.world.fate.below(12) {
            11 => Err(StoreError::Unavailable("gone while answering".into())),
            _ => happened,
        }
    }
}

impl Store for &Life<'_> {
    async fn new_id(&self, machine: &str) -> Result<String, StoreError> {
        self.world.store.new_id(machine).await
    }

    async fn insert(&self, instance: &Instance) -> Result<(), StoreError> {
        self.world.store.insert(instance).await
    }

    async fn load(&self, id: &str) -> Result<Option<Instance>, StoreError> {
        self.world.fate.dawdle().await;
        let (holder, until) = self.world.lease.get();
        if self.leases && holder != self.number {
            if self.clock.now() < until {
                return Err(StoreError::Unavailable("leased to another".into()));
            }
            self.world
                .takeovers
                .set(self.world.takeovers.get() + usize::from(holder != 0));
        }
        self.world.lease.set((self.number, self.clock.now() + LEASE));
        let loaded = self.world.store.load(id).await;
        self.world.fate.dawdle().await;
        loaded
    }

    async fn save(&self, instance: &Instance, expected: u64) -> Result<(), StoreError> {
        self.world.fate.dawdle().await;
        if self.world.fate.below(12) == 11 {
            return Err(StoreError::Unavailable("gone before it was asked".into()));
        }
        let saved = if self.holds() {
            self.world.store.save(instance, expected).await
        } else {
            Err(StoreError::Conflict)
        };
        if saved.is_ok() {
            self.world.keep_hearing(instance);
            self.world.lease.set((self.number, self.clock.now() + LEASE));
        }
        let saved = self.faulty(saved);
        self.world.fate.dawdle().await;
        saved
    }
}

impl ServiceInvoker for &Life<'_> {
    async fn invoke(&self, call: ServiceCall) -> Result<Value, ServiceError> {
        let world = self.world;
        world.fate.dawdle().await;
        let outcome = world.answer(&call);
        world.fate.dawdle().await;
        outcome
    }
}

impl World {
    pub fn new(troubles: &[(u32, bool)], schedule: &[u8]) -> Self {
        Self {
            fate: Fate {
                bytes: RefCell::new(schedule.to_vec()),
            },
            troubles: troubles.to_vec(),
            ..Self::default()
        }
    }

    /// Calls in flight at the same time have no order.
    pub fn sorted_effects(&self) -> Vec<String> {
        let mut effects = self.effects.borrow().clone();
        effects.sort();
        effects
    }

    /// Steps can be repeated. An event cannot: once an instance was stored that has acted upon one, that one stays.
    fn keep_hearing(&self, instance: &Instance) {
        let heard = heard(instance);
        let before = self.heard.replace(heard.clone());
        assert!(
            before.is_none() || before == heard,
            "the event {before:?} was stored and is gone: {heard:?}"
        );
    }

    /// As a service with a barrier table does it: what was recorded for the step, or else the effect and its record in one go.
    fn answer(&self, call: &ServiceCall) -> Result<Value, ServiceError> {
        let mut recorded = self.recorded.borrow_mut();
        if let Some((input, outcome)) = recorded.get(&call.step_id) {
            assert_eq!(input, &call.input, "{} came with other arguments", call.step_id);
            return outcome.clone();
        }
        let (passing, refuses) = match call.method.parse::<usize>() {
            Ok(n) => self.troubles[n],
            Err(_) => (1, false),
        };
        if call.attempt <= passing {
            return Err(ServiceError::new(ErrorKind::Timeout, "Slow", "not now"));
        }
        let outcome = if refuses {
            Err(ServiceError::business("Refused", "no"))
        } else {
            self.effects
                .borrow_mut()
                .push(format!("{}.{}", call.service, call.method));
            Ok(json!(call.attempt))
        };
        recorded.insert(call.step_id.clone(), (call.input.clone(), outcome.clone()));
        outcome
    }
}

fn heard(instance: &Instance) -> Option<Value> {
    let children = instance.states.iter().filter_map(|run| run.child.as_deref());
    let inner = children.filter_map(heard).next();
    instance.context.get("go").cloned().or(inner)
}
