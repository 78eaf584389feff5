//! When deadlines may fire by this machine's clock.

use domain::Instant;
use std::time::Duration;

/// Whether this machine's clock may let deadlines fire. Not while outboxes are being emptied: then what explains an event may still wait in one, however well
/// the topics are read to their end.
pub(super) struct Clock {
    settling: Duration,
    /// `None`: Kafka does not answer.
    counts_from: Option<Instant>,
}

impl Clock {
    pub(super) fn new(settling: Duration) -> Clock {
        Clock {
            settling,
            counts_from: None,
        }
    }

    pub(super) fn lost(&mut self) {
        self.counts_from = None;
    }

    /// Kafka answered a question of `asked_at`.
    pub(super) fn answered(&mut self, asked_at: Instant) {
        self.counts_from
            .get_or_insert_with(|| asked_at.plus(self.settling));
    }

    /// Events come that waited long to be told.
    pub(super) fn delayed(&mut self) {
        if self.counts_from.is_some() {
            self.counts_from = Some(Instant::now().plus(self.settling));
        }
    }

    pub(super) fn counts(&self, at: Instant) -> bool {
        self.counts_from.is_some_and(|from| from <= at)
    }
}
