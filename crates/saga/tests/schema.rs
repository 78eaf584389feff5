//! `docs/statelang.schema.json`, for editors: it takes every definition that the engine takes, and every key in it is explained.
#![allow(clippy::unwrap_used)]

mod mutation;
mod tally;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use mutation::{changes, mutated};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use saga::StateMachine;
use serde_json::{Value, json};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/statelang.schema.json");

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(SCHEMA).unwrap()).unwrap()
}

fn complaints(validator: &Validator, definition: &Value) -> Vec<String> {
    validator
        .iter_errors(definition)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn it_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn it_takes_every_definition_that_is_run_somewhere() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let definitions = mutation::valid_definitions();
    for (file, definition) in &definitions {
        assert_eq!(complaints(&validator, definition), [""; 0], "{file}");
    }
    tally::tell(&format!("schema: {} definitions", definitions.len()));
}

#[test]
fn it_refuses_what_an_editor_can_see() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let state = |state: Value| {
        let mut machine = json!({ "Name": "m", "StartState": "A", "States": {} });
        machine["States"]["A"] = state;
        machine
    };
    let service = |key: &str, value: Value| {
        let mut task = json!({ "Type": "ServiceTask", "ServiceName": "s", "ServiceMethod": "m" });
        task[key] = value;
        state(task)
    };
    let refused = [
        json!([]),
        json!({ "Name": "m", "StartState": "A" }),
        state(json!({})),
        state(json!({ "Type": "Task" })),
        state(json!({ "Type": "ServiceTask", "ServiceName": "s" })),
        service("Next", json!(["B"])),
        service("IsAsync", json!("yes")),
        service("Status", json!({ "true": "OK" })),
        service("Retry", json!([{ "Jitter": 2 }])),
        service("Catch", json!([{ "Exceptions": ["E"] }])),
        service("Loop", json!({ "Parallel": 2 })),
        state(json!({ "Type": "ScriptTask", "ScriptType": "groovy", "ScriptContent": "1" })),
        state(json!({ "Type": "Choice", "Choices": [] })),
        state(json!({ "Type": "SubStateMachine" })),
        state(json!({ "Type": "WaitForEvent", "Events": {} })),
        state(json!({ "Type": "WaitForEvent", "Events": {}, "Deadline": 1, "TimeoutSeconds": 1 })),
    ];
    for definition in refused {
        assert!(!validator.is_valid(&definition), "{definition}");
    }
}

#[test]
fn every_key_is_explained() {
    let schema = schema();
    let mut silent = BTreeSet::new();
    let mut keys = 0;
    for (at, property) in properties(&schema, String::new()) {
        // An `if` only tells states apart, and a branch of a `oneOf` says what is required.
        if at.contains("/if/") || at.contains("/anyOf/") || at.contains("/oneOf/") {
            continue;
        }
        keys += 1;
        let explained = |value: &Value| value.get("description").is_some();
        let target = property.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|reference| schema.pointer(reference.trim_start_matches('#')));
        if !explained(property) && !target.is_some_and(explained) {
            silent.insert(at);
        }
    }
    assert!(keys > 80, "{keys}");
    assert_eq!(silent, BTreeSet::new());
}

/// Every schema under a `properties`, with where it stands.
fn properties(schema: &Value, at: String) -> Vec<(String, &Value)> {
    let inner: Vec<(&String, &Value)> = schema.as_object().into_iter().flatten().collect();
    let listed = schema.as_array().into_iter().flatten().enumerate();
    let listed = listed.flat_map(|(index, value)| properties(value, format!("{at}/{index}")));
    let found = inner.into_iter().flat_map(|(key, value)| {
        let at = format!("{at}/{key}");
        let own = value
            .as_object()
            .filter(|_| key == "properties")
            .into_iter()
            .flatten();
        let own: Vec<_> = own.map(|(key, value)| (format!("{at}/{key}"), value)).collect();
        own.into_iter().chain(properties(value, at))
    });
    found.chain(listed).collect()
}

/// No false alarm: what the engine runs, an editor must not mark.
#[test]
fn it_takes_whatever_the_engine_takes() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let definitions = mutation::valid_definitions();
    let (taken, generated) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(any::<Index>(), changes()), |(pick, changes)| {
        generated.set(generated.get() + 1);
        let definition = mutated(&pick.get(&definitions).1, &changes);
        if StateMachine::from_json(&definition.to_string()).is_ok() {
            taken.set(taken.get() + 1);
            prop_assert_eq!(complaints(&validator, &definition), [""; 0], "{}", definition);
        }
        Ok(())
    });
    outcome.unwrap();
    tally::tell(&format!(
        "schema: {} generated cases, {} of them taken by the engine",
        generated.get(),
        taken.get()
    ));
    assert!(taken.get() > 200, "{}", taken.get());
}
