//! An operator's calls into the order component.

#![allow(clippy::unwrap_used)]

mod support;

use kessai_host::{
    CallError, Sagas,
    sagas::{Action, CensusLine, Filter, SagaError},
};
use support::{Fixture, fixtures, limits};

async fn load() -> (Fixture, Sagas) {
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"orders\"\n[component.order]\nsource = \"{}/orders.wasm\"\n",
        fixtures().display()
    );
    let fixture = Fixture::with(&text, limits()).await;
    let sagas = fixture.host.lifecycle().unwrap().sagas();
    (fixture, sagas)
}

#[tokio::test]
async fn every_function_reaches_the_component_with_its_arguments() {
    let (_fixture, sagas) = load().await;
    let filter = Filter {
        phase: Some("PARKED".to_owned()),
        machine: None,
        order_no: Some("K-1".to_owned()),
        older_than: Some(60),
        cursor: None,
        size: 20,
    };
    let listed = sagas.list(filter).await.unwrap();
    for part in ["PARKED", "K-1", "Some(60)", "20"] {
        assert!(listed.contains(part), "{listed}");
    }
    assert_eq!(sagas.show("s").await.unwrap(), "show s");
    let steered = sagas.steer("s", Action::Skip, "cli:root", Some("fixed")).await;
    assert!(steered.unwrap().ends_with("Skip cli:root Some(\"fixed\")"));
    let started = sagas
        .start("m", Some("key"), "{}".to_owned(), "cli:root")
        .await
        .unwrap();
    assert_eq!(
        (started.saga.as_str(), started.new),
        ("start m Some(\"key\") {} cli:root", true)
    );
    sagas.resume("s").await.unwrap();
    assert_eq!(sagas.machines().await.unwrap(), "machines");
    assert_eq!(sagas.machine("m").await.unwrap(), "machine m");
    let registered = sagas.register("{}".to_owned(), "cli:root").await.unwrap();
    assert_eq!(
        (registered.machine.as_str(), registered.new),
        ("register {} cli:root", false)
    );
    let line = CensusLine {
        machine: "m".to_owned(),
        phase: "PARKED".to_owned(),
        count: 2,
        oldest: 7,
    };
    assert_eq!(sagas.census().await.unwrap(), [line]);
    assert_eq!(sagas.archive(1000, 10).await.unwrap(), 1010);
}

#[tokio::test]
async fn what_the_component_refuses_comes_back_typed() {
    let (_fixture, sagas) = load().await;
    let refusal = |error| match error {
        CallError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal(sagas.show("unknown").await.unwrap_err()),
        SagaError::NotFound
    );
    let done = sagas.steer("done", Action::Retry, "a", None).await.unwrap_err();
    assert_eq!(refusal(done), SagaError::Conflict("SUCCEEDED".to_owned()));
    let taken = sagas.steer("taken", Action::Retry, "a", None).await.unwrap_err();
    assert_eq!(refusal(taken), SagaError::Busy);
    let invalid = sagas.register("invalid".to_owned(), "a").await.unwrap_err();
    assert_eq!(
        refusal(invalid),
        SagaError::Invalid(("States".to_owned(), "is missing".to_owned()))
    );
    assert!(matches!(sagas.resume("trap").await, Err(CallError::Trap(_))));
    assert_eq!(sagas.show("again").await.unwrap(), "show again");
}
