//! What a message looks like.

use crate::{log, quick, reader::read, support::Files};
use domain::{Instant, topic};
use kessai_relay::{Event, EventLog};
use std::{collections::BTreeMap, sync::Arc};

#[tokio::test]
async fn an_event_is_a_cloud_event_in_binary_mode_keyed_by_its_order() {
    let (settings, log) = log().await;
    let at = Instant::from_millis(1_795_309_200_123);
    let mut event = Event::new(
        1,
        (topic::PAYMENTS, "RefundIssued"),
        "id-1".into(),
        "K20261122-7F3K9Q2MXA".into(),
        r#"{"reason":"返品"}"#.into(),
        at,
    );
    event.request_id = Some("request-1".into());
    event.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let mut bare = event.clone();
    bare.id = "id-2".into();
    bare.request_id = None;
    bare.traceparent = None;
    log.append(&[Arc::new(event), Arc::new(bare)]).await.unwrap();

    let seen = read(&settings, topic::PAYMENTS).await;
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (seen[0].key.as_str(), seen[0].data.as_str(), seen[0].at),
        ("K20261122-7F3K9Q2MXA", r#"{"reason":"返品"}"#, at.millis())
    );
    let expected = [
        ("ce_id", "id-1"),
        ("ce_type", "RefundIssued"),
        ("ce_source", "/kessai/order"),
        ("ce_specversion", "1.0"),
        ("ce_time", "2026-11-22T01:00:00.123Z"),
        ("content-type", "application/json"),
        ("x-request-id", "request-1"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ];
    let expected: BTreeMap<String, String> = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(seen[0].headers, expected);
    assert!(!seen[1].headers.contains_key("x-request-id") && !seen[1].headers.contains_key("traceparent"));
}

#[tokio::test]
async fn an_event_that_kafka_does_not_take_holds_back_those_after_it_and_not_those_before_it() {
    let mut files = Files::new().await;
    let (settings, log) = log().await;
    let event = |id: &str, data: String| {
        Arc::new(Event::new(
            1,
            (topic::ORDERS, "T"),
            id.into(),
            "K".into(),
            data,
            Instant::now(),
        ))
    };
    let huge = "x".repeat(2_000_000);
    let batch = [
        event("K:0", "{}".into()),
        event("K:1", huge),
        event("K:2", "{}".into()),
    ];
    let error = log.append(&batch).await.unwrap_err();
    assert_eq!((error.taken, error.is_retriable), (1, false), "{error}");
    assert_eq!(read(&settings, topic::ORDERS).await.len(), 1);
    // The log itself goes on.
    files.commit("K:3", "K").await;
    files.relay(log, quick()).await.pump().await.unwrap();
    assert_eq!(read(&settings, topic::ORDERS).await.len(), 2);
}
