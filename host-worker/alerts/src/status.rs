//! How the processor is doing, for health checks.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<Option<String>>>);

impl Status {
    pub(crate) fn succeeded(&self) {
        self.set(None);
    }

    pub(crate) fn failed(&self, error: &impl fmt::Display) {
        metrics::counter!("kessai_alert_failures_total").increment(1);
        self.set(Some(error.to_string()));
    }

    fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What went wrong last, if it has not gone right since.
    pub fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
