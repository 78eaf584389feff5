//! How the processor is doing, for health checks.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Troubles = BTreeMap<&'static str, String>;

/// Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// By part.
    troubles: Arc<Mutex<Troubles>>,
    part: &'static str,
}

impl Status {
    /// Another part of the same processor: what goes right with one mends nothing of the other.
    pub(crate) fn part(&self, part: &'static str) -> Status {
        Status {
            troubles: Arc::clone(&self.troubles),
            part,
        }
    }

    pub(crate) fn succeeded(&self) {
        self.troubles().remove(self.part);
    }

    pub(crate) fn failed(&self, error: &impl fmt::Display) {
        metrics::counter!("kessai_alert_failures_total").increment(1);
        self.troubles().insert(self.part, error.to_string());
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong last, if it has not gone right since.
    pub fn trouble(&self) -> Option<String> {
        let troubles = self.troubles();
        let told: Vec<&str> = troubles.values().map(String::as_str).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_part_s_success_does_not_hide_another_s_failure() {
        let status = Status::default();
        let (reading, publishing) = (status.part("reading"), status.part("publishing"));
        reading.failed(&"no broker");
        publishing.failed(&"no topic");
        assert_eq!(status.trouble().as_deref(), Some("no topic; no broker"));
        publishing.succeeded();
        assert_eq!(status.trouble().as_deref(), Some("no broker"));
        reading.succeeded();
        assert_eq!(status.trouble(), None);
    }
}
