//! Plans of random machines: chains with branches forward, loops and sub-machines, and how their services fail.

use proptest::prelude::*;
use saga::{ErrorKind, Instance, Machines, ServiceError, StateRun};
use serde_json::{Map, Value, json};

use crate::support::{World, machines};

/// One state.
#[derive(Debug, Clone)]
pub enum Part {
    Service(Step),
    /// So many at a time; ends early when half is done.
    Loop {
        step: Step,
        parallel: usize,
        half: bool,
    },
    Script,
    ScriptLoop,
    Choice,
    Wait,
    Sub {
        chain: Chain,
        caught: bool,
        retries: u32,
        /// So many at a time, or once.
        parallel: Option<usize>,
        undone_by: UndoneBy,
    },
}

#[derive(Debug, Clone)]
pub struct Step {
    compensated: bool,
    caught: bool,
    retries: u32,
    trouble: Trouble,
}

#[derive(Debug, Clone, Copy)]
pub enum UndoneBy {
    Itself,
    State,
    Service,
}

/// How a service fails: so many times in passing, and then for good or not; in a loop for one element.
#[derive(Debug, Clone)]
struct Trouble {
    passing: Vec<ErrorKind>,
    refuses: bool,
    undo_passing: u32,
    at: u64,
}

#[derive(Debug, Clone)]
pub struct Chain {
    parts: Vec<Part>,
    to_trigger: bool,
}

#[derive(Debug, Clone)]
pub struct Plan {
    chain: Chain,
    pub crashes: Vec<usize>,
    pub store_every: usize,
    definitions: Vec<Value>,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        Just(ErrorKind::Connect),
        Just(ErrorKind::Timeout),
        Just(ErrorKind::Other)
    ];
    let trouble = (
        proptest::collection::vec(kind, 0..3),
        prop::bool::weighted(0.15),
        0..3_u32,
        0..4_u64,
    );
    let trouble = trouble.prop_map(|(passing, refuses, undo_passing, at)| Trouble {
        passing,
        refuses,
        undo_passing,
        at,
    });
    (any::<bool>(), any::<bool>(), 0..3_u32, trouble).prop_map(|(compensated, caught, retries, trouble)| {
        Step {
            compensated,
            caught,
            retries,
            trouble,
        }
    })
}

fn leaf() -> impl Strategy<Value = Part> {
    prop_oneof![
        5 => step().prop_map(Part::Service),
        2 => (step(), 1..4_usize, any::<bool>()).prop_map(|(step, parallel, half)| Part::Loop { step, parallel, half }),
        1 => Just(Part::Script),
        1 => Just(Part::ScriptLoop),
        1 => Just(Part::Choice),
        1 => Just(Part::Wait),
    ]
}

fn chain(part: impl Strategy<Value = Part>, longest: usize) -> impl Strategy<Value = Chain> {
    (proptest::collection::vec(part, 1..=longest), any::<bool>())
        .prop_map(|(parts, to_trigger)| Chain { parts, to_trigger })
}

fn sub(child: impl Strategy<Value = Chain>) -> impl Strategy<Value = Part> {
    let undone_by = prop_oneof![
        Just(UndoneBy::Itself),
        Just(UndoneBy::State),
        Just(UndoneBy::Service)
    ];
    (
        child,
        any::<bool>(),
        0..2_u32,
        proptest::option::of(1..3_usize),
        undone_by,
    )
        .prop_map(|(chain, caught, retries, parallel, undone_by)| Part::Sub {
            // One that undid itself would begin anew, and its first life would be forgotten.
            retries: if chain.to_trigger { 0 } else { retries },
            chain,
            caught,
            parallel,
            undone_by,
        })
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let inner = prop_oneof![6 => leaf(), 1 => sub(chain(leaf(), 3))];
    let outer = prop_oneof![6 => leaf(), 2 => sub(chain(inner, 4))];
    let crashes = proptest::collection::vec(1..50_usize, 0..6);
    (chain(outer, 6), crashes, 1..4_usize).prop_map(|(chain, crashes, store_every)| {
        let mut definitions = Vec::new();
        define("m", &chain, &mut definitions);
        Plan {
            chain,
            crashes,
            store_every,
            definitions,
        }
    })
}

fn task(step: &Step, machine: &str, n: usize, states: &mut Map<String, Value>) -> Value {
    let mut state = json!({
        "Type": "ServiceTask", "ServiceName": machine, "ServiceMethod": n.to_string(),
        "Input": [{ "n": n, "sum": "$.[sum]", "at": "$.[at]" }], "Output": { "sum": "$.([sum] ?: 0) + 1" },
        "Retry": [{ "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": step.retries, "Jitter": 0.3 }],
    });
    if step.compensated {
        state["CompensateState"] = json!(format!("U{n}"));
        states.insert(format!("U{n}"), undo(machine, n));
    }
    state
}

fn undo(machine: &str, n: usize) -> Value {
    json!({
        "Type": "ServiceTask", "ServiceName": machine, "ServiceMethod": format!("undo-{n}"), "Input": ["$.[at]"],
        "Retry": [{ "IntervalSeconds": 1, "MaxAttempts": 1 }],
    })
}

fn around(parallel: usize, half: bool) -> Value {
    let mut body = json!({ "Collection": "items", "Parallel": parallel, "ElementIndexName": "at" });
    if half {
        body["CompletionCondition"] = json!("[nrOfCompletedInstances] / [nrOfInstances] >= 0.5");
    }
    body
}

fn define(machine: &str, chain: &Chain, definitions: &mut Vec<Value>) {
    let mut states = Map::new();
    let name = |n: usize| {
        if n < chain.parts.len() {
            format!("S{n}")
        } else {
            "Done".to_owned()
        }
    };
    for (n, part) in chain.parts.iter().enumerate() {
        let caught = matches!(
            part,
            Part::Service(Step { caught: true, .. })
                | Part::Loop {
                    step: Step { caught: true, .. },
                    ..
                }
                | Part::Sub { caught: true, .. }
        );
        let script = json!({ "Type": "ScriptTask", "ScriptType": "expression", "ScriptContent": "[sum] ?: 0",
                             "Output": { "copy": "$.#root" } });
        let mut state = match part {
            Part::Service(step) => task(step, machine, n, &mut states),
            Part::Loop { step, parallel, half } => {
                let mut state = task(step, machine, n, &mut states);
                state["Loop"] = around(*parallel, *half);
                state
            }
            Part::Script => script,
            Part::ScriptLoop => {
                let mut state = script;
                state["Loop"] = around(2, false);
                state
            }
            Part::Choice => json!({ "Type": "Choice", "Default": name(n + 1),
                                    "Choices": [{ "Expression": "([sum] ?: 0) % 3 == 2", "Next": name(n + 2) }] }),
            Part::Wait => json!({ "Type": "WaitForEvent", "TimeoutSeconds": 60, "TimeoutNext": name(n + 1),
                                  "Events": { "GO": { "Next": name(n + 1) } } }),
            Part::Sub {
                chain,
                retries,
                parallel,
                undone_by,
                ..
            } => {
                let child = format!("{machine}{n}");
                define(&child, chain, definitions);
                let mut state = json!({ "Type": "SubStateMachine", "StateMachineName": child,
                    "Input": [{ "items": [1, 2], "sum": "$.[sum]", "at": "$.[at]" }],
                    "Output": { "sum": "$.[sum]" }, "Retry": [{ "IntervalSeconds": 5, "MaxAttempts": retries }] });
                if let Some(parallel) = parallel {
                    state["Loop"] = around(*parallel, false);
                }
                match undone_by {
                    UndoneBy::Itself => {}
                    UndoneBy::State => {
                        state["CompensateState"] = json!(format!("U{n}"));
                        states.insert(
                            format!("U{n}"),
                            json!({ "Type": "CompensateSubMachine", "Input": [{ "why": 1 }] }),
                        );
                    }
                    UndoneBy::Service => {
                        state["CompensateState"] = json!(format!("U{n}"));
                        states.insert(format!("U{n}"), undo(machine, n));
                    }
                }
                state
            }
        };
        if !matches!(part, Part::Choice | Part::Wait) {
            state["Next"] = json!(name(n + 1));
        }
        if caught {
            let target = if chain.to_trigger {
                "Trigger".to_owned()
            } else {
                name(n + 2)
            };
            state["Catch"] = json!([{ "Exceptions": ["java.lang.Throwable"], "Next": target }]);
        }
        states.insert(format!("S{n}"), state);
    }
    states.insert("Done".into(), json!({ "Type": "Succeed" }));
    states.insert(
        "Trigger".into(),
        json!({ "Type": "CompensationTrigger", "Next": "Failed" }),
    );
    states.insert("Failed".into(), json!({ "Type": "Fail", "ErrorCode": "E" }));
    definitions.push(json!({ "Name": machine, "StartState": "S0", "States": states }));
}

impl Plan {
    pub fn machines(&self) -> Machines {
        machines(&self.definitions)
    }

    pub fn is_compensable(&self, machine: &str, state: &str) -> bool {
        let mut definitions = self.definitions.iter();
        let definition = definitions
            .find(|definition| definition["Name"] == machine)
            .unwrap();
        let state = &definition["States"][state];
        state.get("CompensateState").is_some() || state["Type"] == "SubStateMachine"
    }

    pub fn world(&self) -> World {
        troubled(World::default(), "m", &self.chain)
    }
}

/// Failures depend on the attempt and the element, so that they are the same whether it is the first life or the one after a crash.
fn troubled(mut world: World, machine: &str, chain: &Chain) -> World {
    for (n, part) in chain.parts.iter().enumerate() {
        let step = match part {
            Part::Service(step) | Part::Loop { step, .. } => step,
            Part::Sub { chain, .. } => {
                world = troubled(world, &format!("{machine}{n}"), chain);
                continue;
            }
            _ => continue,
        };
        let (trouble, undo) = (step.trouble.clone(), step.trouble.clone());
        let passing = |kind| Err(ServiceError::new(kind, "Passing", "not now"));
        let here = |trouble: &Trouble, at: &Value| at.is_null() || *at == trouble.at;
        world = world.on(&format!("{machine}.{n}"), move |call| {
            let here = here(&trouble, &call.input[0]["at"]);
            match trouble.passing.get(call.attempt as usize - 1) {
                Some(kind) if here => passing(*kind),
                None if here && trouble.refuses => Err(ServiceError::business("Refused", "no")),
                _ => Ok(json!(call.attempt)),
            }
        });
        world = world.on(&format!("{machine}.undo-{n}"), move |call| {
            if here(&undo, &call.input[0]) && call.attempt <= undo.undo_passing {
                passing(ErrorKind::Other)
            } else {
                Ok(Value::Null)
            }
        });
    }
    world
}

/// The runs that are no compensations and count.
pub fn actions(instance: &Instance) -> impl Iterator<Item = &StateRun> {
    let runs = instance.states.iter();
    runs.filter(|run| !run.is_compensation() && !run.superseded)
}

/// The instance, and those inside it.
pub fn every_instance(instance: &Instance, see: &mut impl FnMut(&Instance)) {
    see(instance);
    for run in &instance.states {
        if let Some(child) = &run.child {
            every_instance(child, see);
        }
    }
}
