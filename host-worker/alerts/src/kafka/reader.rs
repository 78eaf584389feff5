//! A consumer and its desk, made anew after each failure that a repeat does not mend.

use super::{
    KafkaAlertsError, KafkaConfig, clock::Clock, desk::Desk, ends::Watch, group::Done, intake::Intake,
};
use crate::{status::Status, store::Store};
use kessai_relay::kafka::KafkaSettings;
use std::time::Duration;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time,
};
use tokio_util::sync::CancellationToken;

/// Batches between the thread that reads and those who take them in: one to do, one to come.
const BATCHES: usize = 1;
/// To commit what is in hand and to leave the group.
const FAREWELL: Duration = Duration::from_secs(5);

pub(super) struct Reader<'a> {
    pub(super) settings: &'a KafkaSettings,
    pub(super) store: &'a Store,
    pub(super) config: &'a KafkaConfig,
    pub(super) status: &'a Status,
    /// Told of alerts that were raised.
    pub(super) raised: &'a Notify,
}

impl Reader<'_> {
    /// Runs until `stop`.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        let mut failures: u32 = 0;
        let mut clock = Clock::new(self.config.settling);
        while !stop.is_cancelled() {
            if let Err(error) = self.read(&mut clock, stop, &mut failures).await {
                failures = failures.saturating_add(1);
                if let KafkaAlertsError::Kafka(_) = &error {
                    clock.lost();
                }
                self.status.failed(&error);
                tracing::warn!(component = "alerts", %error, failures, "events not taken in; trying again");
                let wait = self.config.wait(failures);
                let _ = stop.run_until_cancelled(time::sleep(wait)).await;
            }
        }
    }

    /// With one consumer, for as long as that does.
    async fn read(
        &self,
        clock: &mut Clock,
        stop: &CancellationToken,
        failures: &mut u32,
    ) -> Result<(), KafkaAlertsError> {
        let watch = Watch::new(self.settings)?;
        let done = Done::default();
        let (steps, received) = mpsc::channel(BATCHES);
        // Also when this is dropped: the thread must not read on for nobody.
        let ends = stop.child_token();
        let _guard = ends.clone().drop_guard();
        let intake = Intake::join(self, &watch, (steps, done.clone()), ends)?;
        let (answer, answered) = oneshot::channel();
        std::thread::Builder::new()
            .name("alerts-intake".to_owned())
            .spawn(move || {
                // Whoever waited may be gone.
                let _ = answer.send(intake.read());
            })
            .map_err(|error| KafkaAlertsError::Thread(error.to_string()))?;
        let work = async {
            let desk = Desk::new(self, watch, done, clock, failures);
            desk.work(received).await?;
            outcome(answered).await
        };
        within_farewell(work, stop).await
    }
}

/// Of a thread of ours.
pub(super) async fn outcome(
    answered: oneshot::Receiver<Result<(), KafkaAlertsError>>,
) -> Result<(), KafkaAlertsError> {
    answered
        .await
        .unwrap_or_else(|_| Err(KafkaAlertsError::Thread("a panic".to_owned())))
}

/// A consumer that is closed waits for the brokers, also where none answers. What it would still say to them is not worth a worker's end.
pub(super) async fn within_farewell(
    work: impl Future<Output = Result<(), KafkaAlertsError>>,
    stop: &CancellationToken,
) -> Result<(), KafkaAlertsError> {
    let patience = async {
        stop.cancelled().await;
        time::sleep(FAREWELL).await;
    };
    tokio::select! {
        outcome = work => outcome,
        () = patience => {
            tracing::warn!(component = "alerts", "left without a word from Kafka");
            Ok(())
        }
    }
}
