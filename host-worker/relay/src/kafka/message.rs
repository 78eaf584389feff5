//! An event as a Kafka message: CloudEvents' binary mode.

use crate::Event;
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::FutureRecord,
};

/// Where events come from, as a URI reference.
const SOURCE: &str = "/kessai/order";
const SPEC_VERSION: &str = "1.0";
const CONTENT_TYPE: &str = "application/json";

pub(super) fn record<'a>(event: &'a Event, topic: &'a str) -> FutureRecord<'a, str, str> {
    FutureRecord::to(topic)
        .key(event.key.as_str())
        .payload(event.data.as_str())
        .timestamp(event.created_at().millis())
        .headers(headers(event))
}

fn headers(event: &Event) -> OwnedHeaders {
    let time = event.created_at().to_string();
    let always = [
        ("ce_id", event.id.as_str()),
        ("ce_type", event.kind.as_str()),
        ("ce_source", SOURCE),
        ("ce_specversion", SPEC_VERSION),
        ("ce_time", time.as_str()),
        ("content-type", CONTENT_TYPE),
    ];
    let trace = [
        ("x-request-id", event.request_id.as_deref()),
        ("traceparent", event.traceparent.as_deref()),
    ];
    let trace = trace.into_iter().filter_map(|(key, value)| Some((key, value?)));
    always
        .into_iter()
        .chain(trace)
        .fold(OwnedHeaders::new_with_capacity(8), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        })
}
