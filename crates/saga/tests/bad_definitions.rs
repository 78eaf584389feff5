//! Bad definitions in `bad/`, one fault each: all of them are refused, with the messages that `docs/statelang-errors.md` promises.
//!
//! The page is made of what the engine says: `KESSAI_UPDATE=1 cargo test -p saga --test bad_definitions` writes it anew.
#![allow(clippy::unwrap_used)]

mod tally;

use std::collections::BTreeMap;
use std::fs;

use saga::{DefinitionError, StateMachine};
use serde_json::{Value, json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/statelang-errors.md");
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/statelang.schema.json");

const INTRODUCTION: &str = "# Definitions that are refused

What a definition with one fault is refused with, at load and by `kessai saga validate FILE`. Each row is a file in `crates/saga/tests/bad/` (those with a `*` are
made by the test, being too large to keep), and a test holds the engine to it: this page is written by
`KESSAI_UPDATE=1 cargo test -p saga --test bad_definitions`. *Editor* says whether an editor that has `docs/statelang.schema.json` shows the fault too.

| definition | message | editor |
|---|---|---|
";

/// By name: the files, and what would be too large for one.
fn definitions() -> BTreeMap<String, String> {
    let files = fs::read_dir(FOLDER).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    files.chain(generated()).collect()
}

fn generated() -> Vec<(String, String)> {
    let machine = |comment: &str, states: Value| {
        json!({ "Name": "purchase", "StartState": "Done", "Comment": comment, "States": states }).to_string()
    };
    let done = || json!({ "Done": { "Type": "Succeed" } });
    let many = (0..10_000)
        .map(|n| (format!("S{n}"), json!({ "Type": "Succeed" })))
        .chain([("Done".to_owned(), json!({ "Type": "Succeed" }))]);
    let brackets = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let deep = machine("", done()).replace("\"\"", &brackets);
    let condition = format!("'{}' == [text]", "long ".repeat(4_000));
    let choice = json!({ "Type": "Choice", "Default": "End", "Choices": [{ "Expression": condition, "Next": "End" }] });
    vec![
        ("json-nested-too-deeply*".to_owned(), deep),
        (
            "json-too-large*".to_owned(),
            machine(&" ".repeat(1 << 20), done()),
        ),
        (
            "states-too-many*".to_owned(),
            machine("", Value::Object(many.collect())),
        ),
        (
            "expression-too-long*".to_owned(),
            machine("", json!({ "Done": choice, "End": { "Type": "Succeed" } })),
        ),
    ]
}

/// One row of the page's table. A message that quotes a long text is cut in its middle, on both sides of the comparison.
fn row(name: &str, error: &DefinitionError, seen_by_schema: bool) -> String {
    const LONGEST: usize = 300;
    let message: Vec<char> = error.to_string().replace('|', "\\|").chars().collect();
    let shown: String = if message.len() > LONGEST {
        let (head, tail) = (&message[..LONGEST / 2], &message[message.len() - LONGEST / 2..]);
        head.iter().chain(&[' ', '…', ' ']).chain(tail).collect()
    } else {
        message.iter().collect()
    };
    format!(
        "| {name} | {shown} | {} |",
        if seen_by_schema { "yes" } else { "no" }
    )
}

#[test]
fn every_bad_definition_is_refused_with_the_message_on_the_page() {
    let schema: Value = serde_json::from_str(&fs::read_to_string(SCHEMA).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut rows = Vec::new();
    let mut accepted = Vec::new();
    for (name, text) in definitions() {
        // What is no JSON at all, every editor marks without a schema; but none has our limits.
        let limit = name.starts_with("json-") && name.ends_with('*');
        let marked = |json: Value| !validator.is_valid(&json);
        let seen = !limit && serde_json::from_str(&text).map_or(true, marked);
        match StateMachine::from_json(&text) {
            Ok(_) => accepted.push(name),
            Err(error) => rows.push(row(&name, &error, seen)),
        }
    }
    assert!(accepted.is_empty(), "not refused: {accepted:#?}");
    tally::tell(&format!("{} bad definitions", rows.len()));

    let page = format!("{INTRODUCTION}{}\n", rows.join("\n"));
    if std::env::var_os("KESSAI_UPDATE").is_some() {
        fs::write(PAGE, &page).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap_or_default();
    let promised: Vec<&str> = written
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    for (promised, row) in promised.iter().zip(&rows) {
        assert_eq!(promised, row, "on the left what {PAGE} promises");
    }
    assert_eq!(
        written, page,
        "{PAGE} is not up to date: set KESSAI_UPDATE=1 once"
    );
}

#[test]
fn every_message_says_where_the_fault_is() {
    for (name, text) in definitions() {
        let Err(error) = StateMachine::from_json(&text) else {
            continue;
        };
        let Ok(Value::Object(json)) = serde_json::from_str(&text) else {
            assert_eq!(error.machine, "", "{name}");
            continue;
        };
        // It is refused unread.
        if name == "json-too-large*" {
            continue;
        }
        assert_eq!(
            error.machine,
            json.get("Name").and_then(Value::as_str).unwrap_or_default(),
            "{name}"
        );
        assert!(error.key.is_some(), "{name}: {error}");
        let known = |state: &String| json["States"].get(state).is_some();
        assert!(error.state.as_ref().is_none_or(known), "{name}: {error}");
    }
}
