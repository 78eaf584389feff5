//! Repeats by hand: which step id they carry, what they compensate, and what comes too early.
#![allow(clippy::unwrap_used)]

mod support;

use saga::{AdvanceError, Command, ErrorKind, Event, Instance, Machines, Status};
use serde_json::{Value, json};
use support::{Driver, World, machines, refusal, trouble};

fn machine() -> Machines {
    let text = json!({ "Name": "m", "StartState": "A", "States": {
        "A": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "a", "Input": ["$.[x]"], "CompensateState": "U", "Next": "B" },
        "B": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "b" },
        "U": { "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "u" } } });
    machines(&[text])
}

fn ids(world: &World) -> Vec<&str> {
    world.calls.iter().map(|call| call.step_id.as_str()).collect()
}

/// Runs with these first answers, then with the operators' events, everything working.
fn run(
    answers: [(&str, Vec<Result<Value, saga::ServiceError>>); 2],
    events: Vec<Event>,
) -> (Instance, World) {
    let machine = machine();
    let mut world = World::default();
    for (service, answers) in answers {
        world.set_script(service, answers);
    }
    let mut driver = Driver::new(&machine, "m", &mut world);
    let mut instance = driver.run(json!({ "x": 1 }));
    for event in events {
        instance.context.insert("x".into(), json!(2));
        instance = driver.drive(instance, event);
    }
    (instance, world)
}

#[test]
fn what_may_have_acted_is_repeated_as_the_same_step_with_the_same_arguments() {
    let (instance, world) = run(
        [("s.a", vec![trouble(ErrorKind::Timeout)]), ("s.u", vec![])],
        vec![Event::Forward],
    );
    assert_eq!(instance.status, Status::Succeeded);
    assert_eq!(ids(&world), ["test:A", "test:A", "test:B"]);
    assert_eq!(world.calls[1].input, [json!(1)]);
}

#[test]
fn what_was_refused_is_repeated_as_a_new_step_with_new_arguments() {
    let (instance, world) = run(
        [("s.a", vec![refusal("No")]), ("s.u", vec![])],
        vec![Event::Forward],
    );
    assert_eq!(instance.status, Status::Succeeded);
    assert_eq!(ids(&world), ["test:A", "test:A:2", "test:B"]);
    assert_eq!(world.calls[1].input, [json!(2)]);
}

#[test]
fn a_compensation_that_may_have_acted_keeps_its_step_and_a_refused_one_does_not() {
    let twice = vec![Event::Compensate, Event::Compensate];
    let (_, world) = run(
        [("s.a", vec![]), ("s.u", vec![trouble(ErrorKind::Timeout)])],
        twice.clone(),
    );
    assert_eq!(ids(&world), ["test:A", "test:B", "test:A~U", "test:A~U"]);
    let (_, world) = run([("s.a", vec![]), ("s.u", vec![refusal("No")])], twice);
    assert_eq!(ids(&world), ["test:A", "test:B", "test:A~U", "test:A~U:2"]);
}

#[test]
fn a_run_that_was_repeated_is_not_compensated_besides_its_repeat() {
    let events = vec![Event::Forward, Event::Compensate];
    for first in [trouble(ErrorKind::Timeout), refusal("No")] {
        let (instance, world) = run([("s.a", vec![first]), ("s.u", vec![])], events.clone());
        assert_eq!(instance.compensation_status, Some(Status::Succeeded));
        assert_eq!(world.calls.iter().filter(|call| call.method == "u").count(), 1);
    }
}

#[test]
fn a_deadline_that_has_not_passed_is_refused() {
    let text = json!({ "Name": "m", "StartState": "W", "States": {
        "W": { "Type": "WaitForEvent", "Events": { "GO": { "Next": "S" } }, "Deadline": 100, "TimeoutNext": "S" },
        "S": { "Type": "Succeed" } } });
    let machine = machines(&[text]);
    let mut instance = machine.start("m", "i", None, serde_json::Map::new(), 0).unwrap();
    machine.advance(&mut instance, Event::Resume, 0).unwrap();
    let early = machine.advance(&mut instance, Event::DeadlinePassed, 99);
    assert_eq!(early, Err(AdvanceError::TooEarly { deadline: 100 }));
    let mut late = instance.clone();
    let signal = Event::Signal {
        name: "GO".into(),
        payload: Value::Null,
    };
    assert_eq!(
        machine.advance(&mut late, signal, 500),
        Ok(Command::Finished),
        "an event after the deadline still counts"
    );
    assert_eq!(
        machine.advance(&mut instance, Event::DeadlinePassed, 100),
        Ok(Command::Finished)
    );
    assert_eq!(instance.status, Status::Succeeded);
}
