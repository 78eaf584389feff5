//! Figures for Prometheus.

use axum::{Router, http::header, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Upper edges of every histogram's buckets, in seconds: 0.5 ms to 30 s.
const BUCKETS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.25, 0.5, 1.0, 5.0, 10.0, 30.0,
];

/// The same for sagas, which wait for people and other services: 5 ms to an hour.
const SAGA_BUCKETS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

/// What was counted in this process.
#[derive(Clone, Debug)]
pub struct Telemetry {
    handle: PrometheusHandle,
}

impl Telemetry {
    /// Collects what this process counts from now on. Fails the second time in one process.
    pub fn install() -> Result<Telemetry, BuildError> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)?
            .set_buckets_for_metric(Matcher::Prefix("kessai_saga_".to_owned()), &SAGA_BUCKETS)?
            .install_recorder()?;
        describe();
        Ok(Telemetry { handle })
    }

    /// `GET /metrics`.
    pub fn router(&self) -> Router {
        let telemetry = self.clone();
        Router::new().route(
            "/metrics",
            get(async move || {
                (
                    [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
                    telemetry.render(),
                )
                    .into_response()
            }),
        )
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        if let Some(bytes) = resident_bytes() {
            metrics::gauge!("process_resident_memory_bytes").set(bytes);
        }
        self.handle.render()
    }

    /// Keeps histograms from growing between two readings, until `stop`.
    pub async fn upkeep(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(Duration::from_secs(5)))
            .await
            .is_some()
        {
            self.handle.run_upkeep();
        }
    }
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_gauge!(
        "process_resident_memory_bytes",
        Unit::Bytes,
        "Memory that the process keeps in RAM"
    );
    describe_gauge!("kessai_ws_connections", "Browsers connected to /ws/orders");
    describe_counter!("kessai_ws_pushes_total", "ORDER_UPDATED messages sent");
    describe_counter!(
        "kessai_ws_closed_total",
        "Connections that the server closed, by close code"
    );
    describe_counter!(
        "kessai_ws_refused_total",
        "Connections refused before the upgrade"
    );
    describe_counter!(
        "kessai_relay_events_total",
        "Events handed from the outbox to a log, by log"
    );
    describe_counter!(
        "kessai_relay_failures_total",
        "Attempts to hand events on that failed, by log"
    );
    describe_gauge!(
        "kessai_relay_lag_events",
        "Events in the outbox that a log has not got yet, by log"
    );
    describe_gauge!(
        "kessai_relay_oldest_seconds",
        Unit::Seconds,
        "Since the oldest of them was committed, by log"
    );
    describe_histogram!(
        "kessai_relay_delay_seconds",
        Unit::Seconds,
        "From an event's commit to its relay"
    );
    describe_counter!("kessai_schedule_claims_total", "Looks for due orders");
    describe_counter!(
        "kessai_schedule_claim_failures_total",
        "Looks for due orders that failed"
    );
    describe_counter!(
        "kessai_schedule_work_total",
        "Due orders worked on, by kind and outcome"
    );
    describe_histogram!(
        "kessai_schedule_work_seconds",
        Unit::Seconds,
        "Work on one due order, by kind"
    );
    describe_gauge!("kessai_schedule_running", "Due orders worked on now");
    describe_counter!("kessai_webhook_total", "PayPay's webhooks, by outcome");
    describe_histogram!(
        "kessai_webhook_duration_seconds",
        Unit::Seconds,
        "From a webhook to our answer, by outcome: PayPay waits 2 s"
    );
    describe_alerts();
    describe_sagas();
}

fn describe_alerts() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_counter!(
        "kessai_alert_events_total",
        "Events that the alert processor has read"
    );
    describe_counter!(
        "kessai_alerts_raised_total",
        "Alerts raised by the processor, by rule: look at any"
    );
    describe_counter!(
        "kessai_alert_dead_letters_total",
        "Events that the alert processor could not read"
    );
    describe_counter!(
        "kessai_alert_failures_total",
        "Batches of events that could not be taken in"
    );
    describe_gauge!(
        "kessai_alert_lag_events",
        Unit::Count,
        "Events that the alert processor has not read, by partition"
    );
    describe_gauge!(
        "kessai_alert_deadlines",
        Unit::Count,
        "Orders about which a rule speaks unless an event comes first"
    );
    describe_gauge!(
        "kessai_alert_kafka_up",
        "1 if Kafka said when last asked where its topics end, else 0"
    );
    describe_gauge!(
        "kessai_alert_partitions",
        Unit::Count,
        "Partitions of the events that this worker has"
    );
    describe_gauge!(
        "kessai_alert_unpublished",
        Unit::Count,
        "Alerts that their topic has not taken, told by the worker that publishes"
    );
}

fn describe_sagas() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("kessai_saga_started_total", "Sagas started, by machine");
    describe_counter!(
        "kessai_saga_finished_total",
        "Sagas that ended for good, by machine and status"
    );
    describe_counter!(
        "kessai_saga_compensated_total",
        "Sagas of which everything was undone, by machine"
    );
    describe_counter!(
        "kessai_saga_parked_total",
        "Sagas left to an operator, by machine: alert on any"
    );
    describe_counter!(
        "kessai_saga_recoveries_total",
        "Sagas that had stopped and were taken up again, by machine"
    );
    describe_counter!(
        "kessai_saga_archived_total",
        "Finished sagas moved to the archive"
    );
    describe_histogram!(
        "kessai_saga_duration_seconds",
        Unit::Seconds,
        "From a saga's start to its end, by machine and status"
    );
    describe_histogram!(
        "kessai_saga_state_duration_seconds",
        Unit::Seconds,
        "One state of a saga with all its tries, by machine, state and status"
    );
    describe_gauge!(
        "kessai_saga_in_flight",
        "Sagas that have not ended, by machine and phase"
    );
    describe_gauge!(
        "kessai_saga_oldest_seconds",
        Unit::Seconds,
        "Age of the oldest saga in flight, by machine and phase"
    );
    describe_gauge!(
        "kessai_clock_offset_seconds",
        Unit::Seconds,
        "What the database's clock is ahead of this machine's; negative if it is behind"
    );
    describe_counter!(
        "kessai_spans_dropped_total",
        "Spans that could not be sent to the collector"
    );
}

/// Resident memory, where the system says.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}
