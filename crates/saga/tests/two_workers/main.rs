//! Two workers drive one instance at the same time, in every order that a random schedule makes: with the store's versions alone, and with leases
//! that run out. Effects come once, one of two writers stops, and the instance ends as if there had been one worker and no trouble.
#![allow(clippy::unwrap_used)]

#[path = "../tally/mod.rs"]
mod tally;
mod world;

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use futures::pending;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use saga::memory::ManualClock;
use saga::{
    AdvanceError, Clock, Engine, EngineError, Instance, StateMachine, StateRun, Status, Store, StoreError,
};
use serde_json::{Map, Value, json};
use world::{Life, World};

/// What one generated case does.
#[derive(Debug, Clone)]
struct Plan {
    machine: usize,
    /// By service: how many attempts fail in passing, and whether it refuses in the end.
    troubles: Vec<(u32, bool)>,
    leases: bool,
    /// Each byte decides one thing: who goes on, whether a write fails, how long a service takes. When they are used up, all goes well.
    schedule: Vec<u8>,
}

/// How many there are in [`machines`].
const MACHINES: usize = 3;

fn plan() -> impl Strategy<Value = Plan> {
    let troubles = prop::collection::vec((0..4_u32, prop::bool::weighted(0.2)), 4);
    let schedule = prop::collection::vec(any::<u8>(), 0..300);
    (0..MACHINES, troubles, any::<bool>(), schedule).prop_map(|(machine, troubles, leases, schedule)| Plan {
        machine,
        troubles,
        leases,
        schedule,
    })
}

/// The first is driven; the others are its sub-machines.
fn machines() -> Vec<Vec<StateMachine>> {
    let service = |method: &str, more: Value| {
        let mut state = json!({
            "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": method, "Input": [{ "of": method, "sum": "$.[sum]" }],
            "Output": { "sum": "$.([sum] ?: 0) + 1" }, "Retry": [{ "IntervalSeconds": 0.3, "MaxAttempts": 2 }],
        });
        state
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        state
    };
    let undo = json!({ "Type": "ServiceTask", "ServiceName": "u", "ServiceMethod": "undo", "Input": ["$.[sum]"], "Retry": [{ "MaxAttempts": 5 }] });
    let wait = json!({ "Type": "WaitForEvent", "TimeoutSeconds": 1e9, "Events": { "GO": { "Next": "C", "Output": { "go": "$.#root" } } } });
    // Waits in its middle.
    let chain = json!({ "Name": "chain", "StartState": "A", "States": {
        "A": service("0", json!({ "CompensateState": "U", "Next": "B" })),
        "B": service("1", json!({ "CompensateState": "U", "Next": "W", "Catch": [{ "Next": "T" }] })),
        "W": wait,
        "C": service("2", json!({ "IsForUpdate": true, "Next": "D", "Catch": [{ "Next": "T" }] })),
        "D": service("3", json!({ "CompensateState": "U" })),
        "T": { "Type": "CompensationTrigger", "Next": "F" }, "F": { "Type": "Fail", "ErrorCode": "E" }, "U": undo } });
    // Stores as seldom as it may, and visits its states again.
    let unsaved = json!({ "Name": "unsaved", "StartState": "A", "IsPersist": false, "States": {
        "A": service("0", json!({ "CompensateState": "U", "Next": "N" })),
        "N": { "Type": "ScriptTask", "ScriptType": "expression", "ScriptContent": "([rounds] ?: 0) + 1", "Output": { "rounds": "$.#root" }, "Next": "B" },
        "B": service("1", json!({ "CompensateState": "U", "Next": "Again" })),
        "Again": { "Type": "Choice", "Choices": [{ "Expression": "[rounds] < 3", "Next": "N" }], "Default": "W" },
        "W": wait,
        "C": service("2", json!({ "Catch": [{ "Next": "T" }] })),
        "T": { "Type": "CompensationTrigger", "Next": "F" }, "F": { "Type": "Fail" }, "U": undo } });
    // Calls at the same time, and has a child that may wait.
    let lines = json!({ "Name": "lines", "StartState": "P", "States": {
        "P": service("3", json!({ "Output": { "ids": "$.{1, 2, 3, 4}" }, "CompensateState": "U", "Next": "L" })),
        "L": service("0", json!({
            "Input": ["$.[loopElement]"], "Output": { "line": "$.[loopCounter]" }, "CompensateState": "U",
            "Loop": { "Parallel": 2, "Collection": "ids" }, "Catch": [{ "Next": "T" }], "Next": "Sub",
        })),
        "Sub": { "Type": "SubStateMachine", "StateMachineName": "chain", "Input": [{ "sum": 100 }], "Output": { "sum": "$.#root.sum" },
                 "Catch": [{ "Next": "T" }] },
        "T": { "Type": "CompensationTrigger", "Next": "F" }, "F": { "Type": "Fail", "ErrorCode": "E" }, "U": undo } });
    let sets = [vec![chain.clone()], vec![unsaved], vec![lines, chain]];
    let parsed = |set: Vec<Value>| {
        let machines = set.into_iter();
        machines
            .map(|one| StateMachine::from_json(&one.to_string()).unwrap())
            .collect()
    };
    sets.map(parsed).into()
}

const ID: &str = "shared";

/// What a worker does that finds the instance: an event for one that waits, an operator's hand for one that failed, and otherwise going on.
async fn work(life: &Life<'_>, machines: &[StateMachine]) {
    let engine = Engine::new(life, life, life.clock);
    for machine in machines {
        engine.register(machine.clone());
    }
    loop {
        let instance = life.world.store.load(ID).await.unwrap().unwrap();
        let done = if is_over(&instance) {
            return;
        } else if instance.is_ended() {
            engine.compensate(ID).await
        } else if instance.waiting_in().is_some() {
            {
                let by = life.world.signals.get() + 1;
                life.world.signals.set(by);
                engine.signal(ID, "GO", json!({ "by": by })).await
            }
        } else {
            engine.resume(ID).await
        };
        match done {
            Ok(_) => {}
            Err(EngineError::Store(StoreError::Conflict)) => {
                life.world.conflicts.set(life.world.conflicts.get() + 1)
            }
            // Somebody else was faster, or holds the lease, or the store did not answer: look again, later.
            Err(
                EngineError::Store(_)
                | EngineError::Advance(
                    AdvanceError::NotWaiting { .. }
                    | AdvanceError::NotEnded
                    | AdvanceError::AlreadyCompensated,
                ),
            ) => {}
            Err(error) => panic!("{error}"),
        }
        pending!();
    }
}

fn is_over(instance: &Instance) -> bool {
    instance.is_ended() && (instance.is_settled() || instance.compensation_status == Some(Status::Succeeded))
}

/// Polls `workers` of them by the schedule until the instance is over. Now and then one dies, and another takes its place.
fn run(plan: &Plan, definitions: &[StateMachine], workers: usize, schedule: &[u8]) -> (Instance, World) {
    let world = World::new(&plan.troubles, schedule);
    let clock = ManualClock::new(1_000);
    let mut machines = saga::Machines::new();
    for machine in definitions {
        machines.add(machine.clone());
    }
    let name = definitions[0].name();
    let new = machines.start(name, ID, None, Map::new(), clock.now()).unwrap();
    futures::executor::block_on(world.store.insert(&new)).unwrap();

    {
        let world = &world;
        let clock = &clock;
        let born = || -> Pin<Box<dyn Future<Output = ()> + '_>> {
            world.lives.set(world.lives.get() + 1);
            let life = Life {
                world,
                clock,
                leases: plan.leases,
                number: world.lives.get(),
            };
            Box::pin(async move { work(&life, definitions).await })
        };
        let mut alive: Vec<Option<_>> = (0..workers).map(|_| Some(born())).collect();
        let mut context = Context::from_waker(Waker::noop());
        for turn in 0.. {
            assert!(turn < 50_000, "no end in sight");
            clock.advance(u64::from(world.fate.below(4)) * 100 + 10);
            let chosen = (turn + usize::from(world.fate.below(5))) % workers;
            if world.fate.below(40) == 39 {
                world.crashes.set(world.crashes.get() + 1);
                alive[chosen] = Some(born());
            }
            if let Some(worker) = &mut alive[chosen]
                && worker.as_mut().poll(&mut context).is_ready()
            {
                alive[chosen] = None;
            }
            if alive.iter().all(Option::is_none) {
                break;
            }
        }
    }
    let instance = futures::executor::block_on(world.store.load(ID))
        .unwrap()
        .unwrap();
    (instance, world)
}

/// All of an instance that time and repetition must not change. Runs in no order: which of two calls comes back first is chance.
fn shape(instance: &Instance) -> Value {
    let run = |run: &StateRun| {
        let child = run.child.as_deref().map(shape);
        json!([
            run.step_id,
            run.name,
            run.status.code(),
            run.input,
            run.output,
            run.compensated_for,
            child
        ])
    };
    let mut shape: Vec<Value> = instance.states.iter().map(run).collect();
    shape.sort_by_key(|run| run[0].to_string());
    let compensation = instance.compensation_status.map(Status::code);
    shape.push(json!([instance.status.code(), compensation, instance.context]));
    shape.into_iter().map(without_sender).collect()
}

/// Which of several equal signals came first is chance as well.
fn without_sender(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_sender).collect(),
        Value::Object(entries) => entries
            .into_iter()
            .filter(|(key, _)| key != "by")
            .map(|(key, value)| (key, without_sender(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn two_workers_do_what_one_does() {
    let (cases, conflicts, crashes, takeovers) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    let config = Config {
        cases: 600,
        failure_persistence: None,
        ..Config::default()
    };
    let machines = machines();
    assert_eq!(machines.len(), MACHINES);
    let outcome = TestRunner::new(config).run(&plan(), |plan| {
        let definitions = &machines[plan.machine];
        let (alone, calm) = run(&plan, definitions, 1, &[]);
        let (shared, world) = run(&plan, definitions, 2, &plan.schedule);
        prop_assert_eq!(shape(&alone), shape(&shared));
        prop_assert_eq!(calm.sorted_effects(), world.sorted_effects());
        cases.set(cases.get() + 1);
        conflicts.set(conflicts.get() + world.conflicts.get());
        crashes.set(crashes.get() + world.crashes.get());
        takeovers.set(takeovers.get() + world.takeovers.get());
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    tally::tell(&format!(
        "two workers: {} generated cases, {} writes refused, {} workers killed, {} leases taken over",
        cases.get(),
        conflicts.get(),
        crashes.get(),
        takeovers.get()
    ));
    assert!(conflicts.get() > 100 && crashes.get() > 100 && takeovers.get() > 100);
}
