//! What the parts of an instance need from the outside, put together.

use super::event::Command;
use crate::instance::Millis;
use crate::service::ServiceCall;

#[derive(Debug, Default)]
pub(super) struct Agenda {
    pub calls: Vec<ServiceCall>,
    awaited: Vec<String>,
    waits: bool,
    wake_at: Option<Millis>,
}

impl Agenda {
    pub(super) fn wake(&mut self, at: Millis) {
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }

    pub(super) fn wait(&mut self, names: impl Iterator<Item = String>, deadline: Millis) {
        for name in names {
            if !self.awaited.contains(&name) {
                self.awaited.push(name);
            }
        }
        self.waits = true;
        self.wake(deadline);
    }

    pub(super) fn command(self) -> Command {
        let Self {
            calls,
            awaited,
            waits,
            wake_at,
        } = self;
        match wake_at {
            _ if !calls.is_empty() => Command::Invoke { calls, wake_at },
            None => Command::Finished,
            Some(deadline) if waits => Command::WaitForEvent {
                names: awaited,
                deadline,
            },
            Some(until) => Command::Sleep { until },
        }
    }
}
