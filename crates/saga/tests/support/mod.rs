//! Services and a driver for tests: the services keep the outcome of each step id, as real ones do, and can be told to fail;
//! the driver can be told to crash.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use saga::{Command, Event, Instance, Machines, Millis, ServiceCall, ServiceError, StateMachine, StepId};
use serde_json::{Map, Value, json};

type Behaviour = Box<dyn FnMut(&ServiceCall) -> Result<Value, ServiceError>>;

/// Every service that a machine calls.
#[derive(Default)]
pub struct World {
    /// By `service.method`. What is not here answers `null`.
    behaviours: BTreeMap<String, Behaviour>,
    /// Answers given from the front, before the behaviour; not recorded under the step id unless a success or a refusal.
    scripts: BTreeMap<String, Vec<Result<Value, ServiceError>>>,
    recorded: BTreeMap<StepId, (Vec<Value>, Result<Value, ServiceError>)>,
    /// `service.method` of each effect, in order; an effect happens once for a step id.
    pub effects: Vec<String>,
    /// What calls got whose answers were lost in a crash: the repeat, with the same attempt, gets the same.
    lost: BTreeMap<(StepId, u32), Result<Value, ServiceError>>,
    /// The calls as they came, repeats included.
    pub calls: Vec<ServiceCall>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}

impl World {
    pub fn on(
        mut self,
        service: &str,
        behaviour: impl FnMut(&ServiceCall) -> Result<Value, ServiceError> + 'static,
    ) -> Self {
        self.behaviours.insert(service.to_owned(), Box::new(behaviour));
        self
    }

    pub fn script(mut self, service: &str, answers: Vec<Result<Value, ServiceError>>) -> Self {
        self.scripts.insert(service.to_owned(), answers);
        self
    }

    pub fn set_script(&mut self, service: &str, answers: Vec<Result<Value, ServiceError>>) {
        self.scripts.insert(service.to_owned(), answers);
    }

    /// A call whose answer nobody gets any more.
    pub fn invoke_in_vain(&mut self, call: &ServiceCall) {
        let outcome = self.invoke(call);
        self.lost.insert((call.step_id.clone(), call.attempt), outcome);
    }

    /// From now on everything works.
    pub fn heal(&mut self) {
        self.behaviours.clear();
        self.scripts.clear();
    }

    pub fn invoke(&mut self, call: &ServiceCall) -> Result<Value, ServiceError> {
        if let Some(outcome) = self.lost.remove(&(call.step_id.clone(), call.attempt)) {
            return outcome;
        }
        let service = format!("{}.{}", call.service, call.method);
        self.calls.push(call.clone());
        if let Some((input, outcome)) = self.recorded.get(&call.step_id) {
            assert_eq!(
                input, &call.input,
                "{}: the same step id came with other arguments",
                call.step_id
            );
            return outcome.clone();
        }
        let scripted = self
            .scripts
            .get_mut(&service)
            .filter(|script| !script.is_empty())
            .map(|script| script.remove(0));
        let outcome = match scripted {
            Some(outcome) => outcome,
            None => self
                .behaviours
                .get_mut(&service)
                .map_or(Ok(Value::Null), |behave| behave(call)),
        };
        let definite = match &outcome {
            Ok(_) => true,
            Err(error) => error.kind == saga::ErrorKind::Business,
        };
        if definite {
            self.recorded
                .insert(call.step_id.clone(), (call.input.clone(), outcome.clone()));
        }
        if outcome.is_ok() {
            self.effects.push(service);
        }
        outcome
    }
}

/// The machines of these definitions.
pub fn machines(definitions: &[Value]) -> Machines {
    let mut machines = Machines::new();
    for definition in definitions {
        machines.add(StateMachine::from_json(&definition.to_string()).unwrap());
    }
    machines
}

pub fn only(machine: StateMachine) -> Machines {
    let mut machines = Machines::new();
    machines.add(machine);
    machines
}

/// What a wait is ended with.
#[derive(Debug, Clone)]
pub enum Arrival {
    Event(String, Value),
    Deadline,
}

/// Drives an instance until it has ended, storing it before every call (`store_every` 1) or only at every n-th, and crashing
/// after the given numbers of advances: then what was stored last is loaded and resumed.
pub struct Driver<'a> {
    pub machines: &'a Machines,
    /// The machine that is started.
    pub machine: &'a str,
    pub world: &'a mut World,
    pub arrivals: Vec<Arrival>,
    pub store_every: usize,
    pub crashes: Vec<usize>,
    pub now: Millis,
    pub advances: usize,
    /// Milliseconds slept, each time.
    pub pauses: Vec<Millis>,
    /// Of several calls, the one that comes back first: 0 the first, a large number the last.
    pub first_back: usize,
    /// Instead, another one each time, as this seed has it.
    pub shuffle: Option<u64>,
    /// Most calls that were wanted at the same time.
    pub most_at_once: usize,
}

impl<'a> Driver<'a> {
    pub fn new(machines: &'a Machines, machine: &'a str, world: &'a mut World) -> Self {
        Self {
            machines,
            machine,
            world,
            arrivals: Vec::new(),
            store_every: 1,
            crashes: Vec::new(),
            now: 1_000_000,
            advances: 0,
            pauses: Vec::new(),
            first_back: 0,
            shuffle: None,
            most_at_once: 0,
        }
    }

    pub fn run(&mut self, params: Value) -> Instance {
        let params: Map<String, Value> = params.as_object().unwrap().clone();
        let instance = self
            .machines
            .start(self.machine, "test", Some("key"), params, self.now)
            .unwrap();
        self.drive(instance, Event::Resume)
    }

    fn pick(&self, calls: usize) -> usize {
        match self.shuffle {
            None => self.first_back.min(calls - 1),
            Some(seed) => {
                let mixed = (seed ^ self.advances as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                usize::try_from(mixed >> 33).unwrap() % calls
            }
        }
    }

    pub fn drive(&mut self, instance: Instance, event: Event) -> Instance {
        let mut stored = serde_json::to_string(&instance).unwrap();
        let mut instance = instance;
        let mut event = event;
        let mut arrived = 0;
        let mut stored_arrived = 0;
        for advance in 1.. {
            assert!(advance < 20_000, "no end in sight: {:?}", instance.cursor);
            self.advances += 1;
            let before = instance.cursor.clone();
            let command = match self.machines.advance(&mut instance, event.clone(), self.now) {
                Ok(command) => command,
                Err(error) => panic!("{error} in {before:?} on {event:?}"),
            };
            // Whatever is stored now could be taken up with the same result.
            let text = serde_json::to_string(&instance).unwrap();
            let mut copy: Instance = serde_json::from_str(&text).unwrap();
            assert_eq!(copy, instance);
            assert_eq!(
                self.machines.advance(&mut copy, Event::Resume, self.now).unwrap(),
                command
            );

            // An event that arrived from outside is stored with what came of it, or it would be lost.
            let outside = advance == 1 || arrived > stored_arrived;
            if outside || advance % self.store_every == 0 || command == Command::Finished {
                stored = text;
                stored_arrived = arrived;
            }
            if self.crashes.contains(&advance) {
                if let Command::Invoke { calls, .. } = &command {
                    // The service may have been reached all the same.
                    if advance % 2 == 0 {
                        self.world.invoke_in_vain(&calls[self.pick(calls.len())]);
                    }
                }
                instance = serde_json::from_str(&stored).unwrap();
                event = Event::Resume;
                continue;
            }
            event = match command {
                Command::Finished => return instance,
                Command::Sleep { until } => {
                    self.pauses.push(until.saturating_sub(self.now));
                    self.now = self.now.max(until);
                    instance.due_event(self.now)
                }
                Command::Invoke { mut calls, .. } => {
                    self.most_at_once = self.most_at_once.max(calls.len());
                    let call = calls.swap_remove(self.pick(calls.len()));
                    self.now += 1;
                    Event::Outcome {
                        result: self.world.invoke(&call),
                        step_id: call.step_id,
                    }
                }
                Command::WaitForEvent { deadline, names } => {
                    let arrival = self.arrivals.get(arrived).cloned().unwrap_or(Arrival::Deadline);
                    arrived += 1;
                    match arrival {
                        Arrival::Deadline => {
                            self.now = self.now.max(deadline);
                            Event::DeadlinePassed
                        }
                        Arrival::Event(name, payload) => {
                            assert!(names.contains(&name));
                            Event::Signal { name, payload }
                        }
                    }
                }
            };
        }
        unreachable!()
    }
}

pub fn refusal(name: &str) -> Result<Value, ServiceError> {
    Err(ServiceError::business(name, format!("{name} happened")))
}

pub fn trouble(kind: saga::ErrorKind) -> Result<Value, ServiceError> {
    Err(ServiceError::new(kind, "Unavailable", "no answer"))
}

/// `name:status` of each run, compensations with a `~` in front, sub-machines with their own trace behind it.
pub fn trace(instance: &Instance) -> Vec<String> {
    let runs = instance.states.iter();
    runs.map(|run| {
        let child = run
            .child
            .as_ref()
            .map(|child| format!(" [{}]", trace(child).join(" ")));
        format!(
            "{}{}:{}{}",
            if run.is_compensation() { "~" } else { "" },
            run.name,
            run.status.code(),
            child.unwrap_or_default()
        )
    })
    .collect()
}

pub fn paid(yes: bool) -> Value {
    json!({ "paid": yes })
}
