//! Anything at all, through the parser, the expressions and the core: no panic, and an end in bounded time, depth and size.
//!
//! Each test prints how many cases it made, and how many of them got past the first hurdle: a fuzzer whose cases are all refused tests nothing.
#![allow(clippy::unwrap_used)]

mod definitions;
mod expressions;
#[path = "../mutation/mod.rs"]
mod mutation;
#[path = "../tally/mod.rs"]
mod tally;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::Value;

/// Tries `check` on `cases` generated values. It says of each whether it got past the first hurdle; at least one in `one_in` must.
fn fuzz<S: Strategy>(
    what: &str,
    cases: u32,
    one_in: u32,
    strategy: S,
    check: impl Fn(S::Value) -> Result<bool, TestCaseError>,
) {
    let (made, past) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        made.set(made.get() + 1);
        past.set(past.get() + u32::from(check(value)?));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{what}: {error}");
    }
    tally::tell(&format!(
        "{what}: {} generated cases, {} of them taken",
        made.get(),
        past.get()
    ));
    assert!(
        past.get() >= made.get() / one_in,
        "{what}: the cases are too bad to test anything"
    );
}

/// JSON whose keys and values mean something to definitions and expressions.
fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-3..10_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        word().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "Name",
        "StartState",
        "States",
        "Type",
        "Next",
        "Catch",
        "Retry",
        "Status",
        "Input",
        "Output",
        "Loop",
        "Choices",
        "Expression",
        "Default",
        "Events",
        "Deadline",
        "ServiceTask",
        "ScriptTask",
        "Choice",
        "SubStateMachine",
        "WaitForEvent",
        "CompensationTrigger",
        "Succeed",
        "Fail",
        "ServiceName",
        "ServiceMethod",
        "CompensateState",
        "Exceptions",
        "MaxAttempts",
        "SU",
        "UN",
        "A",
        "B",
        "a",
        "b",
        "n",
        "list",
        "items",
        "price",
        "$.[a]",
        "$.[list].?[price > 1]",
        "$Exception{A}",
        "true",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

/// How many values there are in a value, and text by 64 bytes.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len() / 64,
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| key.len() / 64 + size(value))
            .sum(),
        _ => 0,
    }
}

/// How deep a value nests; a number or a text is 1.
fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
