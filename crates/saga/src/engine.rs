//! The core with a store, a clock and services around it.

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use crate::core::{AdvanceError, Command, Event};
use crate::definition::StateMachine;
use crate::in_flight::InFlight;
use crate::instance::{Instance, Millis};
use crate::machines::Machines;
use crate::recovery_policy::RecoveryPolicy;
use crate::service::{ServiceCall, ServiceError};

/// Reaches services.
///
/// # Contract
///
/// - It may be called again with the same step id: after an error that `Retry` covers, and after a crash. The service has its effect
///   once, and answers a repeat with the outcome of the first.
/// - [`ErrorKind::Connect`](crate::ErrorKind::Connect) is reported only if the service was certainly not reached, and
///   [`ErrorKind::Business`](crate::ErrorKind::Business) only if it certainly did nothing and never will for this step id.
/// - It ends in bounded time: a service that does not answer is a [`ErrorKind::Timeout`](crate::ErrorKind::Timeout).
/// - A call with `asynchronous` set returns `Ok(null)` as soon as something that will finish it has it.
#[allow(async_fn_in_trait)] // whether its futures are `Send` is left to the implementation: in a component they are not
pub trait ServiceInvoker {
    async fn invoke(&self, call: ServiceCall) -> Result<Value, ServiceError>;
}

/// Keeps instances.
///
/// # Contract
///
/// - What `insert` or `save` returned `Ok` for survives a crash, whole.
/// - `save` replaces the instance only if the stored one has the version `expected`; otherwise it changes nothing and returns
///   [`StoreError::Conflict`]. So of two engines that drive one instance, one stops.
/// - After [`StoreError::Unavailable`] the write may or may not have happened.
#[allow(async_fn_in_trait)] // as above
pub trait Store {
    /// An id that no instance has had or will have.
    async fn new_id(&self, machine: &str) -> Result<String, StoreError>;
    /// Stores a new instance. An id that is taken is a `Conflict`.
    async fn insert(&self, instance: &Instance) -> Result<(), StoreError>;
    async fn load(&self, id: &str) -> Result<Option<Instance>, StoreError>;
    async fn save(&self, instance: &Instance, expected: u64) -> Result<(), StoreError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("somebody else has changed the instance")]
    Conflict,
    #[error("the store did not answer: {0}")]
    Unavailable(String),
}

/// Tells the time.
///
/// # Contract
///
/// `sleep_until` returns when `now` is `until` or later, and may be dropped before. Time may stand still but should not go back.
#[allow(async_fn_in_trait)] // as above
pub trait Clock {
    /// Epoch milliseconds, UTC.
    fn now(&self) -> Millis;
    async fn sleep_until(&self, until: Millis);
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    #[error("there is no instance `{0}`")]
    UnknownInstance(String),
    #[error(transparent)]
    Advance(#[from] AdvanceError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs instances of registered machines.
///
/// Every change of an instance is stored before anything depends on it, in one write for each step at most: an outcome that nothing depends on yet,
/// because no new call comes of it, is stored with the next one, and a state or machine whose `IsPersist` is false is spared the write before its call.
/// Calls of a loop or of several sub-machines are made at the same time. Whoever calls a method drives the instance until it ends or waits; if the
/// returned future is dropped or its process dies, [`Engine::resume`] takes the instance up where it was stored.
#[derive(Debug)]
pub struct Engine<I, S, C> {
    invoker: I,
    store: S,
    clock: C,
    machines: RwLock<Arc<Machines>>,
}

impl<I: ServiceInvoker, S: Store, C: Clock> Engine<I, S, C> {
    pub fn new(invoker: I, store: S, clock: C) -> Self {
        Self {
            invoker,
            store,
            clock,
            machines: RwLock::default(),
        }
    }

    /// Makes a machine known, in place of an earlier one of its name. Instances of the earlier one go on with the new one.
    pub fn register(&self, machine: StateMachine) {
        let mut machines = self.machines.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut machines).add(machine);
    }

    /// With another policy for instances that end unsettled.
    #[must_use]
    pub fn with_recovery(mut self, policy: RecoveryPolicy) -> Self {
        let machines = self.machines.get_mut().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(machines).recovery = policy;
        self
    }

    /// Runs a new instance until it ends or waits for an event.
    ///
    /// # Errors
    /// If there is no such machine, the parameters are more than an instance can keep, or the store fails. A saga that fails is no error: look at its status.
    pub async fn start(
        &self,
        machine: &str,
        business_key: Option<&str>,
        params: Map<String, Value>,
    ) -> Result<Instance, EngineError> {
        let id = self.store.new_id(machine).await?;
        let instance = self
            .machines()
            .start(machine, id, business_key, params, self.clock.now())?;
        self.store.insert(&instance).await?;
        self.drive(instance, Event::Resume).await
    }

    /// Takes up an instance that nobody drives: after a crash, because its deadline has passed, or because it ended unsettled and its
    /// recovery is due ([`Instance::due_at`]).
    ///
    /// # Errors
    /// If there is no such instance, somebody else changes it meanwhile, or the store fails.
    pub async fn resume(&self, id: &str) -> Result<Instance, EngineError> {
        let instance = self.reload(id).await?;
        let event = instance.due_event(self.clock.now());
        self.drive(instance, event).await
    }

    /// Brings an event to an instance that waits for it.
    ///
    /// # Errors
    /// As [`Engine::resume`], and if the instance does not wait for that event.
    pub async fn signal(&self, id: &str, event: &str, payload: Value) -> Result<Instance, EngineError> {
        self.send(
            id,
            Event::Signal {
                name: event.to_owned(),
                payload,
            },
        )
        .await
    }

    /// Goes on from the state that failed.
    ///
    /// # Errors
    /// As [`Engine::resume`], and if the instance has not ended or was compensated.
    pub async fn forward(&self, id: &str) -> Result<Instance, EngineError> {
        self.send(id, Event::Forward).await
    }

    /// Compensates what was done, or goes on with a compensation that stopped.
    ///
    /// # Errors
    /// As [`Engine::resume`], and if the instance has not ended or was compensated.
    pub async fn compensate(&self, id: &str) -> Result<Instance, EngineError> {
        self.send(id, Event::Compensate).await
    }

    /// Takes the state that failed as skipped and goes on after it.
    ///
    /// # Errors
    /// As [`Engine::forward`], and if the state has no successor.
    pub async fn skip_and_forward(&self, id: &str) -> Result<Instance, EngineError> {
        self.send(id, Event::SkipAndForward).await
    }

    /// The instance as it is stored. Changes nothing.
    ///
    /// # Errors
    /// If there is no such instance or the store fails.
    pub async fn reload(&self, id: &str) -> Result<Instance, EngineError> {
        self.store
            .load(id)
            .await?
            .ok_or_else(|| EngineError::UnknownInstance(id.to_owned()))
    }

    fn machines(&self) -> Arc<Machines> {
        let machines = self.machines.read().unwrap_or_else(PoisonError::into_inner);
        machines.clone()
    }

    async fn send(&self, id: &str, event: Event) -> Result<Instance, EngineError> {
        let instance = self.reload(id).await?;
        self.drive(instance, event).await
    }

    async fn drive(&self, mut instance: Instance, mut event: Event) -> Result<Instance, EngineError> {
        let machines = self.machines();
        let mut in_flight = InFlight::new();
        let mut stored = instance.version;
        loop {
            // An outcome can be had again from the service, under the same step id; nothing else can.
            let mut must_save = !matches!(event, Event::Resume | Event::Outcome { .. });
            let command = machines.advance(&mut instance, event, self.clock.now())?;
            must_save |= match &command {
                Command::Invoke { calls, .. } => {
                    calls.iter().any(|call| call.persist && !in_flight.has(call))
                }
                _ => true,
            };
            if instance.version != stored && must_save {
                self.store.save(&instance, stored).await?;
                stored = instance.version;
            }
            event = match command {
                Command::Finished | Command::WaitForEvent { .. } => return Ok(instance),
                Command::Sleep { until } => {
                    self.clock.sleep_until(until).await;
                    instance.due_event(self.clock.now())
                }
                Command::Invoke { calls, wake_at } => {
                    in_flight.keep_only(&calls);
                    for call in calls {
                        if !in_flight.has(&call) {
                            let (step_id, attempt) = (call.step_id.clone(), call.attempt);
                            in_flight.add(step_id, attempt, self.invoker.invoke(call));
                        }
                    }
                    let alarm = wake_at.map(|at| self.clock.sleep_until(at));
                    match in_flight.next(alarm).await {
                        Some((step_id, result)) => Event::Outcome { step_id, result },
                        None => instance.due_event(self.clock.now()),
                    }
                }
            };
        }
    }
}

impl<T: Store + ?Sized> Store for &T {
    async fn new_id(&self, machine: &str) -> Result<String, StoreError> {
        (**self).new_id(machine).await
    }

    async fn insert(&self, instance: &Instance) -> Result<(), StoreError> {
        (**self).insert(instance).await
    }

    async fn load(&self, id: &str) -> Result<Option<Instance>, StoreError> {
        (**self).load(id).await
    }

    async fn save(&self, instance: &Instance, expected: u64) -> Result<(), StoreError> {
        (**self).save(instance, expected).await
    }
}

impl<T: Clock + ?Sized> Clock for &T {
    fn now(&self) -> Millis {
        (**self).now()
    }

    async fn sleep_until(&self, until: Millis) {
        (**self).sleep_until(until).await;
    }
}
