//! The engine around the core: what is stored when, pauses, deadlines, crashes and operators.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use saga::memory::{ManualClock, MemoryStore};
use saga::{
    AdvanceError, Clock, Engine, EngineError, ErrorKind, ServiceCall, ServiceError, ServiceInvoker,
    StateMachine, Status, Store, StoreError,
};
use serde_json::{Map, Value, json};

/// Answers from a list, then null; keeps the methods called.
#[derive(Default)]
struct Services {
    answers: RefCell<Vec<Result<Value, ServiceError>>>,
    calls: RefCell<Vec<String>>,
}

impl ServiceInvoker for &Services {
    async fn invoke(&self, call: ServiceCall) -> Result<Value, ServiceError> {
        self.calls
            .borrow_mut()
            .push(format!("{} {}", call.step_id, call.attempt));
        let mut answers = self.answers.borrow_mut();
        if answers.is_empty() {
            Ok(Value::Null)
        } else {
            answers.remove(0)
        }
    }
}

fn busy() -> Result<Value, ServiceError> {
    Err(ServiceError::new(ErrorKind::Other, "Busy", "not now"))
}

fn machine() -> StateMachine {
    let text = json!({ "Name": "m", "StartState": "A", "States": {
        "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "CompensateState": "U", "Next": "B",
               "Retry": [{ "IntervalSeconds": 5, "MaxAttempts": 1 }] },
        "B": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "b", "Next": "W" },
        "W": { "Type": "WaitForEvent", "Events": { "GO": { "Next": "C" } }, "TimeoutSeconds": 60, "TimeoutNext": "C" },
        "C": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "c" },
        "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } });
    StateMachine::from_json(&text.to_string()).unwrap()
}

#[test]
fn an_instance_runs_waits_and_ends_with_one_write_a_step() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(1_000),
    );
    let engine = Engine::new(&services, &store, &clock);
    engine.register(machine());
    let waiting = block_on(engine.start("m", Some("key"), Map::new())).unwrap();
    assert_eq!(waiting.waiting_in().unwrap().name, "W");
    assert_eq!(
        (waiting.status, waiting.due_at()),
        (Status::Running, Some(61_000))
    );
    // The new instance; A about to be called; its outcome with B about to be called; B's with the wait.
    assert_eq!(store.writes(), 4);
    assert_eq!(block_on(engine.reload(&waiting.id)).unwrap(), waiting);

    let ended = block_on(engine.signal(&waiting.id, "GO", Value::Null)).unwrap();
    assert_eq!(ended.status, Status::Succeeded);
    assert_eq!(store.writes(), 6);
    assert_eq!(*services.calls.borrow(), ["m-1:A 1", "m-1:B 1", "m-1:C 1"]);
}

#[test]
fn a_retry_waits_for_the_clock() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::new(1_000),
    );
    services.answers.borrow_mut().push(busy());
    let engine = Engine::new(&services, &store, &clock);
    engine.register(machine());
    let mut run = pin!(engine.start("m", None, Map::new()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(run.as_mut().poll(&mut context).is_pending());
    clock.advance(4_999);
    assert!(run.as_mut().poll(&mut context).is_pending());
    assert_eq!(services.calls.borrow().len(), 1);
    clock.advance(1);
    let Poll::Ready(instance) = run.as_mut().poll(&mut context) else {
        panic!("still asleep")
    };
    assert_eq!(instance.unwrap().waiting_in().unwrap().name, "W");
    assert_eq!(services.calls.borrow()[1], "m-1:A 2");
}

#[test]
fn a_deadline_is_acted_upon_when_the_instance_is_resumed() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(0),
    );
    let engine = Engine::new(&services, &store, &clock);
    engine.register(machine());
    let id = block_on(engine.start("m", None, Map::new())).unwrap().id;
    clock.advance(59_999);
    assert!(block_on(engine.resume(&id)).unwrap().waiting_in().is_some());
    clock.advance(1);
    assert_eq!(block_on(engine.resume(&id)).unwrap().status, Status::Succeeded);
}

#[test]
fn operators_can_forward_skip_and_compensate() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(0),
    );
    let engine = Engine::new(&services, &store, &clock);
    engine.register(machine());
    let fail = || {
        *services.answers.borrow_mut() = vec![Ok(Value::Null), busy()];
        let failed = block_on(engine.start("m", None, Map::new())).unwrap();
        assert_eq!(failed.status, Status::Unknown);
        failed.id
    };
    let id = fail();
    assert!(block_on(engine.forward(&id)).unwrap().waiting_in().is_some());
    let id = fail();
    let skipped = block_on(engine.skip_and_forward(&id)).unwrap();
    assert_eq!(skipped.states[1].status, Status::Skipped);
    let id = fail();
    let compensated = block_on(engine.compensate(&id)).unwrap();
    assert_eq!(compensated.compensation_status, Some(Status::Succeeded));
    assert!(matches!(
        block_on(engine.compensate(&id)),
        Err(EngineError::Advance(_))
    ));
    assert_eq!(
        block_on(engine.reload("m-9")),
        Err(EngineError::UnknownInstance("m-9".into()))
    );
    assert_eq!(
        block_on(engine.start("n", None, Map::new())),
        Err(AdvanceError::UnknownMachine { machine: "n".into() }.into())
    );
}

fn with_timeout(strategy: &str) -> StateMachine {
    let text = json!({ "Name": "m", "StartState": "A", "RecoverStrategy": strategy, "TimeoutSeconds": 30, "States": {
        "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "CompensateState": "U", "Next": "B" },
        "B": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "b", "CompensateState": "U", "Next": "W",
               "Retry": [{ "IntervalSeconds": 20, "BackoffRate": 1, "MaxAttempts": 5 }] },
        "W": { "Type": "WaitForEvent", "Events": { "GO": { "Next": "D" } }, "TimeoutSeconds": 60, "TimeoutNext": "D" },
        "D": { "Type": "Succeed" },
        "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } });
    StateMachine::from_json(&text.to_string()).unwrap()
}

#[test]
fn an_instance_that_times_out_as_a_whole_is_compensated_in_the_middle_of_a_retry() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(0),
    );
    *services.answers.borrow_mut() = vec![Ok(Value::Null), busy(), busy()];
    let engine = Engine::new(&services, &store, &clock);
    engine.register(with_timeout("Compensate"));
    let ended = block_on(engine.start("m", None, Map::new())).unwrap();
    assert_eq!(
        (ended.status, ended.compensation_status),
        (Status::Unknown, Some(Status::Succeeded))
    );
    assert_eq!(ended.error.unwrap().name, "StateMachineTimedOut");
    assert_eq!(clock.now(), 30_000);
    // B may have acted, so it is compensated as well, and first.
    assert_eq!(
        *services.calls.borrow(),
        ["m-1:A 1", "m-1:B 1", "m-1:B 2", "m-1:B~U 1", "m-1:A~U 1"]
    );
}

#[test]
fn an_instance_that_times_out_in_a_wait_is_compensated_when_it_is_resumed() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(0),
    );
    let engine = Engine::new(&services, &store, &clock);
    engine.register(with_timeout("Compensate"));
    let waiting = block_on(engine.start("m", None, Map::new())).unwrap();
    assert_eq!(waiting.due_at(), Some(30_000));
    clock.advance(30_000);
    let ended = block_on(engine.resume(&waiting.id)).unwrap();
    assert_eq!(ended.compensation_status, Some(Status::Succeeded));
    assert!(ended.is_settled());
}

#[test]
fn with_the_forward_strategy_a_time_out_as_a_whole_lets_it_go_on() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(0),
    );
    *services.answers.borrow_mut() = vec![Ok(Value::Null), busy(), busy()];
    let engine = Engine::new(&services, &store, &clock);
    engine.register(with_timeout("Forward"));
    let waiting = block_on(engine.start("m", None, Map::new())).unwrap();
    assert_eq!(waiting.waiting_in().unwrap().name, "W");
    let ended = block_on(engine.signal(&waiting.id, "GO", Value::Null)).unwrap();
    assert_eq!(ended.status, Status::Succeeded);
}

/// Fails the n-th write from now on, before or after it took effect, as a crash there would.
struct Dying<'s> {
    store: &'s MemoryStore,
    writes_left: Cell<usize>,
    after: bool,
}

impl Dying<'_> {
    fn dies(&self) -> bool {
        let left = self.writes_left.get();
        self.writes_left.set(left.saturating_sub(1));
        left == 1
    }
}

impl Store for Dying<'_> {
    async fn new_id(&self, _: &str) -> Result<String, StoreError> {
        Ok("i".into())
    }

    async fn insert(&self, instance: &saga::Instance) -> Result<(), StoreError> {
        self.store.insert(instance).await
    }

    async fn load(&self, id: &str) -> Result<Option<saga::Instance>, StoreError> {
        self.store.load(id).await
    }

    async fn save(&self, instance: &saga::Instance, expected: u64) -> Result<(), StoreError> {
        let dies = self.dies();
        if !dies || self.after {
            self.store.save(instance, expected).await?;
        }
        if dies {
            Err(StoreError::Unavailable("killed".into()))
        } else {
            Ok(())
        }
    }
}

#[test]
fn a_death_at_any_write_is_recovered_with_the_same_steps() {
    let text = json!({ "Name": "m", "StartState": "A", "States": {
        "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "CompensateState": "U", "Next": "B" },
        "B": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "b", "Next": "T" },
        "T": { "Type": "CompensationTrigger" },
        "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } });
    for (at, after) in (1..=4).flat_map(|at| [(at, false), (at, true)]) {
        let (services, store, clock) = (
            Services::default(),
            MemoryStore::default(),
            ManualClock::jumping(0),
        );
        let dying = Dying {
            store: &store,
            writes_left: Cell::new(at),
            after,
        };
        let engine = Engine::new(&services, dying, &clock);
        engine.register(StateMachine::from_json(&text.to_string()).unwrap());
        assert!(
            matches!(
                block_on(engine.start("m", None, Map::new())),
                Err(EngineError::Store(_))
            ),
            "{at}"
        );
        let recovered = block_on(engine.resume("i")).unwrap();
        assert_eq!(
            (recovered.status, recovered.compensation_status),
            (Status::Unknown, Some(Status::Succeeded))
        );
        let mut steps = services.calls.borrow().clone();
        steps.dedup();
        assert_eq!(
            steps,
            ["i:A 1", "i:B 1", "i:A~U 1"],
            "died at {at}, after the write: {after}"
        );
    }
}

#[test]
fn of_two_owners_of_one_instance_one_is_stopped() {
    let (services, store, clock) = (
        Services::default(),
        MemoryStore::default(),
        ManualClock::jumping(0),
    );
    let engine = Engine::new(&services, &store, &clock);
    engine.register(machine());
    let waiting = block_on(engine.start("m", None, Map::new())).unwrap();
    block_on(engine.signal(&waiting.id, "GO", Value::Null)).unwrap();
    assert_eq!(
        block_on(store.save(&waiting, waiting.version)),
        Err(StoreError::Conflict)
    );
    assert_eq!(block_on(store.insert(&waiting)), Err(StoreError::Conflict));
    assert_eq!(clock.now(), 0);
}
