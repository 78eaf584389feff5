//! What the developer does: faults and replays.

use serde_json::Value;

use super::Service;
use crate::books::{BooksError, Delivery, Outcome};
use crate::faults::{self, Faults, FaultsError};

/// Why faults were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error(transparent)]
    Faults(#[from] FaultsError),
    #[error(transparent)]
    Books(#[from] BooksError),
}

impl Service {
    /// Puts `change` over the faults of one payment, or of all, on disk first, and returns what is in force.
    pub(crate) async fn change_faults(
        &self,
        payment: Option<String>,
        change: &Value,
    ) -> Result<Faults, ChangeError> {
        let faults = self.faults.changed(payment.as_deref(), change)?;
        let row = payment.clone();
        self.books
            .run(move |db| faults::store(db, row.as_deref(), &faults))
            .await?;
        let anew = change.get("seed").is_some();
        self.faults.put(payment.as_deref(), faults, anew);
        Ok(faults)
    }

    /// Takes a payment's own faults away. `false`: it had none.
    pub(crate) async fn forget_faults(&self, payment: String) -> Result<bool, BooksError> {
        let row = payment.clone();
        let had = self.books.run(move |db| faults::forget(db, &row)).await?;
        self.faults.remove(&payment);
        Ok(had)
    }

    /// Sends a webhook again, as it was, once and without faults. `None`: no such webhook.
    pub(crate) async fn replay(&self, id: i64) -> Result<Option<i64>, BooksError> {
        let now = self.config.clock.millis();
        let again = self
            .books
            .run(move |db| {
                let Some(first) = Delivery::find(db, id)? else {
                    return Ok(None);
                };
                let faults = format!("replay of {id}");
                let again = Delivery {
                    outcome: Outcome::Pending,
                    faults,
                    due_at: now,
                    created_at: now,
                    ..first
                };
                again.insert(db).map(Some)
            })
            .await;
        self.mail.notify_one();
        again
    }
}
