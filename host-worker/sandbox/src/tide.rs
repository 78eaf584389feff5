//! The clock's own work: authorizations and questions to buyers end, and what buyers have agreed to is completed, without anybody looking.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::service::Service;

/// Between two looks: a clock that is set forward rings no bell. PayPay's times are whole seconds.
const PAUSE: Duration = Duration::from_millis(500);

/// Brings payments up to date until `stop` turns true.
pub(crate) async fn run(service: Arc<Service>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = service.let_time_pass().await {
            tracing::error!(%error, "payments could not be brought up to date with the clock");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            // An error means that the sandbox itself is gone.
            changed = stop.changed() => if changed.is_err() { break },
        }
    }
}
