//! The engine around loops, sub-machines and recovery: what is in flight at the same time, what is stored, and when it looks again.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use saga::memory::{ManualClock, MemoryStore};
use saga::{
    Clock, Engine, ErrorKind, Event, Instance, Phase, RecoveryPolicy, ServiceCall, ServiceError,
    ServiceInvoker, StateMachine, Status, Store, StoreError,
};
use serde_json::{Map, Value, json};

/// Answers a call only when the test lets it, and keeps what was called and dropped.
#[derive(Default)]
struct Held {
    calls: RefCell<Vec<String>>,
    answers: RefCell<BTreeMap<String, Result<Value, ServiceError>>>,
    dropped: Cell<usize>,
}

impl Held {
    fn answer(&self, step: &str, answer: Result<Value, ServiceError>) {
        self.answers.borrow_mut().insert(step.to_owned(), answer);
    }
}

/// Counts itself when it is dropped before its call came back.
struct Flight<'h>(&'h Held, bool);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.dropped.set(self.0.dropped.get() + 1);
        }
    }
}

impl ServiceInvoker for &Held {
    async fn invoke(&self, call: ServiceCall) -> Result<Value, ServiceError> {
        let key = format!("{} {}", call.step_id, call.attempt);
        self.calls.borrow_mut().push(key.clone());
        let mut flight = Flight(self, false);
        let answer = poll_fn(|_| match self.answers.borrow_mut().remove(&key) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await;
        flight.1 = true;
        answer
    }
}

fn machine(definition: &Value) -> StateMachine {
    StateMachine::from_json(&definition.to_string()).unwrap()
}

fn looping() -> StateMachine {
    machine(
        &json!({ "Name": "m", "StartState": "A", "TimeoutSeconds": 100, "States": {
        "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "CompensateState": "U",
               "Loop": { "Collection": "items", "Parallel": 2 }, "Output": { "got": "$.#root" },
               "Retry": [{ "IntervalSeconds": 5, "MaxAttempts": 1 }] },
        "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } }),
    )
}

fn items(count: usize) -> Map<String, Value> {
    Map::from_iter([("items".to_owned(), (0..count).collect())])
}

fn down() -> Result<Value, ServiceError> {
    Err(ServiceError::new(ErrorKind::Timeout, "Down", "no answer"))
}

#[test]
fn calls_of_a_loop_are_in_flight_together_and_one_that_came_back_makes_room() {
    let (held, store, clock) = (Held::default(), MemoryStore::default(), ManualClock::new(0));
    let engine = Engine::new(&held, &store, &clock);
    engine.register(looping());
    let mut run = pin!(engine.start("m", None, items(3)));
    let mut context = Context::from_waker(Waker::noop());
    assert!(run.as_mut().poll(&mut context).is_pending());
    assert_eq!(*held.calls.borrow(), ["m-1:A-loop-0 1", "m-1:A-loop-1 1"]);
    held.answer("m-1:A-loop-1 1", Ok(json!("b")));
    assert!(run.as_mut().poll(&mut context).is_pending());
    assert_eq!(held.calls.borrow().last().unwrap(), "m-1:A-loop-2 1");
    // The new instance, the first two calls, the outcome with the third.
    assert_eq!(store.writes(), 3);
    held.answer("m-1:A-loop-0 1", Ok(json!("a")));
    assert!(run.as_mut().poll(&mut context).is_pending());
    // Nothing depends on this outcome yet.
    assert_eq!(store.writes(), 3);
    held.answer("m-1:A-loop-2 1", Ok(json!("c")));
    let Poll::Ready(instance) = run.as_mut().poll(&mut context) else {
        panic!("still at it")
    };
    let instance = instance.unwrap();
    assert_eq!(store.writes(), 4);
    assert_eq!(block_on(engine.reload("m-1")).unwrap(), instance);
    assert_eq!(
        instance.context["loopResult"],
        json!([{ "got": "a" }, { "got": "b" }, { "got": "c" }])
    );
    assert_eq!((held.calls.borrow().len(), held.dropped.get()), (3, 0));
}

#[test]
fn a_pause_ends_while_another_call_hangs() {
    let (held, store, clock) = (Held::default(), MemoryStore::default(), ManualClock::new(0));
    let engine = Engine::new(&held, &store, &clock);
    engine.register(looping());
    let mut run = pin!(engine.start("m", None, items(2)));
    let mut context = Context::from_waker(Waker::noop());
    held.answer("m-1:A-loop-0 1", down());
    assert!(run.as_mut().poll(&mut context).is_pending());
    clock.advance(4_999);
    assert!(run.as_mut().poll(&mut context).is_pending());
    assert_eq!(held.calls.borrow().len(), 2);
    clock.advance(1);
    assert!(run.as_mut().poll(&mut context).is_pending());
    assert_eq!(held.calls.borrow()[2], "m-1:A-loop-0 2");
    assert_eq!(held.dropped.get(), 0);
}

#[test]
fn a_time_out_as_a_whole_forgets_the_calls_that_hang_and_undoes_what_they_may_have_done() {
    let (held, store, clock) = (Held::default(), MemoryStore::default(), ManualClock::new(0));
    let engine = Engine::new(&held, &store, &clock);
    engine.register(looping());
    let mut run = pin!(engine.start("m", None, items(3)));
    let mut context = Context::from_waker(Waker::noop());
    held.answer("m-1:A-loop-0 1", Ok(Value::Null));
    assert!(run.as_mut().poll(&mut context).is_pending());
    clock.advance(100_000);
    for undone in [2, 1, 0] {
        assert!(run.as_mut().poll(&mut context).is_pending());
        assert_eq!(held.dropped.get(), 2);
        held.answer(&format!("m-1:A-loop-{undone}~U 1"), Ok(Value::Null));
    }
    let Poll::Ready(instance) = run.as_mut().poll(&mut context) else {
        panic!("still at it")
    };
    let instance = instance.unwrap();
    assert_eq!(instance.compensation_status, Some(Status::Succeeded));
    assert_eq!(instance.error.unwrap().name, "StateMachineTimedOut");
}

/// Answers at once, from a list for each method, then null.
#[derive(Default)]
struct Prompt {
    answers: RefCell<BTreeMap<String, Vec<Result<Value, ServiceError>>>>,
    steps: RefCell<Vec<String>>,
}

impl ServiceInvoker for &Prompt {
    async fn invoke(&self, call: ServiceCall) -> Result<Value, ServiceError> {
        self.steps.borrow_mut().push(call.step_id.to_string());
        let mut answers = self.answers.borrow_mut();
        let answers = answers.entry(call.method).or_default();
        if answers.is_empty() {
            Ok(Value::Null)
        } else {
            answers.remove(0)
        }
    }
}

fn stuck() -> StateMachine {
    machine(&json!({ "Name": "m", "StartState": "A", "States": {
        "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "CompensateState": "U", "Next": "T" },
        "T": { "Type": "CompensationTrigger" },
        "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } }))
}

#[test]
fn an_instance_that_ended_unsettled_is_recovered_when_it_is_due_and_parked_in_the_end() {
    let (services, store, clock) = (Prompt::default(), MemoryStore::default(), ManualClock::new(0));
    let policy = RecoveryPolicy {
        attempts: 2,
        first: 1_000,
        jitter: 0.0,
        ..RecoveryPolicy::default()
    };
    let engine = Engine::new(&services, &store, &clock).with_recovery(policy);
    engine.register(stuck());
    services.answers.borrow_mut().insert("u".into(), vec![down(); 4]);
    let id = block_on(engine.start("m", None, Map::new())).unwrap().id;
    let calls = || services.steps.borrow().len();
    for (pause, recoveries) in [(1_000, 1), (2_000, 2)] {
        let before = (block_on(engine.reload(&id)).unwrap(), calls());
        assert_eq!(before.0.phase(), Phase::Recovering);
        clock.advance(pause - 1);
        assert_eq!((block_on(engine.resume(&id)).unwrap(), calls()), before);
        clock.advance(1);
        assert_eq!(before.0.due_at(), Some(clock.now()));
        assert_eq!(block_on(engine.resume(&id)).unwrap().recoveries, recoveries);
    }
    let parked = block_on(engine.reload(&id)).unwrap();
    assert!(parked.is_parked());
    assert_eq!((parked.phase(), parked.due_at()), (Phase::Parked, None));
    clock.advance(1_000_000_000);
    assert_eq!(block_on(engine.resume(&id)).unwrap(), parked);
    // An operator tries once in vain, then the service works.
    let again = block_on(engine.compensate(&id)).unwrap();
    assert_eq!((again.phase(), again.recoveries), (Phase::Recovering, 0));
    let done = block_on(engine.compensate(&id)).unwrap();
    assert_eq!((done.phase(), done.due_at()), (Phase::Compensated, None));
    let steps = services.steps.borrow();
    assert!(steps[1..].iter().all(|step| step == "m-1:A~U"), "{steps:?}");
}

#[test]
fn documents_without_the_newer_keys_are_read() {
    let (services, store, clock) = (Prompt::default(), MemoryStore::default(), ManualClock::new(0));
    let engine = Engine::new(&services, &store, &clock);
    engine.register(stuck());
    let old = json!({ "id": "old", "machine": "m", "status": "RU", "context": {}, "states": [
        { "name": "A", "type": "ServiceTask", "status": "RU", "stepId": "old:A", "startedAt": 1, "ordinal": 1, "forUpdate": true } ],
        "cursor": { "at": "invoking", "run": 0, "attempt": 1 }, "startedAt": 1, "version": 3 });
    let old: Instance = serde_json::from_value(old).unwrap();
    block_on(store.insert(&old)).unwrap();
    let ended = block_on(engine.resume("old")).unwrap();
    assert_eq!(ended.compensation_status, Some(Status::Succeeded));
    assert_eq!(*services.steps.borrow(), ["old:A", "old:A~U"]);
}

/// Dies at the n-th write, before or after it.
struct Dying<'s> {
    inner: &'s MemoryStore,
    left: &'s Cell<usize>,
    after: bool,
}

impl Dying<'_> {
    fn dies(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 1
    }
}

impl Store for Dying<'_> {
    async fn new_id(&self, _: &str) -> Result<String, StoreError> {
        Ok("i".into())
    }

    async fn insert(&self, instance: &Instance) -> Result<(), StoreError> {
        self.inner.insert(instance).await
    }

    async fn load(&self, id: &str) -> Result<Option<Instance>, StoreError> {
        self.inner.load(id).await
    }

    async fn save(&self, instance: &Instance, expected: u64) -> Result<(), StoreError> {
        let dies = self.dies();
        if !dies || self.after {
            self.inner.save(instance, expected).await?;
        }
        if dies {
            return Err(StoreError::Unavailable("killed".into()));
        }
        Ok(())
    }
}

#[test]
fn a_death_at_any_write_in_a_loop_of_sub_machines_is_recovered_with_the_same_steps() {
    let parent = || {
        machine(&json!({ "Name": "m", "StartState": "Each", "States": {
            "Each": { "Type": "SubStateMachine", "StateMachineName": "child", "Loop": { "Collection": "items", "Parallel": 2 }, "Next": "T" },
            "T": { "Type": "CompensationTrigger" } } }))
    };
    let child = || {
        machine(&json!({ "Name": "child", "StartState": "A", "States": {
            "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "CompensateState": "U", "Next": "B" },
            "B": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "b" },
            "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } }))
    };
    let mut deaths = 0;
    for (at, after) in (1..20).flat_map(|at| [(at, false), (at, true)]) {
        let (services, store, clock) = (Prompt::default(), MemoryStore::default(), ManualClock::jumping(0));
        let left = Cell::new(at);
        let dying = Dying {
            inner: &store,
            left: &left,
            after,
        };
        let engine = Engine::new(&services, dying, &clock);
        engine.register(parent());
        engine.register(child());
        let first = block_on(engine.start("m", None, items(3)));
        let ended = match first {
            Ok(ended) => ended,
            Err(_) => {
                deaths += 1;
                block_on(engine.resume("i")).unwrap()
            }
        };
        assert_eq!(ended.compensation_status, Some(Status::Succeeded));
        let mut steps = services.steps.borrow().clone();
        let calls = steps.len();
        steps.sort();
        steps.dedup();
        // A, B and U of three sub-machines, and no more than what was in flight came again.
        assert_eq!(
            steps.len(),
            9,
            "died at {at}, after the write: {after}: {steps:?}"
        );
        assert!(
            calls <= 9 + 3,
            "died at {at}, after the write: {after}: {calls} calls"
        );
    }
    assert!(deaths > 10, "{deaths}");
}

/// Knows nothing that could not be sent to another thread.
struct Mute;

impl ServiceInvoker for Mute {
    async fn invoke(&self, _: ServiceCall) -> Result<Value, ServiceError> {
        Ok(Value::Null)
    }
}

#[test]
fn an_engine_of_parts_that_can_be_sent_can_be_driven_on_any_thread() {
    let engine = Engine::new(Mute, MemoryStore::default(), ManualClock::jumping(0));
    engine.register(looping());
    let ended = std::thread::scope(|scope| {
        let run = engine.start("m", None, items(4));
        scope.spawn(|| block_on(run)).join().unwrap()
    });
    assert_eq!(ended.unwrap().status, Status::Succeeded);
}

#[test]
fn an_event_can_be_brought_while_calls_are_in_flight() {
    let waits = machine(&json!({ "Name": "waits", "StartState": "W", "States": {
        "W": { "Type": "WaitForEvent", "Events": { "GO": { "Next": "S" } }, "TimeoutSeconds": 9, "TimeoutNext": "S" }, "S": { "Type": "Succeed" } } }));
    let calls = machine(&json!({ "Name": "m", "StartState": "Which", "States": {
        "Which": { "Type": "SubStateMachine", "StateMachineName": "both", "Loop": { "Collection": "items", "Parallel": 2 },
                   "Input": [{ "n": "$.[loopElement]" }] } } }));
    let both = machine(&json!({ "Name": "both", "StartState": "C", "States": {
        "C": { "Type": "Choice", "Default": "Wait", "Choices": [{ "Expression": "[n] == 0", "Next": "Call" }] },
        "Call": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a" },
        "Wait": { "Type": "SubStateMachine", "StateMachineName": "waits" } } }));
    let mut machines = saga::Machines::new();
    [waits, calls, both]
        .into_iter()
        .for_each(|machine| machines.add(machine));
    assert_eq!(machines.unregistered(), []);
    let mut instance = machines.start("m", "i", None, items(2), 0).unwrap();
    let command = machines.advance(&mut instance, Event::Resume, 0).unwrap();
    let saga::Command::Invoke { calls, wake_at } = command else {
        panic!("{command:?}")
    };
    assert_eq!((calls.len(), wake_at), (1, Some(9_000)));
    assert_eq!(instance.waiting_in().unwrap().name, "W");
    let go = Event::Signal {
        name: "GO".into(),
        payload: Value::Null,
    };
    let command = machines.advance(&mut instance, go.clone(), 1).unwrap();
    assert!(matches!(command, saga::Command::Invoke { wake_at: None, .. }));
    assert!(machines.advance(&mut instance, go, 1).is_err());
    let outcome = Event::Outcome {
        step_id: calls[0].step_id.clone(),
        result: Ok(Value::Null),
    };
    assert_eq!(
        machines.advance(&mut instance, outcome, 2),
        Ok(saga::Command::Finished)
    );
    assert_eq!(instance.status, Status::Succeeded);
}
