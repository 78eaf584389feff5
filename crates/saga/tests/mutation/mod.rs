//! Definitions that are run somewhere, and ways to spoil them.
#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// Every definition in this repository that the engine must take, by its file's name.
pub fn valid_definitions() -> Vec<(String, Value)> {
    let folder = |path: &str| -> Vec<PathBuf> {
        let folder = fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let files = folder.map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .collect();
        files.sort();
        files
    };
    let mut definitions = Vec::new();
    let folders = ["tests/machines", "../../components/order", "../../docs/examples"];
    for path in folders.into_iter().flat_map(folder) {
        let json: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        if json.get("refused").is_some() {
            continue;
        }
        // A test's file holds one definition, or several by name, beside what is expected of them.
        let inside = ["definition", "machine"]
            .into_iter()
            .filter_map(|key| json.get(key));
        let listed = ["definitions", "machines"]
            .into_iter()
            .filter_map(|key| json.get(key));
        let listed = listed.flat_map(|list| match list {
            Value::Array(list) => list.iter().collect::<Vec<_>>(),
            other => other
                .as_object()
                .into_iter()
                .flatten()
                .map(|(_, one)| one)
                .collect(),
        });
        let found: Vec<Value> = inside.chain(listed).cloned().collect();
        if found.is_empty() {
            definitions.push((name.to_owned(), json));
        } else {
            definitions.extend(found.into_iter().map(|one| (name.to_owned(), one)));
        }
    }
    definitions
}

/// One fault, at a place that is picked when the definition is known.
#[derive(Debug, Clone)]
pub enum Change {
    Remove(Index),
    Put(Index, Value),
    /// Another part of the same definition in its place.
    Graft(Index, Index),
    /// A character of a string is dropped, doubled or put in.
    Misspell(Index, Index, Option<char>),
}

pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let values = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(0.5),
        json!(61),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("A"),
        json!("2"),
        json!("http"),
        json!("$.[x"),
        json!("$.[x] + 1"),
        json!("$Sequence.SIMPLE"),
        json!([]),
        json!([null]),
        json!({}),
        json!([{}]),
        json!({ "a": "$.)" }),
    ];
    let character = prop::option::of(prop::sample::select(
        "a1 '\"[](){}.,:?!#$+-<&|\\\u{0}花".chars().collect::<Vec<_>>(),
    ));
    let change = prop_oneof![
        2 => any::<Index>().prop_map(Change::Remove),
        3 => (any::<Index>(), prop::sample::select(values.to_vec())).prop_map(|(at, value)| Change::Put(at, value)),
        3 => (any::<Index>(), any::<Index>()).prop_map(|(to, from)| Change::Graft(to, from)),
        3 => (any::<Index>(), any::<Index>(), character).prop_map(|(at, place, by)| Change::Misspell(at, place, by)),
    ];
    proptest::collection::vec(change, 0..4)
}

pub fn mutated(definition: &Value, changes: &[Change]) -> Value {
    let mut definition = definition.clone();
    for change in changes {
        let places = places(&definition, String::new());
        let pick = |index: &Index| places[index.index(places.len().max(1))].as_str();
        if places.is_empty() {
            break;
        }
        match change {
            Change::Remove(at) => remove(&mut definition, pick(at)),
            Change::Put(at, value) => *definition.pointer_mut(pick(at)).unwrap() = value.clone(),
            Change::Graft(to, from) => {
                let part = definition.pointer(pick(from)).unwrap().clone();
                *definition.pointer_mut(pick(to)).unwrap() = part;
            }
            Change::Misspell(at, place, by) => {
                if let Value::String(text) = definition.pointer_mut(pick(at)).unwrap() {
                    *text = misspelt(text, *place, *by);
                }
            }
        }
    }
    definition
}

pub fn misspelt(text: &str, place: Index, by: Option<char>) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = place.index(chars.len() + 1);
    match by {
        Some(character) => chars.insert(at, character),
        None if at < chars.len() => drop(chars.remove(at)),
        None => chars.extend(text.chars().last()),
    }
    chars.into_iter().collect()
}

/// JSON pointers of everything in a value but the value itself.
fn places(value: &Value, at: String) -> Vec<String> {
    let parts: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(key, part)| (escaped(key), part)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, part)| (index.to_string(), part))
            .collect(),
        _ => Vec::new(),
    };
    parts
        .into_iter()
        .flat_map(|(key, part)| {
            let at = format!("{at}/{key}");
            [vec![at.clone()], places(part, at)].concat()
        })
        .collect()
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn remove(definition: &mut Value, place: &str) {
    let (parent, key) = place.rsplit_once('/').unwrap();
    match definition.pointer_mut(parent).unwrap() {
        Value::Object(object) => drop(object.shift_remove(&key.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(key.parse().unwrap())),
        _ => unreachable!("{place} is no place"),
    }
}
