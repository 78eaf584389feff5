//! A span for each step of a saga, sent to a collector by OTLP over HTTP with JSON bodies (`OTEL_EXPORTER_OTLP_ENDPOINT`).
//!
//! The steps ran in a component and are over when we hear of them, so there is nothing to measure here, only to hand on; an OpenTelemetry SDK
//! would do no more than that.

use super::lines::{Transition, Transitions, without_iteration};
use anyhow::{Context, Result, bail};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE: &str = "OTEL_SERVICE_NAME";
/// Spans that may wait for the collector; what comes beyond is dropped and counted.
const WAITING: usize = 4096;
/// Spans in one request.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where spans are put in.
#[derive(Debug)]
pub(super) struct Collector(mpsc::Sender<Value>);

/// Sends them.
#[derive(Debug)]
pub(super) struct Exporter {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// `None` where no collector is named.
///
/// # Errors
///
/// An address or headers that cannot be used.
pub(super) fn from_environment() -> Result<Option<(Collector, Exporter)>> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(endpoint) = variable(ENDPOINT) else {
        return Ok(None);
    };
    let headers = headers(&variable(HEADERS).unwrap_or_default())?;
    let service = variable(SERVICE).unwrap_or_else(|| "kessai".to_owned());
    start(&endpoint, headers, service).map(Some)
}

fn start(endpoint: &str, headers: HeaderMap, service: String) -> Result<(Collector, Exporter)> {
    let base: reqwest::Url = endpoint
        .parse()
        .with_context(|| format!("{ENDPOINT}: `{endpoint}` is not an address"))?;
    if base.scheme() != "http" {
        bail!(
            "{ENDPOINT}: `{endpoint}` does not begin with http://; for TLS, send to a collector on this machine"
        )
    }
    let url = format!("{}/v1/traces", base.as_str().trim_end_matches('/')).parse()?;
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .default_headers(headers)
        .build()?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let stop = CancellationToken::new();
    let task = tokio::spawn(export(client, url, service, receiver, stop.clone()));
    Ok((Collector(sender), Exporter { stop, task }))
}

/// `name=value,name=value`, as OpenTelemetry has it.
fn headers(text: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let parsed = pair.split_once('=').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        // The value may be a secret: it is not repeated.
        let (name, value) =
            parsed.with_context(|| format!("{HEADERS}: not a list of name=value, separated by commas"))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

impl Collector {
    /// Puts steps in, unless they belong to no trace.
    pub(super) fn take(&self, steps: &Transitions, request_id: &str) {
        for step in &steps.transitions {
            if let Some(span) = span(steps, step, request_id)
                && self.0.try_send(span).is_err()
            {
                dropped(1);
            }
        }
    }
}

impl Exporter {
    /// Sends what waits, and ends.
    pub(super) async fn finish(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(component = "worker", %error, "the sending of spans had ended in a panic");
        }
    }
}

fn dropped(count: usize) {
    metrics::counter!("kessai_spans_dropped_total").increment(count as u64);
}

async fn export(
    client: reqwest::Client,
    url: reqwest::Url,
    service: String,
    mut spans: mpsc::Receiver<Value>,
    stop: CancellationToken,
) {
    let mut batch = Vec::new();
    loop {
        let stopped = stop
            .run_until_cancelled(async {
                spans.recv_many(&mut batch, BATCH).await;
                tokio::time::sleep(GATHER).await;
            })
            .await
            .is_none();
        while batch.len() < BATCH
            && let Ok(span) = spans.try_recv()
        {
            batch.push(span);
        }
        let count = batch.len();
        if count > 0 {
            let body = document(&service, std::mem::take(&mut batch));
            let sent = client.post(url.clone()).json(&body).send().await;
            if let Err(error) = sent.and_then(reqwest::Response::error_for_status) {
                dropped(count);
                tracing::warn!(component = "worker", %error, count, "spans not sent");
            }
        }
        if (stopped && count == 0) || (spans.is_closed() && spans.is_empty()) {
            return;
        }
    }
}

/// An OTLP `ExportTraceServiceRequest`.
fn document(service: &str, spans: Vec<Value>) -> Value {
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", service), text("service.version", env!("CARGO_PKG_VERSION"))]},
        "scopeSpans": [{"scope": {"name": "kessai.saga"}, "spans": spans}],
    }]})
}

fn span(of: &Transitions, step: &Transition, request_id: &str) -> Option<Value> {
    let trace_id = of.trace_id.as_ref()?;
    let nanos = |millis: u64| (u128::from(millis) * 1_000_000).to_string();
    let failed = !matches!(step.status.as_str(), "SU" | "SK");
    let mut attributes = vec![
        text("kessai.saga.id", &of.saga_id),
        text("kessai.saga.machine", &step.machine),
        text("kessai.saga.state", &step.state),
        text("kessai.saga.state_type", &step.state_type),
        text("kessai.saga.step_id", &step.step_id),
        text("kessai.saga.status", &step.status),
        json!({"key": "kessai.saga.retries", "value": {"intValue": step.retries.to_string()}}),
        json!({"key": "kessai.saga.compensation", "value": {"boolValue": step.compensation}}),
        text("kessai.request.id", request_id),
    ];
    if let Some(error) = &step.error {
        attributes.push(text("error.type", error));
    }
    let mut span = json!({
        "traceId": trace_id, "spanId": span_id(trace_id, step),
        "name": format!("{}/{}", step.machine, without_iteration(&step.state)),
        // Internal.
        "kind": 1,
        "startTimeUnixNano": nanos(step.started_at),
        "endTimeUnixNano": nanos(step.started_at.saturating_add(step.duration_ms)),
        "attributes": attributes,
        // Error, or unset.
        "status": {"code": if failed { 2 } else { 0 }},
    });
    if let Some(parent) = &of.parent_span_id {
        span["parentSpanId"] = parent.as_str().into();
    }
    Some(span)
}

/// Nobody has to know it beforehand, so it is made from what it stands for: the end of this step in this trace.
fn span_id(trace_id: &str, step: &Transition) -> String {
    let mut hasher = DefaultHasher::new();
    (trace_id, &step.step_id, step.started_at, step.duration_ms).hash(&mut hasher);
    // All zeros would be no id.
    format!("{:016x}", hasher.finish().max(1))
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::{Json, Router, routing::post};

    fn steps(states: &[&str]) -> Transitions {
        let transitions: Vec<Value> = states
            .iter()
            .map(|state| {
                json!({
                    "machine": "m", "state": state, "stateType": "ServiceTask", "stepId": format!("S1.{state}"), "status": "FA", "retries": 2,
                    "error": "ConnectError", "compensation": true, "startedAt": 1_795_309_200_000_u64, "durationMs": 1500,
                })
            })
            .collect();
        serde_json::from_value(json!({
            "sagaId": "S1", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "parentSpanId": "00f067aa0ba902b8", "transitions": transitions,
        }))
        .unwrap()
    }

    /// A collector's address, and what it gets: path, header and body of each request.
    async fn collector() -> (String, mpsc::UnboundedReceiver<(String, Value)>) {
        let (seen, requests) = mpsc::unbounded_channel();
        let take = async move |headers: axum::http::HeaderMap, Json(body): Json<Value>| {
            let key = headers["x-key"].to_str().unwrap().to_owned();
            seen.send((key, body)).unwrap();
        };
        let router = Router::new().route("/v1/traces", post(take));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (address, requests)
    }

    #[tokio::test]
    async fn what_waits_at_the_end_is_sent() {
        let (address, mut requests) = collector().await;
        let headers = headers("x-key = secret").unwrap();
        let (spans, exporter) = start(&address, headers, "shop".into()).unwrap();
        for number in 0..BATCH + 1 {
            spans.take(&steps(&[&format!("Ship-loop-{number}")]), "r1");
        }
        exporter.finish().await;
        let mut count = 0;
        // Every request was answered before the exporter ended.
        while let Ok((key, body)) = requests.try_recv() {
            assert_eq!(key, "secret");
            let resource = &body["resourceSpans"][0];
            assert_eq!(
                resource["resource"]["attributes"][0],
                text("service.name", "shop")
            );
            let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
            count += spans.len();
            assert_eq!(spans[0]["name"], "m/Ship");
        }
        assert_eq!(count, BATCH + 1);
    }

    #[test]
    fn a_step_is_a_span_in_the_trace_of_its_request() {
        let steps = steps(&["Ship", "Bill"]);
        let span = span(&steps, &steps.transitions[0], "r1").unwrap();
        for (key, value) in [
            ("traceId", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("parentSpanId", "00f067aa0ba902b8"),
            ("startTimeUnixNano", "1795309200000000000"),
            ("endTimeUnixNano", "1795309201500000000"),
        ] {
            assert_eq!(span[key], value);
        }
        assert_eq!(span["status"]["code"], 2);
        let attributes = span["attributes"].as_array().unwrap();
        assert!(attributes.contains(&text("error.type", "ConnectError")));
        assert!(attributes.contains(&json!({"key": "kessai.saga.retries", "value": {"intValue": "2"}})));
        let other = super::span(&steps, &steps.transitions[1], "r1").unwrap();
        let ids = [&span, &other].map(|span| span["spanId"].as_str().unwrap());
        assert!(ids[0] != ids[1] && ids.iter().all(|id| id.len() == 16), "{ids:?}");
        let untraced = Transitions {
            trace_id: None,
            ..steps
        };
        assert!(super::span(&untraced, &untraced.transitions[0], "r1").is_none());
    }

    #[test]
    fn headers_are_read_and_never_repeated() {
        let read = headers("authorization=Bearer a=b, x-team=shop,").unwrap();
        assert_eq!(
            (&read["authorization"], &read["x-team"]),
            (
                &HeaderValue::from_static("Bearer a=b"),
                &HeaderValue::from_static("shop")
            )
        );
        let error = headers("s3cret").unwrap_err().to_string();
        assert!(!error.contains("s3cret") && error.contains(HEADERS), "{error}");
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_used_is_said() {
        for address in ["https://collector.example", "collector:4318", "http://"] {
            let error = start(address, HeaderMap::new(), "x".into())
                .unwrap_err()
                .to_string();
            assert!(error.contains(ENDPOINT), "{address}: {error}");
        }
    }
}
