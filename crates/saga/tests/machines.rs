//! Definitions in `machines/`, one feature each: what they do on scripted services, or why they are refused.
//!
//! A file is a list of cases under `cases` for the machine under `definition`, or a `definition` and the message with which it is `refused`.
//! A case's `answers` are given in order for each `service.method`; after the last, the service answers null.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;

use saga::{Event, Machines, ServiceError, StateMachine};
use serde::Deserialize;
use serde_json::{Map, Value};
use support::{Arrival, Driver, World, only, trace};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    definition: Value,
    #[serde(default)]
    cases: Vec<Case>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    answers: BTreeMap<String, Vec<Answer>>,
    #[serde(default)]
    arrivals: Vec<ScriptedArrival>,
    /// Operators' acts after the machine has ended, each with the answers that are given from then on.
    #[serde(default)]
    then: Vec<Act>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Ok(Value),
    Error(ServiceError),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScriptedArrival {
    Deadline,
    Event(String, Value),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    act: String,
    #[serde(default)]
    answers: BTreeMap<String, Vec<Answer>>,
    /// The message with which the act is refused.
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Expected {
    status: String,
    compensation_status: Option<String>,
    trace: Vec<String>,
    /// Variables that must have these values; others are not looked at.
    #[serde(default)]
    context: Map<String, Value>,
    error: Option<String>,
    effects: Option<Vec<String>>,
    /// Milliseconds between the calls.
    pauses: Option<Vec<u64>>,
    /// `service.method(arguments)` of each call.
    calls: Option<Vec<String>>,
}

fn results(answers: Vec<Answer>) -> Vec<Result<Value, ServiceError>> {
    let result = |answer| match answer {
        Answer::Ok(value) => Ok(value),
        Answer::Error(error) => Err(error),
    };
    answers.into_iter().map(result).collect()
}

#[test]
fn machines_do_what_their_files_say() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machines");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let (mut cases, mut refusals) = (0, 0);
    for path in &paths {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap();
        let fixture: Fixture = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let machine = StateMachine::from_json(&fixture.definition.to_string());
        if let Some(message) = &fixture.refused {
            assert_eq!(machine.expect_err(&file).to_string(), *message, "{file}");
            refusals += 1;
            continue;
        }
        let machine = machine.unwrap_or_else(|error| panic!("{file}: {error}"));
        for case in fixture.cases {
            run(&only(machine.clone()), machine.name(), case, &file);
            cases += 1;
        }
    }
    println!("{cases} cases, {refusals} refusals in {} files", paths.len());
    assert!(cases > 0 && refusals > 0);
}

fn run(machines: &Machines, machine: &str, case: Case, file: &str) {
    let told = format!("{file}, {}", case.name);
    let mut world = World::default();
    for (service, answers) in case.answers {
        world.set_script(&service, results(answers));
    }
    let mut driver = Driver::new(machines, machine, &mut world);
    driver.arrivals = case
        .arrivals
        .into_iter()
        .map(|arrival| match arrival {
            ScriptedArrival::Deadline => Arrival::Deadline,
            ScriptedArrival::Event(name, payload) => Arrival::Event(name.leak(), payload),
        })
        .collect();
    let mut instance = driver.run(Value::Object(case.params));
    let pauses = std::mem::take(&mut driver.pauses);
    for act in case.then {
        let event = match act.act.as_str() {
            "forward" => Event::Forward,
            "compensate" => Event::Compensate,
            "skip" => Event::SkipAndForward,
            other => panic!("{told}: no act `{other}`"),
        };
        for (service, answers) in act.answers {
            driver.world.set_script(&service, results(answers));
        }
        if let Some(message) = act.refused {
            let before = instance.clone();
            let error = machines
                .advance(&mut instance, event, driver.now)
                .expect_err(&told);
            assert_eq!((error.to_string(), &instance), (message, &before), "{told}");
        } else {
            instance = driver.drive(instance, event);
        }
    }
    let expect = case.expect;
    let (seen, told) = (trace(&instance), format!("{told}: {instance:#?}"));
    assert_eq!(seen, expect.trace, "{told}");
    assert_eq!(instance.status.code(), expect.status, "{told}");
    assert_eq!(
        instance
            .compensation_status
            .map(|status| status.code().to_owned()),
        expect.compensation_status,
        "{told}"
    );
    assert_eq!(
        instance.error.as_ref().map(|error| error.name.clone()),
        expect.error,
        "{told}"
    );
    for (variable, value) in &expect.context {
        assert_eq!(
            instance.context.get(variable),
            Some(value),
            "{variable} in {told}"
        );
    }
    if let Some(effects) = expect.effects {
        assert_eq!(world.effects, effects, "{told}");
    }
    if let Some(expected) = expect.pauses {
        assert_eq!(pauses, expected, "{told}");
    }
    if let Some(expected) = expect.calls {
        let shown = |call: &saga::ServiceCall| {
            let input: Vec<String> = call.input.iter().map(Value::to_string).collect();
            format!("{}.{}({})", call.service, call.method, input.join(", "))
        };
        assert_eq!(
            world.calls.iter().map(shown).collect::<Vec<_>>(),
            expected,
            "{told}"
        );
    }
}
