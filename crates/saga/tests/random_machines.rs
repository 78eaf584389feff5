//! Random machines with loops and sub-machines, failures and crashes: effects come once, compensation is in reverse, and there is always a
//! next step or an end.
#![allow(clippy::unwrap_used)]

mod random;
mod support;
mod tally;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use random::{Plan, actions, every_instance, plan};
use saga::{Command, Cursor, Event, Instance, Phase, StateType, Status};
use serde_json::{Map, Value, json};
use support::{Arrival, Driver, World};

/// Runs a property on so many random machines, and says so.
fn check<S: Strategy>(
    what: &str,
    cases: u32,
    inputs: &S,
    property: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let generated = Cell::new(0_u32);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let counted = |input| {
        generated.set(generated.get() + 1);
        property(input)
    };
    let result = TestRunner::new(config).run(inputs, counted);
    tally::tell(&format!("{what}: {} generated cases", generated.get()));
    result.unwrap_or_else(|error| panic!("{error}"));
}

fn run(plan: &Plan, prepare: impl FnOnce(&mut Driver<'_>)) -> (Instance, World) {
    let machines = plan.machines();
    let mut world = plan.world();
    let mut driver = Driver::new(&machines, "m", &mut world);
    driver.arrivals = vec![
        Arrival::Event("GO".into(), Value::Null),
        Arrival::Deadline,
        Arrival::Event("GO".into(), Value::Null),
    ];
    prepare(&mut driver);
    let instance = driver.run(json!({ "items": [10, 20, 30, 40] }));
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

/// Each effect is one step's that succeeded, and the other way round.
fn effects_came_once(instance: &Instance, world: &World) -> Result<(), TestCaseError> {
    let mut steps = Vec::new();
    every_instance(instance, &mut |instance| {
        let done = instance
            .states
            .iter()
            .filter(|run| run.kind == StateType::ServiceTask);
        steps.extend(
            done.filter(|run| run.status == Status::Succeeded)
                .map(|run| run.step_id.clone()),
        );
    });
    prop_assert_eq!(world.effects.len(), steps.len(), "{:?}", support::trace(instance));
    steps.sort();
    steps.dedup();
    prop_assert_eq!(world.effects.len(), steps.len(), "step ids are not unique");
    Ok(())
}

#[test]
fn crashes_change_nothing_and_effects_come_once() {
    check("crashes", 300, &plan(), |plan| {
        let (calm, calm_world) = run(&plan, |_| ());
        let (crashed, crashed_world) = run(&plan, |driver| {
            driver.crashes.clone_from(&plan.crashes);
            driver.store_every = plan.store_every;
        });
        prop_assert_eq!(shape(&calm), shape(&crashed));
        prop_assert_eq!(&calm_world.effects, &crashed_world.effects);
        effects_came_once(&calm, &calm_world)
    });
}

#[test]
fn whatever_comes_back_first_compensation_goes_backwards_over_all_that_was_done() {
    check("compensation", 300, &(plan(), any::<u64>()), |(plan, seed)| {
        let (instance, world) = run(&plan, |driver| {
            driver.shuffle = Some(seed);
            driver.crashes.clone_from(&plan.crashes);
        });
        effects_came_once(&instance, &world)?;
        let mut result = Ok(());
        every_instance(&instance, &mut |instance| {
            result =
                std::mem::replace(&mut result, Ok(())).and_then(|()| compensated_backwards(&plan, instance));
        });
        result
    });
}

fn compensated_backwards(plan: &Plan, instance: &Instance) -> Result<(), TestCaseError> {
    let told = support::trace(instance);
    let runs = || instance.states.iter();
    let action = |id: &saga::StepId| {
        let mut actions = runs().filter(|run| !run.is_compensation());
        actions.rfind(|run| run.step_id == *id).unwrap()
    };
    let undoings = runs()
        .filter(|run| !run.superseded)
        .filter_map(|run| Some((run.completed, action(run.compensated_for.as_ref()?).completed)));
    let undoings: Vec<(u32, u32)> = undoings.collect();
    for pair in undoings.windows(2) {
        let ((undoing, before), (_, after)) = (pair[0], pair[1]);
        // What a way forward did after the first could not be undone before it was done.
        prop_assert!(after < before || after > undoing, "{told:?}");
    }
    let last_undone = undoings.iter().map(|(_, action)| *action).max().unwrap_or(0);
    if instance.compensation_status != Some(Status::Succeeded) {
        return Ok(());
    }
    for run in actions(instance) {
        let needed = plan.is_compensable(&instance.machine, run.state_name())
            && matches!(run.status, Status::Succeeded | Status::Unknown);
        // What came after the compensation is not compensated by it.
        let after = run.next.is_none() && run.completed > last_undone;
        let done = run.compensation_status == Some(Status::Succeeded);
        prop_assert!(done == needed || after, "{}: {told:?}", run.name);
    }
    Ok(())
}

#[test]
fn an_operator_can_always_bring_it_to_rest() {
    check("operators", 150, &(plan(), any::<bool>()), |(plan, forward)| {
        let machines = plan.machines();
        let mut world = plan.world();
        let mut driver = Driver::new(&machines, "m", &mut world);
        let mut instance = driver.run(json!({ "items": [10, 20, 30, 40] }));
        let at_rest = |instance: &Instance| {
            instance.is_settled()
                || instance.compensation_status == Some(Status::Succeeded)
                || forward && went_on(instance)
        };
        for _ in 0..40 {
            if at_rest(&instance) {
                break;
            }
            driver.world.heal();
            let event = if forward {
                Event::Forward
            } else {
                Event::Compensate
            };
            instance = driver.drive(instance, event);
            prop_assert_eq!(&instance.cursor, &Cursor::Ended);
        }
        prop_assert!(at_rest(&instance), "{:?}", support::trace(&instance));
        Ok(())
    });
}

/// It went on behind something that did not succeed, and came to its end: there is no state left to send forward.
fn went_on(instance: &Instance) -> bool {
    actions(instance).last().is_none_or(|run| {
        let inside = run.child.as_deref();
        matches!(run.status, Status::Succeeded | Status::Skipped)
            || inside.is_some_and(|child| child.status != Status::Succeeded && went_on(child))
    })
}

#[test]
fn it_recovers_by_itself_once_the_services_do_and_is_never_left_alone() {
    check("recovery", 60, &(plan(), 0..30_u32), |(plan, healed_after)| {
        let machines = plan.machines();
        let mut world = plan.world();
        let mut driver = Driver::new(&machines, "m", &mut world);
        let mut instance = driver.run(json!({ "items": [10, 20, 30, 40] }));
        for round in 0.. {
            let phase = instance.phase();
            let Some(at) = instance.due_at() else {
                let left = matches!(phase, Phase::Parked);
                prop_assert!(
                    left != instance.is_settled(),
                    "{phase:?} {:?}",
                    support::trace(&instance)
                );
                prop_assert!(!left || instance.recoveries == 24);
                prop_assert!(
                    !left || healed_after >= 20,
                    "it did not recover: {:?}",
                    support::trace(&instance)
                );
                break;
            };
            prop_assert_eq!(phase, Phase::Recovering);
            prop_assert!(round <= 24, "recovered for ever");
            if round >= healed_after {
                driver.world.heal();
            }
            driver.now = at;
            instance = driver.drive(instance, Event::Recover);
        }
        Ok(())
    });
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    check("misfits", 150, &(plan(), 0..40_usize), |(plan, at)| {
        let machines = plan.machines();
        let mut world = plan.world();
        let params = json!({ "items": [10, 20, 30, 40] }).as_object().unwrap().clone();
        let mut instance = machines.start("m", "i", None, params, 0).unwrap();
        let mut event = Event::Resume;
        let mut now = 0;
        for advance in 0..40 {
            let command = machines.advance(&mut instance, event, now).unwrap();
            if advance == at {
                let before = instance.clone();
                let misfits = [
                    Event::Outcome {
                        step_id: "nobody's".into(),
                        result: Ok(Value::Null),
                    },
                    Event::Signal {
                        name: "UNHEARD_OF".into(),
                        payload: Value::Null,
                    },
                    Event::Recover,
                ];
                for misfit in misfits {
                    prop_assert!(machines.advance(&mut instance, misfit, now).is_err());
                }
                if command != Command::Finished {
                    for misfit in [Event::Forward, Event::Compensate, Event::SkipAndForward] {
                        let refused = machines.advance(&mut instance, misfit, now);
                        prop_assert_eq!(refused, Err(saga::AdvanceError::NotEnded));
                    }
                }
                prop_assert_eq!(&instance, &before);
            }
            event = match command {
                Command::Finished => break,
                Command::Invoke { calls, .. } => Event::Outcome {
                    result: world.invoke(&calls[0]),
                    step_id: calls[0].step_id.clone(),
                },
                Command::Sleep { until } => {
                    now = until;
                    Event::Resume
                }
                Command::WaitForEvent { .. } => Event::Signal {
                    name: "GO".into(),
                    payload: Value::Null,
                },
            };
        }
        Ok(())
    });
}
