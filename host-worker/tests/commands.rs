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
    for command in ["up", "worker", "migrate", "seed", "check", "sandbox", "config"] {
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
        text.contains("public_url") && text.contains("paypay_api_secret"),
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
