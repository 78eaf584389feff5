//! Random machines, failures and crashes: effects come once, compensation is in reverse, and there is always a next step or an end.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use saga::{Cursor, ErrorKind, Event, Instance, Machines, ServiceError, Status};
use serde_json::{Map, Value, json};
use support::{Arrival, Driver, World, machines};

/// One state of a random machine, which is a chain with branches forward.
#[derive(Debug, Clone)]
enum Part {
    Service {
        compensated: bool,
        caught: bool,
        retries: u32,
    },
    Script,
    Choice,
    Wait,
}

/// How the n-th service fails: so many times in passing, and then for good or not.
#[derive(Debug, Clone)]
struct Trouble {
    passing: Vec<ErrorKind>,
    refuses: bool,
    undo_passing: usize,
}

#[derive(Debug, Clone)]
struct Plan {
    parts: Vec<Part>,
    troubles: Vec<Trouble>,
    to_trigger: bool,
    crashes: Vec<usize>,
    store_every: usize,
}

fn kind() -> impl Strategy<Value = ErrorKind> {
    prop_oneof![
        Just(ErrorKind::Connect),
        Just(ErrorKind::Timeout),
        Just(ErrorKind::Other)
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let part = prop_oneof![
        5 => (any::<bool>(), any::<bool>(), 0..3_u32)
            .prop_map(|(compensated, caught, retries)| Part::Service { compensated, caught, retries }),
        1 => Just(Part::Script),
        1 => Just(Part::Choice),
        1 => Just(Part::Wait),
    ];
    let trouble = (
        proptest::collection::vec(kind(), 0..3),
        prop::bool::weighted(0.15),
        0..3_usize,
    )
        .prop_map(|(passing, refuses, undo_passing)| Trouble {
            passing,
            refuses,
            undo_passing,
        });
    let crashes = proptest::collection::vec(1..40_usize, 0..6);
    (
        proptest::collection::vec((part, trouble), 1..9),
        any::<bool>(),
        crashes,
        1..4_usize,
    )
        .prop_map(|(chain, to_trigger, crashes, store_every)| {
            let (parts, troubles) = chain.into_iter().unzip();
            Plan {
                parts,
                troubles,
                to_trigger,
                crashes,
                store_every,
            }
        })
}

fn machine(plan: &Plan) -> Machines {
    let mut states = Map::new();
    let name = |n: usize| {
        if n < plan.parts.len() {
            format!("S{n}")
        } else {
            "Done".to_owned()
        }
    };
    for (n, part) in plan.parts.iter().enumerate() {
        let next = name(n + 1);
        let state = match part {
            Part::Service {
                compensated,
                caught,
                retries,
            } => {
                let mut state = json!({
                    "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": n.to_string(), "Next": next,
                    "Input": [{ "n": n, "sum": "$.[sum]" }], "Output": { "sum": "$.([sum] ?: 0) + 1" },
                    "Retry": [{ "IntervalSeconds": 1, "BackoffRate": 2, "MaxAttempts": retries }],
                });
                if *compensated {
                    state["CompensateState"] = json!(format!("U{n}"));
                    states.insert(
                        format!("U{n}"),
                        json!({
                            "Type": "ServiceTask", "ServiceName": "u", "ServiceMethod": n.to_string(),
                            "Retry": [{ "IntervalSeconds": 1, "MaxAttempts": 1 }],
                        }),
                    );
                }
                if *caught {
                    let target = if plan.to_trigger {
                        "Trigger".to_owned()
                    } else {
                        name(n + 2)
                    };
                    state["Catch"] = json!([{ "Exceptions": ["java.lang.Throwable"], "Next": target }]);
                }
                state
            }
            Part::Script => {
                json!({ "Type": "ScriptTask", "ScriptType": "expression", "ScriptContent": "[sum] ?: 0",
                                    "Output": { "copy": "$.#root" }, "Next": next })
            }
            Part::Choice => json!({ "Type": "Choice", "Default": next,
                                    "Choices": [{ "Expression": "([sum] ?: 0) % 3 == 2", "Next": name(n + 2) }] }),
            Part::Wait => json!({ "Type": "WaitForEvent", "TimeoutSeconds": 60, "TimeoutNext": next,
                                  "Events": { "GO": { "Next": next } } }),
        };
        states.insert(format!("S{n}"), state);
    }
    states.insert("Done".into(), json!({ "Type": "Succeed" }));
    states.insert(
        "Trigger".into(),
        json!({ "Type": "CompensationTrigger", "Next": "Failed" }),
    );
    states.insert("Failed".into(), json!({ "Type": "Fail", "ErrorCode": "E" }));
    machines(&[json!({ "Name": "random", "StartState": "S0", "States": states })])
}

/// Failures depend on the attempt, so that they are the same whether it is the first life or the one after a crash.
fn world(plan: &Plan) -> World {
    let mut world = World::default();
    for (n, trouble) in plan.troubles.iter().cloned().enumerate() {
        let undo_passing = u32::try_from(trouble.undo_passing).unwrap();
        world = world.on(&format!("s.{n}"), move |call| {
            let passing = trouble.passing.get(call.attempt as usize - 1);
            match passing {
                Some(kind) => Err(ServiceError::new(*kind, "Passing", "not now")),
                None if trouble.refuses => Err(ServiceError::business("Refused", "no")),
                None => Ok(json!(call.attempt)),
            }
        });
        world = world.on(&format!("u.{n}"), move |call| {
            let fails = call.attempt <= undo_passing;
            if fails {
                Err(ServiceError::new(ErrorKind::Other, "Passing", "not now"))
            } else {
                Ok(Value::Null)
            }
        });
    }
    world
}

fn run(plan: &Plan, crashes: &[usize], store_every: usize) -> (Instance, World) {
    let machine = machine(plan);
    let mut world = world(plan);
    let mut driver = Driver::new(&machine, "random", &mut world);
    driver.arrivals = vec![
        Arrival::Event("GO".into(), Value::Null),
        Arrival::Deadline,
        Arrival::Event("GO".into(), Value::Null),
    ];
    driver.crashes = crashes.to_vec();
    driver.store_every = store_every;
    let instance = driver.run(json!({}));
    (instance, world)
}

fn shape(instance: &Instance) -> (Vec<String>, Status, Option<Status>, Map<String, Value>) {
    (
        support::trace(instance),
        instance.status,
        instance.compensation_status,
        instance.context.clone(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn crashes_change_nothing_and_effects_come_once(plan in plan()) {
        let (calm, calm_world) = run(&plan, &[], 1);
        let (crashed, crashed_world) = run(&plan, &plan.crashes, plan.store_every);
        prop_assert_eq!(shape(&calm), shape(&crashed));
        prop_assert_eq!(&calm_world.effects, &crashed_world.effects);
        let mut steps: Vec<_> = calm.states.iter().map(|run| run.step_id.clone()).collect();
        steps.sort();
        steps.dedup();
        prop_assert_eq!(steps.len(), calm.states.len(), "step ids are not unique");
    }

    #[test]
    fn compensation_goes_backwards_over_all_that_was_done(plan in plan()) {
        let (instance, _) = run(&plan, &[], 1);
        let actions: Vec<usize> = instance.states.iter().filter_map(|run| run.compensated_for.as_ref())
            .map(|id| instance.states.iter().position(|run| &run.step_id == id).unwrap()).collect();
        prop_assert!(actions.windows(2).all(|pair| pair[0] > pair[1]), "{:?}", support::trace(&instance));
        if instance.compensation_status == Some(Status::Succeeded) {
            for (n, run) in instance.states.iter().enumerate().filter(|(_, run)| !run.is_compensation()) {
                let Some(index) = run.name.strip_prefix('S').and_then(|n| n.parse::<usize>().ok()) else { continue };
                let compensated = matches!(plan.parts[index], Part::Service { compensated: true, .. });
                let needed = compensated && run.status != Status::Failed;
                prop_assert_eq!(actions.contains(&n), needed, "{:?}", support::trace(&instance));
            }
        }
    }

    #[test]
    fn an_operator_can_always_bring_it_to_rest(plan in plan(), forward in any::<bool>()) {
        let machine = machine(&plan);
        let mut world = world(&plan);
        let mut driver = Driver::new(&machine, "random", &mut world);
        let mut instance = driver.run(json!({}));
        for _ in 0..40 {
            if instance.is_settled() || instance.compensation_status == Some(Status::Succeeded) {
                break;
            }
            // The services have recovered meanwhile.
            for n in 0..plan.parts.len() {
                driver.world.set_script(&format!("s.{n}"), vec![Ok(json!(1)); 50]);
                driver.world.set_script(&format!("u.{n}"), vec![Ok(json!(1)); 50]);
            }
            let event = if forward { Event::Forward } else { Event::Compensate };
            instance = driver.drive(instance, event);
            prop_assert_eq!(&instance.cursor, &Cursor::Ended);
        }
        let rested = instance.is_settled() || instance.compensation_status == Some(Status::Succeeded)
            || forward && instance.states.iter().all(|run| run.is_compensation() || run.superseded || run.next.is_some());
        prop_assert!(rested, "{instance:#?}");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing(plan in plan(), at in 0..30_usize) {
        let machine = machine(&plan);
        let mut world = world(&plan);
        let mut instance = machine.start("random", "i", None, Map::new(), 0).unwrap();
        let mut event = Event::Resume;
        let mut now = 0;
        for advance in 0..30 {
            let command = machine.advance(&mut instance, event, now).unwrap();
            if advance == at {
                let before = instance.clone();
                let misfits = [
                    Event::Outcome { step_id: "nobody's".into(), result: Ok(Value::Null) },
                    Event::Signal { name: "UNHEARD_OF".into(), payload: Value::Null },
                ];
                for misfit in misfits {
                    prop_assert!(machine.advance(&mut instance, misfit, now).is_err());
                }
                if command != saga::Command::Finished {
                    for misfit in [Event::Forward, Event::Compensate, Event::SkipAndForward] {
                        prop_assert_eq!(machine.advance(&mut instance, misfit, now), Err(saga::AdvanceError::NotEnded));
                    }
                }
                prop_assert_eq!(&instance, &before);
            }
            event = match command {
                saga::Command::Finished => break,
                saga::Command::Invoke { calls, .. } => Event::Outcome { result: world.invoke(&calls[0]), step_id: calls[0].step_id.clone() },
                saga::Command::Sleep { until } => { now = until; Event::Resume }
                saga::Command::WaitForEvent { .. } => Event::Signal { name: "GO".into(), payload: Value::Null },
            };
        }
    }
}
