//! The lines of `components/order/src/sagas/journal.rs`, read and counted.

use serde::Deserialize;
use serde_json::{Map, Value};

/// What a saga told. Members that nothing here needs are left unread.
#[derive(Debug, Deserialize)]
#[serde(tag = "event")]
pub(super) enum Line {
    #[serde(rename = "saga_started")]
    Started { machine: String },
    #[serde(rename = "saga_transitions")]
    Transitions(Transitions),
    #[serde(rename = "saga_finished")]
    Finished(Finished),
    #[serde(rename = "saga_recovered")]
    Recovered { machine: String },
    #[serde(rename = "saga_parked")]
    Parked { machine: String },
}

/// States that ended, one after the other.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transitions {
    pub(super) saga_id: String,
    pub(super) trace_id: Option<String>,
    pub(super) parent_span_id: Option<String>,
    pub(super) transitions: Vec<Transition>,
}

/// A state that ended.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transition {
    pub(super) machine: String,
    pub(super) state: String,
    pub(super) state_type: String,
    pub(super) step_id: String,
    /// Seata's: `SU`, `FA`, `UN`, `SK`.
    pub(super) status: String,
    /// The error's name, if there was one.
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) retries: u64,
    #[serde(default)]
    pub(super) compensation: bool,
    /// Epoch milliseconds.
    pub(super) started_at: u64,
    /// Milliseconds.
    pub(super) duration_ms: u64,
}

/// A saga that ended, for good or until it is tried again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finished {
    machine: String,
    status: String,
    phase: String,
    /// Milliseconds, from the saga's start.
    duration_ms: Option<u64>,
}

impl Line {
    /// `None` for a line about something else.
    pub(super) fn read(fields: &Map<String, Value>) -> Option<Line> {
        let event = fields.get("event")?.as_str()?;
        if !event.starts_with("saga_") {
            return None;
        }
        Line::deserialize(fields).ok()
    }
}

/// Puts a line into the figures.
pub(super) fn count(line: &Line) {
    match line {
        Line::Started { machine } => counter("kessai_saga_started_total", machine),
        Line::Transitions(line) => {
            for transition in &line.transitions {
                metrics::histogram!(
                    "kessai_saga_state_duration_seconds",
                    "machine" => transition.machine.clone(),
                    "state" => without_iteration(&transition.state).to_owned(),
                    "status" => transition.status.clone(),
                )
                .record(seconds(transition.duration_ms));
            }
        }
        Line::Finished(finished) => count_finished(finished),
        Line::Recovered { machine } => counter("kessai_saga_recoveries_total", machine),
        Line::Parked { machine } => counter("kessai_saga_parked_total", machine),
    }
}

fn count_finished(finished: &Finished) {
    match finished.phase.as_str() {
        "SUCCEEDED" | "FAILED" => {}
        "COMPENSATED" => counter("kessai_saga_compensated_total", &finished.machine),
        // It stopped, and will be tried again: no end yet.
        _ => return,
    }
    let labels = [
        ("machine", finished.machine.clone()),
        ("status", finished.status.clone()),
    ];
    metrics::counter!("kessai_saga_finished_total", &labels).increment(1);
    if let Some(duration) = finished.duration_ms {
        metrics::histogram!("kessai_saga_duration_seconds", &labels).record(seconds(duration));
    }
}

fn counter(name: &'static str, machine: &str) {
    metrics::counter!(name, "machine" => machine.to_owned()).increment(1);
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a duration of 2^53 ms is 285,000 years"
)]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1e3
}

/// The state of an iteration is `Name-loop-N`; a loop of a thousand must not make a thousand time series.
pub(super) fn without_iteration(state: &str) -> &str {
    match state.rsplit_once("-loop-") {
        Some((name, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            name
        }
        _ => state,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use serde_json::json;

    /// What Prometheus would read after these lines.
    fn figures(lines: &[Value]) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            for line in lines {
                if let Some(line) = Line::read(line.as_object().unwrap()) {
                    count(&line);
                }
            }
        });
        handle.render()
    }

    fn transition(state: &str, millis: u64) -> Value {
        json!({"machine": "m", "state": state, "stateType": "ServiceTask", "stepId": "s", "status": "SU", "retries": 0, "compensation": false,
               "startedAt": 1, "durationMs": millis})
    }

    fn transitions(all: &[Value]) -> Value {
        json!({"event": "saga_transitions", "sagaId": "S1", "transitions": all})
    }

    fn finished(phase: &str, status: &str) -> Value {
        json!({"event": "saga_finished", "sagaId": "S1", "machine": "m", "status": status, "phase": phase, "durationMs": 2000})
    }

    #[test]
    fn each_line_is_counted_by_machine() {
        let about = |event: &str| json!({"event": event, "sagaId": "S1", "machine": "m", "more": [1]});
        let figures = figures(&[
            about("saga_started"),
            about("saga_started"),
            about("saga_recovered"),
            about("saga_parked"),
            finished("SUCCEEDED", "SU"),
            finished("COMPENSATED", "UN"),
        ]);
        for line in [
            "kessai_saga_started_total{machine=\"m\"} 2",
            "kessai_saga_recoveries_total{machine=\"m\"} 1",
            "kessai_saga_parked_total{machine=\"m\"} 1",
            "kessai_saga_finished_total{machine=\"m\",status=\"SU\"} 1",
            "kessai_saga_finished_total{machine=\"m\",status=\"UN\"} 1",
            "kessai_saga_compensated_total{machine=\"m\"} 1",
            "kessai_saga_duration_seconds_sum{machine=\"m\",status=\"SU\"} 2",
        ] {
            assert!(figures.contains(line), "{line}\n{figures}");
        }
    }

    #[test]
    fn a_saga_that_will_be_tried_again_has_not_finished() {
        let figures = figures(&[finished("RECOVERING", "UN"), finished("PARKED", "UN")]);
        assert_eq!(figures.trim(), "");
    }

    #[test]
    fn iterations_of_a_loop_are_one_state() {
        let figures = figures(&[
            transitions(&[transition("Ship-loop-0", 500), transition("Ship-loop-1", 1000)]),
            transitions(&[transition("Ship-loop-999", 1500)]),
        ]);
        assert!(
            figures.contains(
                "kessai_saga_state_duration_seconds_sum{machine=\"m\",state=\"Ship\",status=\"SU\"} 3"
            ),
            "{figures}"
        );
        assert!(!figures.contains("-loop-"), "{figures}");
        for state in ["Ship-loop-", "Ship-loop-x", "-loop", "Ship"] {
            assert_eq!(without_iteration(state), state);
        }
    }

    #[test]
    fn lines_about_other_things_and_broken_ones_are_let_pass() {
        let figures = figures(&[
            json!({"event": "session_created", "machine": "m"}),
            json!({"event": "saga_started"}),
            json!({"event": "saga_steered", "machine": "m"}),
            json!({"message": "saga_started", "machine": "m"}),
        ]);
        assert_eq!(figures.trim(), "");
    }
}
