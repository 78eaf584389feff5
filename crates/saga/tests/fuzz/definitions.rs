//! Definitions: what is refused says where; what is taken runs, whatever the services answer, and can be stored at every turn.

use proptest::prelude::*;
use proptest::sample::Index;
use saga::{Command, ErrorKind, Event, Instance, Machines, ServiceError, StateMachine};
use serde_json::{Map, Value, json};

use crate::mutation::{changes, misspelt, mutated, valid_definitions};
use crate::{fuzz, json, word};

/// Turns that a machine is run for; most end before.
const TURNS: usize = 40;

/// Longest text of an instance, in bytes. The engine bounds its variables, and a run keeps its input and output.
const LONGEST: usize = 16 << 20;

/// What each turn throws, and what it gets for a result: a few values, again and again.
fn answers() -> impl Strategy<Value = Vec<(u8, Value)>> {
    let values = prop::collection::vec(json(), 4);
    let turns = prop::collection::vec(any::<(u8, Index)>(), TURNS);
    (values, turns).prop_map(|(values, turns)| {
        let turns = turns.into_iter();
        turns
            .map(|(dice, pick)| (dice, pick.get(&values).clone()))
            .collect()
    })
}

fn outcome(dice: u8, value: Value) -> Result<Value, ServiceError> {
    let kind = match dice % 8 {
        0 => ErrorKind::Connect,
        1 => ErrorKind::Timeout,
        2 => ErrorKind::Business,
        3 => ErrorKind::Other,
        _ => return Ok(value),
    };
    Err(ServiceError::new(
        kind,
        if dice > 127 { "Refused" } else { "A" },
        "no",
    ))
}

/// What happens next outside; after the end, an operator's act.
fn event(instance: &Instance, command: Command, dice: u8, value: Value, now: &mut u64) -> Event {
    match command {
        Command::Invoke { mut calls, .. } => Event::Outcome {
            step_id: calls.swap_remove(usize::from(dice) % calls.len()).step_id,
            result: outcome(dice, value),
        },
        Command::Sleep { until } => {
            *now = until.max(*now);
            instance.due_event(*now)
        }
        Command::WaitForEvent { names, deadline } if dice < 64 || names.is_empty() => {
            *now = deadline.max(*now);
            instance.due_event(*now)
        }
        Command::WaitForEvent { mut names, .. } => Event::Signal {
            name: names.swap_remove(usize::from(dice) % names.len()),
            payload: value,
        },
        Command::Finished => match dice % 4 {
            0 => Event::Forward,
            1 => Event::Compensate,
            2 => Event::SkipAndForward,
            _ => Event::Recover,
        },
    }
}

/// Runs a machine by chance. After each turn the instance must read back as it was and ask for the same again; what is refused changes nothing.
fn run(
    machines: &Machines,
    name: &str,
    params: Map<String, Value>,
    answers: Vec<(u8, Value)>,
) -> Result<(), TestCaseError> {
    let mut instance = machines.start(name, "i", Some("key"), params, 0).unwrap();
    let mut now = 0;
    let mut next = Event::Resume;
    for (dice, value) in answers {
        let before = instance.clone();
        let ended = instance.is_ended();
        let command = match machines.advance(&mut instance, next.clone(), now) {
            Ok(command) => command,
            Err(error) => {
                prop_assert_eq!(&instance, &before, "{} changed something", error);
                prop_assert!(ended, "{error} on {next:?}");
                return Ok(());
            }
        };
        let text = serde_json::to_string(&instance).unwrap();
        prop_assert!(text.len() <= LONGEST, "{} bytes after {next:?}", text.len());
        let read = serde_json::from_str::<Instance>(&text);
        let mut read = read.map_err(|error| TestCaseError::fail(format!("cannot be read back: {error}")))?;
        prop_assert_eq!(&read, &instance);
        prop_assert_eq!(
            &machines.advance(&mut read, Event::Resume, now),
            &Ok(command.clone())
        );
        next = event(&instance, command, dice, value, &mut now);
    }
    Ok(())
}

/// Every definition of this repository, for those that name each other.
fn all() -> (Vec<Value>, Machines) {
    let definitions: Vec<Value> = valid_definitions()
        .into_iter()
        .map(|(_, definition)| definition)
        .collect();
    let mut machines = Machines::new();
    for definition in &definitions {
        machines.add(StateMachine::from_json(&definition.to_string()).unwrap());
    }
    (definitions, machines)
}

#[test]
fn spoilt_definitions_are_refused_or_run() {
    let (definitions, machines) = all();
    let params = json().prop_map(|value| match value {
        Value::Object(params) => params,
        other => json!({ "a": other, "n": 1, "list": [1, 2], "lines": [{ "id": 1 }] })
            .as_object()
            .unwrap()
            .clone(),
    });
    let strategy = (any::<Index>(), changes(), params, answers());
    fuzz(
        "spoilt definitions",
        3_000,
        4,
        strategy,
        |(pick, changes, params, answers)| {
            let definition = mutated(pick.get(&definitions), &changes);
            let Ok(machine) = StateMachine::from_json(&definition.to_string()) else {
                return Ok(false);
            };
            let name = machine.name().to_owned();
            let mut machines = machines.clone();
            machines.add(machine);
            run(&machines, &name, params, answers)?;
            Ok(true)
        },
    );
}

#[test]
fn spoilt_texts_are_refused_or_read() {
    let (definitions, _) = all();
    let texts: Vec<String> = definitions
        .iter()
        .map(|definition| serde_json::to_string_pretty(definition).unwrap())
        .collect();
    let character = prop::option::of(prop::sample::select(
        "\"{}[],: \n\\/0-e9.\u{0}\u{feff}花".chars().collect::<Vec<_>>(),
    ));
    let slips = prop::collection::vec((any::<Index>(), character), 0..4);
    let strategy = (any::<Index>(), slips, prop::option::of(any::<Index>()));
    fuzz("spoilt texts", 1_500, 20, strategy, |(pick, slips, cut)| {
        let mut text = slips
            .into_iter()
            .fold(pick.get(&texts).clone(), |text, (at, by)| misspelt(&text, at, by));
        if let Some(cut) = cut.map(|cut| cut.index(4 * text.len())) {
            text = text.chars().take(cut).collect();
        }
        Ok(StateMachine::from_json(&text).is_ok())
    });
}

#[test]
fn any_json_and_any_text_is_refused_or_read() {
    let state = (json(), prop::collection::vec((word(), json()), 0..8)).prop_map(|(kind, entries)| {
        let mut state: Map<String, Value> = entries.into_iter().collect();
        state.entry("Type").or_insert(kind);
        Value::Object(state)
    });
    let machine = prop::collection::vec((word(), state), 1..4).prop_map(|states| {
        let states: Map<String, Value> = states.into_iter().collect();
        let start = states.keys().next().unwrap().clone();
        json!({ "Name": "m", "StartState": start, "States": states }).to_string()
    });
    let text = prop_oneof![4 => machine, 1 => json().prop_map(|json| json.to_string()), 1 => ".{0,200}"];
    fuzz("any JSON", 2_000, 4, text, |text| {
        let Err(error) = StateMachine::from_json(&text) else {
            return Ok(true);
        };
        prop_assert!(error.to_string().starts_with("machine `"), "{}", error);
        Ok(error.state.is_some())
    });
}

/// What grows with each round of a machine that calls nothing has an end.
#[test]
fn a_machine_cannot_outgrow_what_can_be_stored() {
    let greedy = [
        ("doubles", "{[x], [x]}"),
        ("doubles its text", "([x] ?: 'x') + ([x] ?: 'x')"),
        ("nests", "{a: {a: {a: [x]}}}"),
        ("nests lists", "{[x], 1}"),
        ("keeps all", "{[x], #root}"),
    ];
    for (name, expression) in greedy {
        let definition = json!({ "Name": "m", "StartState": "Grow", "States": {
            "Grow": { "Type": "ScriptTask", "ScriptType": "expression", "ScriptContent": expression, "Output": { "x": "$.#root" }, "Next": "Again" },
            "Again": { "Type": "Choice", "Choices": [{ "Expression": "[enough]", "Next": "End" }], "Default": "Grow" },
            "End": { "Type": "Succeed" } } });
        let mut machines = Machines::new();
        machines.add(StateMachine::from_json(&definition.to_string()).unwrap());
        let mut instance = machines.start("m", "i", None, Map::new(), 0).unwrap();
        assert_eq!(
            machines.advance(&mut instance, Event::Resume, 0),
            Ok(Command::Finished),
            "{name}"
        );
        let text = serde_json::to_string(&instance).unwrap();
        assert!(text.len() <= LONGEST, "{name}: {} bytes", text.len());
        assert_eq!(
            serde_json::from_str::<Instance>(&text).unwrap(),
            instance,
            "{name}"
        );
        assert!(instance.error.is_some(), "{name}");
    }
}

/// The deepest value in the deepest sub-machine: an instance embeds its children, and JSON is read to a limited depth.
#[test]
fn the_deepest_child_with_the_deepest_value_reads_back() {
    let mut machines = Machines::new();
    for n in 0..20 {
        let definition = json!({ "Name": format!("m{n}"), "StartState": "Down", "States": { "Down": {
            "Type": "SubStateMachine", "StateMachineName": format!("m{}", n + 1), "Input": [{ "x": "$.[x]" }], "Output": { "y": "$.#root" } } } });
        machines.add(StateMachine::from_json(&definition.to_string()).unwrap());
    }
    for levels in 1..100 {
        let x = (1..levels).fold(json!(1), |inner, _| json!([inner]));
        let params = json!({ "x": x }).as_object().unwrap().clone();
        // Parameters that are too deep are refused before there is an instance.
        let Ok(mut instance) = machines.start("m0", "i", None, params, 0) else {
            assert!(levels > 32, "{levels}");
            continue;
        };
        assert_eq!(
            machines.advance(&mut instance, Event::Resume, 0),
            Ok(Command::Finished),
            "{levels}"
        );
        let text = serde_json::to_string(&instance).unwrap();
        let read = serde_json::from_str::<Instance>(&text)
            .unwrap_or_else(|error| panic!("{levels} levels: {error}"));
        assert_eq!(read, instance);
    }
}
