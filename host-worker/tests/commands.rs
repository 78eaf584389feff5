//! The program from outside. (These tests also make cargo build it for the scenarios in `tests/`.)
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn kessai(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Command::new(env!("CARGO_BIN_EXE_kessai"))
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap()
}

#[test]
fn every_command_explains_itself() {
    let commands = [
        "up", "worker", "migrate", "seed", "check", "saga", "alerts", "topics", "sandbox", "config",
    ];
    for command in commands {
        let output = kessai(&[command, "--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("Usage: kessai"),
            "{command}: {text}"
        );
    }
    assert!(!kessai(&["no-such-command"]).status.success());
}

#[test]
fn the_configuration_is_shown_without_its_secrets() {
    let output = kessai(&["config"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("public_url")
            && text.contains("paypay_api_secret")
            && text.contains("KESSAI_SAGA_ARCHIVE_DAYS"),
        "{text}"
    );
    assert!(
        !text.contains("kessai_sandbox_secret") && !text.contains("kessai_development_channel_secret"),
        "{text}"
    );
}

#[test]
fn an_empty_folder_has_nothing_wrong_only_once_it_is_migrated() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    assert!(
        !kessai(&["check", "--data", folder]).status.success(),
        "no databases"
    );
    assert!(kessai(&["migrate", "--data", folder]).status.success());
    assert!(kessai(&["seed", "--data", folder]).status.success());
    let output = kessai(&["check", "--data", folder]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn definitions_are_validated_without_a_shop() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = file(
        "good.json",
        r#"{"Name": "m", "StartState": "A", "States": {"A": {"Type": "Succeed"}}}"#,
    );
    let bad = file(
        "bad.json",
        r#"{"Name": "m", "StartState": "A", "States": {"A": {"Type": "Sleep"}}}"#,
    );
    let output = kessai(&["saga", "validate", &good]);
    assert!(output.status.success());
    let output = kessai(&["saga", "validate", &good, &bad, "no-such-file.json"]);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out.contains("good.json: ok") && !out.contains("bad.json"),
        "{out}"
    );
    assert!(
        err.contains("bad.json: machine `m`, state `A`, `Type`: `Sleep` is no state type"),
        "{err}"
    );
    assert!(err.contains("no-such-file.json cannot be read"), "{err}");
}

#[test]
fn sagas_are_looked_for_only_where_the_shops_databases_are() {
    let data = tempfile::tempdir().unwrap();
    let output = kessai(&["saga", "list", "--data", data.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && text.contains("kessai migrate"),
        "{text}"
    );
    assert_eq!(
        std::fs::read_dir(data.path()).unwrap().count(),
        0,
        "looking made something"
    );
}
