//! The lines of `components/webhook/src/journal.rs`, counted.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The component that takes webhooks.
pub(super) const COMPONENT: &str = "webhook";

/// What became of one webhook.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    event: String,
    /// One of a few fixed words, whatever the sender wrote.
    outcome: String,
    /// Milliseconds, from the request to its answer.
    duration_ms: f64,
}

/// Puts a line into the figures, if it tells of a webhook.
pub(super) fn count(fields: &Map<String, Value>) {
    let Ok(Received {
        event,
        outcome,
        duration_ms,
    }) = Received::deserialize(fields)
    else {
        return;
    };
    if event == "webhook" {
        metrics::counter!("kessai_webhook_total", "outcome" => outcome.clone()).increment(1);
        metrics::histogram!("kessai_webhook_duration_seconds", "outcome" => outcome)
            .record(duration_ms / 1e3);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use serde_json::json;

    #[test]
    fn webhooks_are_counted_by_outcome() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            for line in [
                json!({"event": "webhook", "outcome": "applied", "durationMs": 500, "state": "COMPLETED"}),
                json!({"event": "webhook", "outcome": "applied", "durationMs": 1500.0}),
                json!({"event": "webhook", "outcome": "forbidden", "durationMs": 0.25, "detail": "no"}),
                json!({"event": "webhook", "outcome": "lost"}),
                json!({"event": "request_failed", "outcome": "internal", "durationMs": 1}),
            ] {
                count(line.as_object().unwrap());
            }
        });
        let figures = handle.render();
        for line in [
            "kessai_webhook_total{outcome=\"applied\"} 2",
            "kessai_webhook_total{outcome=\"forbidden\"} 1",
            "kessai_webhook_duration_seconds_sum{outcome=\"applied\"} 2",
        ] {
            assert!(figures.contains(line), "{line}\n{figures}");
        }
        assert!(
            !figures.contains("lost") && !figures.contains("internal"),
            "{figures}"
        );
    }
}
