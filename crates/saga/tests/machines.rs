//! Definitions in `machines/`, one feature each: what they do on scripted services, or why they are refused.
//!
//! A file is a list of cases under `cases` for the machine under `definition`, or a `definition` and the message with which it is `refused`.
//! A case's `answers` are given in order for each `service.method`; after the last, the service answers null.
#![allow(clippy::unwrap_used)]

mod support;
mod tally;

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use saga::{Event, Instance, Machines, ServiceError, StateMachine};
use serde::Deserialize;
use serde_json::{Map, Value};
use support::{Arrival, Driver, World, trace};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    definition: Value,
    /// Sub-machines.
    #[serde(default)]
    others: Vec<Value>,
    #[serde(default)]
    cases: Vec<Case>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    answers: BTreeMap<String, Vec<Answer>>,
    #[serde(default)]
    arrivals: Vec<ScriptedArrival>,
    /// Of several calls, which comes back first: see `Driver::first_back`.
    #[serde(default)]
    first_back: usize,
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
    /// A sub-machine that is registered first.
    register: Option<Value>,
    #[serde(default)]
    arrivals: Vec<ScriptedArrival>,
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
    most_at_once: Option<usize>,
    phase: Option<String>,
    recoveries: Option<u32>,
}

fn results(answers: &[Answer]) -> Vec<Result<Value, ServiceError>> {
    let result = |answer: &Answer| match answer {
        Answer::Ok(value) => Ok(value.clone()),
        Answer::Error(error) => Err(error.clone()),
    };
    answers.iter().map(result).collect()
}

fn arrivals(scripted: &[ScriptedArrival]) -> Vec<Arrival> {
    let arrival = |arrival: &ScriptedArrival| match arrival {
        ScriptedArrival::Deadline => Arrival::Deadline,
        ScriptedArrival::Event(name, payload) => Arrival::Event(name.clone(), payload.clone()),
    };
    scripted.iter().map(arrival).collect()
}

/// Every definition that is not refused, with its sub-machines and cases.
fn fixtures() -> Vec<(String, Machines, String, Vec<Case>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machines");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    let mut fixtures = Vec::new();
    let mut refusals = 0;
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
        let name = machine.name().to_owned();
        let mut machines = support::machines(&fixture.others);
        machines.add(machine);
        fixtures.push((file, machines, name, fixture.cases));
    }
    assert!(refusals > 0);
    fixtures
}

#[test]
fn machines_do_what_their_files_say() {
    let (mut cases, mut failed) = (0, 0);
    for (file, machines, machine, its_cases) in fixtures() {
        for case in its_cases {
            let told = format!("{file}, {}", case.name);
            // One that fails does not hide the others.
            let done = catch_unwind(AssertUnwindSafe(|| {
                check(
                    &case.expect,
                    play(&machines, &machine, &case, &told, &|_| ()),
                    &told,
                );
            }));
            failed += usize::from(done.is_err());
            cases += 1;
        }
    }
    tally::tell(&format!("machines: {cases} cases"));
    assert_eq!(failed, 0);
}

#[test]
fn a_crash_at_any_point_changes_nothing() {
    let shape = |played: &Played| {
        let instance = &played.instance;
        (
            trace(instance),
            instance.status,
            instance.compensation_status,
            instance.context.clone(),
            played.world.effects.clone(),
        )
    };
    let mut runs = 0;
    for (file, machines, machine, cases) in fixtures() {
        for case in cases {
            let told = format!("{file}, {}", case.name);
            let calm = play(&machines, &machine, &case, &told, &|_| ());
            // The machines that only count to their bounds would take long and show no more.
            for crash in 1..=calm.longest.min(40) {
                let crashed = play(&machines, &machine, &case, &told, &|driver| {
                    driver.crashes = vec![crash, crash + 3];
                });
                assert_eq!(shape(&calm), shape(&crashed), "{told}, crash after {crash}");
                runs += 1;
            }
        }
    }
    tally::tell(&format!("machines: {runs} runs with crashes"));
}

struct Played {
    instance: Instance,
    world: World,
    pauses: Vec<u64>,
    most_at_once: usize,
    /// Most advances in one go.
    longest: usize,
}

fn play(
    machines: &Machines,
    machine: &str,
    case: &Case,
    told: &str,
    prepare: &dyn Fn(&mut Driver<'_>),
) -> Played {
    let mut machines = machines.clone();
    let mut world = World::default();
    for (service, answers) in &case.answers {
        world.set_script(service, results(answers));
    }
    let mut driver = Driver::new(&machines, machine, &mut world);
    prepare(&mut driver);
    driver.arrivals = arrivals(&case.arrivals);
    driver.first_back = case.first_back;
    let mut instance = driver.run(Value::Object(case.params.clone()));
    let (pauses, most_at_once) = (driver.pauses, driver.most_at_once);
    let (mut now, mut longest) = (driver.now, driver.advances);
    for act in &case.then {
        if let Some(definition) = &act.register {
            machines.add(StateMachine::from_json(&definition.to_string()).unwrap());
        }
        let mut driver = Driver::new(&machines, machine, &mut world);
        prepare(&mut driver);
        driver.now = now;
        driver.arrivals = arrivals(&act.arrivals);
        let event = match act.act.as_str() {
            "forward" => Event::Forward,
            "compensate" => Event::Compensate,
            "skip" => Event::SkipAndForward,
            "recover" => {
                driver.now = driver.now.max(instance.recover_at.unwrap_or_default());
                Event::Recover
            }
            other => panic!("{told}: no act `{other}`"),
        };
        for (service, answers) in &act.answers {
            driver.world.set_script(service, results(answers));
        }
        if let Some(message) = &act.refused {
            let before = instance.clone();
            let refused = driver.machines.advance(&mut instance, event, driver.now);
            let error = refused.expect_err(told).to_string();
            assert_eq!((&error, &instance), (message, &before), "{told}");
        } else {
            instance = driver.drive(instance, event);
        }
        (now, longest) = (driver.now, longest.max(driver.advances));
    }
    Played {
        instance,
        world,
        pauses,
        most_at_once,
        longest,
    }
}

fn check(expect: &Expected, played: Played, told: &str) {
    let Played {
        instance,
        world,
        pauses,
        most_at_once,
        ..
    } = played;
    let (seen, told) = (trace(&instance), format!("{told}: {instance:#?}"));
    assert_eq!(seen, expect.trace, "{told}");
    assert_eq!(instance.status.code(), expect.status, "{told}");
    let compensation = instance
        .compensation_status
        .map(|status| status.code().to_owned());
    assert_eq!(compensation, expect.compensation_status, "{told}");
    let error = instance.error.as_ref().map(|error| error.name.clone());
    assert_eq!(error, expect.error, "{told}");
    for (variable, value) in &expect.context {
        let has = instance.context.get(variable);
        assert_eq!(has, Some(value), "{variable} in {told}");
    }
    let phase = instance.phase().as_str();
    assert_eq!(phase, expect.phase.as_deref().unwrap_or(phase), "{told}");
    let recoveries = instance.recoveries;
    assert_eq!(recoveries, expect.recoveries.unwrap_or(recoveries), "{told}");
    assert_eq!(
        most_at_once,
        expect.most_at_once.unwrap_or(most_at_once),
        "{told}"
    );
    if let Some(effects) = &expect.effects {
        assert_eq!(world.effects, *effects, "{told}");
    }
    if let Some(expected) = &expect.pauses {
        assert_eq!(pauses, *expected, "{told}");
    }
    if let Some(expected) = &expect.calls {
        let shown = |call: &saga::ServiceCall| {
            let input: Vec<String> = call.input.iter().map(Value::to_string).collect();
            format!("{}.{}({})", call.service, call.method, input.join(", "))
        };
        assert_eq!(
            world.calls.iter().map(shown).collect::<Vec<_>>(),
            *expected,
            "{told}"
        );
    }
}
