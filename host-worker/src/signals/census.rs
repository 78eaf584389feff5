//! How many sagas are in flight, and since when: a count of the table, since what is in it may be another worker's.

use domain::Instant;
use kessai_host::sagas::{CensusLine, Sagas};
use std::{collections::BTreeSet, time::Duration};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(15);
/// Phases of sagas that have ended for good.
const FINAL: [&str; 3] = ["SUCCEEDED", "FAILED", "COMPENSATED"];

/// Counts until `stop`.
pub(crate) async fn watch(sagas: Sagas, stop: CancellationToken) {
    let mut gauges = Gauges::default();
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        match sagas.census().await {
            Ok(lines) => gauges.set(&lines, Instant::now()),
            Err(error) => tracing::warn!(component = "worker", %error, "sagas not counted"),
        }
    }
}

/// The gauges that show something.
#[derive(Default)]
struct Gauges {
    /// Machine and phase.
    shown: BTreeSet<(String, String)>,
}

impl Gauges {
    fn set(&mut self, lines: &[CensusLine], now: Instant) {
        let mut gone = std::mem::take(&mut self.shown);
        for line in lines.iter().filter(|line| !FINAL.contains(&line.phase.as_str())) {
            let since = Instant::from_millis(i64::try_from(line.oldest).unwrap_or(i64::MAX));
            show(&line.machine, &line.phase, line.count, now.since(since));
            let key = (line.machine.clone(), line.phase.clone());
            gone.remove(&key);
            self.shown.insert(key);
        }
        // What the census does not name any more is none, and not as many as last time.
        for (machine, phase) in gone {
            show(&machine, &phase, 0, Duration::ZERO);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "2^53 sagas are not counted here")]
fn show(machine: &str, phase: &str, count: u64, oldest: Duration) {
    let labels = [("machine", machine.to_owned()), ("phase", phase.to_owned())];
    metrics::gauge!("kessai_saga_in_flight", &labels).set(count as f64);
    metrics::gauge!("kessai_saga_oldest_seconds", &labels).set(oldest.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics_exporter_prometheus::PrometheusBuilder;

    fn line(phase: &str, count: u64, oldest: u64) -> CensusLine {
        CensusLine {
            machine: "m".to_owned(),
            phase: phase.to_owned(),
            count,
            oldest,
        }
    }

    #[test]
    fn what_is_in_flight_is_shown_and_what_is_gone_is_none() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            let mut gauges = Gauges::default();
            let now = Instant::from_millis(10_000);
            gauges.set(
                &[
                    line("PARKED", 2, 4_000),
                    line("WAITING", 7, 9_500),
                    line("SUCCEEDED", 900, 0),
                ],
                now,
            );
            let shown = handle.render();
            assert!(
                shown.contains("kessai_saga_in_flight{machine=\"m\",phase=\"PARKED\"} 2"),
                "{shown}"
            );
            assert!(
                shown.contains("kessai_saga_oldest_seconds{machine=\"m\",phase=\"WAITING\"} 0.5"),
                "{shown}"
            );
            assert!(!shown.contains("SUCCEEDED"), "{shown}");

            gauges.set(&[line("WAITING", 1, 10_000)], now);
            let shown = handle.render();
            assert!(
                shown.contains("kessai_saga_in_flight{machine=\"m\",phase=\"PARKED\"} 0"),
                "{shown}"
            );
            assert!(
                shown.contains("kessai_saga_in_flight{machine=\"m\",phase=\"WAITING\"} 1"),
                "{shown}"
            );
        });
    }
}
