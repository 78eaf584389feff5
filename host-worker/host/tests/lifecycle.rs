//! The worker's calls into the order component.

#![allow(clippy::unwrap_used)]

mod support;

use kessai_host::{
    CallError, Lifecycle, Limits, LoadError,
    lifecycle::{DueKind, LifecycleError, PaymentEvent},
};
use std::time::Duration;
use support::{Fixture, fixtures, limits, manifest};

async fn load(limits: Limits) -> (Fixture, Lifecycle) {
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"orders\"\n[component.order]\nsource = \"{}/orders.wasm\"\n",
        fixtures().display()
    );
    let fixture = Fixture::with(&text, limits).await;
    let lifecycle = fixture.host.lifecycle().unwrap();
    (fixture, lifecycle)
}

#[tokio::test]
async fn every_function_reaches_the_component_with_its_arguments() {
    let (_fixture, orders) = load(limits()).await;
    let claim = orders.claim_due("worker", 30_000, 10).await.unwrap();
    assert_eq!(
        (claim.work[0].id.as_str(), claim.next_due_at),
        ("worker", Some(30_010))
    );
    assert_eq!(claim.work[0].kind, DueKind::Poll);
    let event = PaymentEvent {
        order_no: "K-1".to_owned(),
        merchant_payment_id: "m".to_owned(),
        state: "COMPLETED".to_owned(),
        amount: Some(100),
        source: "webhook".to_owned(),
    };
    for (answer, status) in [
        (orders.resume_saga("K-1").await, "resume"),
        (orders.poll_payment("K-1", true).await, "poll true"),
        (orders.apply_inbox("K-1").await, "inbox"),
        (orders.apply_payment_event(event).await, "event COMPLETED"),
        (orders.expire("K-1").await, "expire"),
        (orders.cancel("K-1").await, "cancel"),
        (orders.refund("K-1", "broken", false).await, "refund broken false"),
        (orders.open_channel("K-1", "secret").await, "channel secret"),
        (orders.snapshot_of("K-1").await, "snapshot"),
    ] {
        let snapshot = answer.unwrap();
        assert_eq!(
            (snapshot.order_no.as_str(), snapshot.status.as_str()),
            ("K-1", status)
        );
    }
}

#[tokio::test]
async fn what_the_component_refuses_comes_back_typed() {
    let (_fixture, orders) = load(limits()).await;
    let unknown = orders.cancel("unknown").await;
    assert!(
        matches!(unknown, Err(CallError::Refused(LifecycleError::NotFound))),
        "{unknown:?}"
    );
    let paid = orders.cancel("paid").await;
    assert!(matches!(paid, Err(CallError::Refused(LifecycleError::Conflict(state))) if state == "PAID"));
}

#[tokio::test]
async fn instances_are_reused_until_they_have_had_their_calls() {
    let (_fixture, orders) = load(Limits {
        instance_reuse: 3,
        ..limits()
    })
    .await;
    let mut versions = Vec::new();
    for _ in 0..5 {
        versions.push(orders.snapshot_of("K-1").await.unwrap().version);
    }
    assert_eq!(versions, [1, 2, 3, 1, 2]);
}

#[tokio::test]
async fn a_trap_is_an_error_and_the_next_call_gets_a_fresh_instance() {
    let (_fixture, orders) = load(limits()).await;
    orders.snapshot_of("K-1").await.unwrap();
    let trap = orders.expire("trap").await;
    assert!(matches!(trap, Err(CallError::Trap(_))), "{trap:?}");
    assert_eq!(orders.snapshot_of("K-1").await.unwrap().version, 1);
}

#[tokio::test]
async fn a_call_that_never_ends_is_ended() {
    let (_fixture, orders) = load(Limits {
        request_timeout: Duration::from_millis(50),
        ..limits()
    })
    .await;
    let (endless, beside) = tokio::join!(orders.expire("loop"), orders.snapshot_of("K-1"));
    assert!(matches!(endless, Err(CallError::TimedOut)), "{endless:?}");
    assert_eq!(beside.unwrap().order_no, "K-1");
}

#[tokio::test]
async fn an_application_without_orders_has_no_lifecycle() {
    let fixture = Fixture::new("").await;
    assert!(matches!(fixture.host.lifecycle(), Err(LoadError::NoComponent(name)) if name == "order"));
    let text = manifest("")
        .replace("component.a", "component.order")
        .replace("component = \"a\"", "component = \"order\"");
    let other = Fixture::with(&text, limits()).await;
    assert!(
        matches!(other.host.lifecycle(), Err(LoadError::Compile { component, .. }) if component == "order")
    );
}
