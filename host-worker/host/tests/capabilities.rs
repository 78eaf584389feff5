//! What the manifest gives a component, and that it gives nothing else.

#![allow(clippy::unwrap_used)]

mod support;

use http::StatusCode;
use kessai_host::{CodeSource, Host, LoadError, imports};
use serde_json::json;
use std::collections::BTreeMap;
use support::{Fixture, cache, config, fixtures, limits, manifest};

const SHARED: &str = "sqlite_databases = [\"shared\", \"own\"]";

#[tokio::test]
async fn statements_come_back_with_rows_and_errors() {
    let fixture = Fixture::new(SHARED).await;
    let statements = "CREATE TABLE t (x INTEGER UNIQUE)\nINSERT INTO t VALUES (1), (2)\nSELECT x, x / 4.0, 'a', x'00ff', NULL FROM t\nINSERT INTO t VALUES (2)";
    let answer = fixture.post("/a/sql?own", statements).await.json();
    assert_eq!(answer[0], json!([]));
    assert_eq!(
        answer[2],
        json!([[1, 0.25, "a", [0, 255], null], [2, 0.5, "a", [0, 255], null]])
    );
    assert!(
        answer[3]["error"]
            .as_str()
            .unwrap()
            .contains("UNIQUE constraint failed: t.x"),
        "{answer}"
    );
    assert_eq!(answer[4], json!([2, 2]));
}

#[tokio::test]
async fn a_database_belongs_to_those_who_list_it() {
    let fixture = Fixture::new(SHARED).await;
    fixture
        .post("/a/sql?shared", "CREATE TABLE t (x)\nINSERT INTO t VALUES (7)")
        .await;
    assert_eq!(
        fixture.post("/b/sql?shared", "SELECT x FROM t").await.json()[0],
        json!([[7]])
    );
    let denied = fixture.post("/b/sql?own", "SELECT 1").await;
    assert_eq!(denied.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        denied.json().as_str().unwrap().contains("AccessDenied"),
        "{:?}",
        denied.body
    );
}

#[tokio::test]
async fn a_transaction_that_a_request_leaves_open_is_not_committed_by_the_next() {
    let limits = kessai_host::Limits {
        request_timeout: std::time::Duration::from_millis(300),
        ..limits()
    };
    let fixture = Fixture::with(&manifest(SHARED), limits).await;
    fixture.post("/a/sql?own", "CREATE TABLE t (x)").await;
    fixture.get("/a/sql-keep?own").await;
    // Another component's instance waits for the writer until the forgotten transaction is rolled back; that of the next request
    // may come too early.
    loop {
        let answer = fixture.post("/a/sql?own", "INSERT INTO t VALUES (1)").await;
        if answer.status == StatusCode::OK && answer.json()[0] == json!([]) {
            break;
        }
    }
    assert_eq!(
        fixture.post("/a/sql?own", "SELECT x FROM t").await.json()[0],
        json!([[1]])
    );
}

#[tokio::test]
async fn the_host_hears_of_commits() {
    let fixture = Fixture::new(SHARED).await;
    let mut commits = fixture.host.commits("own");
    fixture.post("/a/sql?own", "CREATE TABLE t (x)").await;
    assert!(commits.has_changed().unwrap());
    commits.mark_unchanged();
    fixture.post("/a/sql?own", "SELECT * FROM t").await;
    assert!(!commits.has_changed().unwrap());
}

#[tokio::test]
async fn other_components_are_reached_inside_the_process_if_allowed() {
    let allowed =
        Fixture::new("allowed_outbound_hosts = [\"{{ internal }}\", \"http://b.spin.internal\"]").await;
    let answer = allowed
        .get("/a/get?http://private.spin.internal/echo?q")
        .await
        .json();
    assert_eq!(answer["status"], 200, "{answer}");
    let seen: serde_json::Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(seen["uri"], "http://private.spin.internal/echo?q");
    assert_eq!(seen["headers"]["spin-path-info"], "/echo");
    assert_eq!(seen["headers"]["spin-matched-route"], "/...");
    assert_eq!(seen["headers"]["spin-client-addr"], serde_json::Value::Null);
    assert_eq!(
        seen["headers"]["x-request-id"].as_str().unwrap().len(),
        32,
        "the caller's identity goes along"
    );

    let public_too = allowed.get("/a/get?http://b.spin.internal/count").await.json();
    assert_eq!(public_too["status"], 200);
    let trap = allowed
        .get("/a/get?http://private.spin.internal/trap")
        .await
        .json();
    assert_eq!(trap["status"], 500, "the callee's trap is its own");
    let nobody = allowed.get("/a/get?http://nobody.spin.internal/").await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);

    let denied = Fixture::new("")
        .await
        .get("/a/get?http://private.spin.internal/echo")
        .await;
    assert!(
        denied.json().as_str().unwrap().contains("HttpRequestDenied"),
        "{:?}",
        denied.body
    );
}

#[tokio::test]
async fn requests_leave_the_process_only_for_allowed_hosts() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().route("/hello", axum::routing::get(|| async { "hello from outside" }));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let allowed = Fixture::new(&format!("allowed_outbound_hosts = [\"http://{address}\"]")).await;
    let answer = allowed
        .get(&format!("/a/get?http://{address}/hello"))
        .await
        .json();
    assert_eq!(answer, json!({"status": 200, "body": "hello from outside"}));
    let other = allowed
        .get(&format!("/a/get?http://127.0.0.1:{}/hello", address.port() ^ 1))
        .await;
    assert!(
        other.json().as_str().unwrap().contains("HttpRequestDenied"),
        "{:?}",
        other.body
    );
}

#[tokio::test]
async fn files_are_there_and_read_only() {
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("index.html"), "<p>shop").unwrap();
    std::fs::write(site.path().parent().unwrap().join("kessai-outside.txt"), "secret").unwrap();
    let mount = format!(
        "files = [{{ source = \"{}\", destination = \"/site\" }}]",
        site.path().display()
    );
    let fixture = Fixture::new(&mount).await;
    assert_eq!(fixture.get("/a/read?/site/index.html").await.json(), "<p>shop");
    for denied in [
        "/a/write?/site/new",
        "/a/read?/site/../kessai-outside.txt",
        "/a/read?/etc/hostname",
    ] {
        assert_eq!(
            fixture.get(denied).await.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{denied}"
        );
    }
    let none = Fixture::new("").await.get("/a/read?/etc/hostname").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_component_sees_its_own_variables() {
    let fixture =
        Fixture::new("variables = { paint = \"{{ colour }} blue\" }\nenvironment = { MODE = \"test\" }")
            .await;
    assert_eq!(fixture.get("/a/variable?paint").await.json(), "indigo blue");
    for (name, error) in [("colour", "Undefined"), ("Paint", "InvalidName")] {
        let answer = fixture.get(&format!("/a/variable?{name}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(
            !answer.body.is_empty() && answer.json().as_str().is_some(),
            "{error}"
        );
    }
    assert_eq!(
        fixture.get("/b/variable?paint").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(fixture.get("/a/environment?MODE").await.json(), "test");
    assert_eq!(
        fixture.get("/a/environment?HOME").await.json(),
        json!(null),
        "the host's environment is its own"
    );
    assert_eq!(fixture.host.variable("colour").as_deref(), Some("indigo"));
    assert_eq!(fixture.host.variable("paint"), None);
}

#[tokio::test]
async fn overrides_reach_components() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(
        folder.path(),
        &manifest("variables = { paint = \"{{ colour }}\" }"),
        limits(),
    );
    config.overrides = BTreeMap::from([("colour".to_owned(), "vermilion".to_owned())]);
    let fixture = Fixture {
        host: Host::load(config).await.unwrap(),
        folder,
    };
    assert_eq!(fixture.get("/a/variable?paint").await.json(), "vermilion");
}

#[tokio::test]
async fn a_dependency_is_composed_in_and_lives_with_its_component() {
    let fixture = Fixture::new("").await;
    assert_eq!(
        fixture.get("/a/greet?Aya").await.json(),
        json!(["Hello, Aya!", 1])
    );
    assert_eq!(
        fixture.get("/a/greet?Ken").await.json(),
        json!(["Hello, Ken!", 2])
    );
    assert_eq!(
        fixture.get("/b/greet?Ken").await.json(),
        json!(["Hello, Ken!", 1])
    );
}

#[tokio::test]
async fn what_cannot_be_loaded_is_refused_with_its_name() {
    let folder = fixtures().display().to_string();
    let cut = |text: &str| {
        let (start, _) = text.split_once("[component.a.dependencies]").unwrap();
        format!("{start}\n{}", &text[text.find("[component.b]").unwrap()..])
    };
    let load = async |text: String| Fixture::try_with(&text, limits()).await.err().expect("refused");
    match load(cut(&manifest(""))).await {
        LoadError::Import { component, import } => {
            assert_eq!(
                (component.as_str(), import.as_str()),
                ("a", "kessai:fixture/greeting@0.1.0")
            );
        }
        other => panic!("{other}"),
    }
    match load(manifest("").replace(&format!("{folder}/guest.wasm"), "/nowhere/x.wasm")).await {
        LoadError::NotBuilt { component, .. } => assert_eq!(component, "a"),
        other => panic!("{other}"),
    }
    match load(manifest("").replace("fixture/greeting@0.1.0", "fixture/parting@0.1.0")).await {
        LoadError::Compose { component, reason } => {
            assert!(component == "a" && reason.contains("parting"), "{reason}");
        }
        other => panic!("{other}"),
    }
    match load(manifest("key_value_stores = [\"default\"]")).await {
        LoadError::Unsupported { key, .. } => assert_eq!(key, "component.a.key_value_stores"),
        other => panic!("{other}"),
    }
    match load(manifest("allowed_outbound_hosts = [\"{{ nothing }}\"]")).await {
        LoadError::Invalid { key, .. } => assert_eq!(key, "component.a.allowed_outbound_hosts[0]"),
        other => panic!("{other}"),
    }
    match load(manifest(
        "files = [{ source = \"/nowhere\", destination = \"/\" }]",
    ))
    .await
    {
        LoadError::Invalid { key, .. } => assert_eq!(key, "component.a.files[0].source"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn code_is_compiled_once_and_again_when_the_cache_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), &manifest(""), limits());
    config.cache_dir = folder.path().join("cache");
    let sources = async || {
        let host = Host::load(config.clone()).await.unwrap();
        host.code_sources()["a"]
    };
    assert_eq!(sources().await, CodeSource::Compiled);
    assert_eq!(sources().await, CodeSource::Cached);
    for entry in std::fs::read_dir(&config.cache_dir).unwrap() {
        let path = entry.unwrap().path();
        let mut code = std::fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        std::fs::write(&path, code).unwrap();
    }
    assert_eq!(sources().await, CodeSource::Compiled);
    assert_eq!(sources().await, CodeSource::Cached);
}

#[test]
fn imports_of_a_composed_component_are_those_that_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &manifest(""), limits());
    let left = imports(&config.manifest, "a").unwrap();
    assert!(left.contains("spin:sqlite/sqlite@3.1.0"), "{left:?}");
    assert!(
        left.iter().all(|import| !import.starts_with("kessai:")),
        "{left:?}"
    );
    assert!(matches!(
        imports(&config.manifest, "z"),
        Err(LoadError::NoComponent(_))
    ));
    let _ = cache();
}
