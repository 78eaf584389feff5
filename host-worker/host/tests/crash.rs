//! The crash switch ends the process where it says, and what was committed before is there afterwards.

#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used)]

mod support;

use kessai_host::Host;
use serde_json::json;
use std::{path::Path, process::Command};
use support::{Fixture, config, limits, manifest};

const FOLDER: &str = "KESSAI_TEST_FOLDER";
const OWN: &str = "sqlite_databases = [\"own\"]\nallowed_outbound_hosts = [\"http://127.0.0.1:*\", \"http://*.spin.internal\"]";

/// What the killed process does: three commits, then two requests, of which only one leaves the process. Run by the other tests in a process of its own.
#[tokio::test]
async fn child() {
    let Some(address) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let address = Path::new(&address).to_owned();
    let host = Host::load(config(&address, &manifest(OWN), limits()))
        .await
        .unwrap();
    let fixture = Fixture { host, folder };
    fixture
        .post(
            "/a/sql?own",
            "CREATE TABLE t (x)\nINSERT INTO t VALUES (1)\nBEGIN\nINSERT INTO t VALUES (2)\nCOMMIT",
        )
        .await;
    fixture.get("/a/get?http://private.spin.internal/count").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = axum::Router::new().route("/", axum::routing::get(|| async { println!("RECEIVED") }));
    tokio::spawn(async move { axum::serve(listener, app).await });
    fixture.get(&format!("/a/get?http://127.0.0.1:{port}/")).await;
    println!("ALIVE");
}

/// Runs `child` with the switch set: what it printed, and the rows that are there afterwards.
async fn crash(at: &str) -> (String, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, folder.path())
        .env("KESSAI_CRASH_AT", at)
        .output()
        .unwrap();
    let printed =
        String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    let host = Host::load(config(folder.path(), &manifest(OWN), limits()))
        .await
        .unwrap();
    let fixture = Fixture { host, folder };
    let rows = fixture.post("/a/sql?own", "SELECT x FROM t").await.json()[0].clone();
    (printed, rows)
}

#[tokio::test]
async fn before_the_second_commit_the_first_is_kept() {
    let (printed, rows) = crash("before-commit:2").await;
    assert!(
        printed.contains("ending at BeforeCommit number 2, own") && !printed.contains("ALIVE"),
        "{printed}"
    );
    assert_eq!(rows, json!([]));
}

#[tokio::test]
async fn after_a_commit_it_is_kept() {
    let (printed, rows) = crash("after-commit:3").await;
    assert!(
        printed.contains("ending at AfterCommit number 3, own"),
        "{printed}"
    );
    assert_eq!(rows, json!([[1], [2]]));
}

#[tokio::test]
async fn before_a_request_nothing_is_sent_and_after_it_everything() {
    let (before, _) = crash("before-send:1").await;
    assert!(
        before.contains("ending at BeforeSend number 1") && !before.contains("RECEIVED"),
        "{before}"
    );
    let (after, _) = crash("after-send:1").await;
    assert!(
        after.contains("ending at AfterSend number 1") && after.contains("RECEIVED"),
        "{after}"
    );
    let (inside, _) = crash("before-send:2").await;
    assert!(
        inside.contains("ALIVE"),
        "what stays in the process is not sent: {inside}"
    );
}
