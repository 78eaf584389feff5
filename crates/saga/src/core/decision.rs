//! The status with which a machine ends.

use super::execution::Execution;
use crate::instance::{Cursor, StateRun, StateType, Status};
use crate::service::{ErrorKind, ServiceError, name};

impl Execution<'_> {
    /// Ends the instance: with an error that nothing caught, through a `Fail` state, or plainly.
    pub(super) fn end(&mut self, error: Option<&ServiceError>, through_fail: bool) {
        // Compensation has set the status already, and its last word stands.
        if self.instance.status == Status::Running {
            let status = forward_status(&self.instance.states, error, through_fail);
            self.instance.status = status;
            if status == Status::Succeeded {
                self.instance.error = None;
                if self.instance.compensation_status.is_some() {
                    self.instance.compensation_status = Some(Status::Failed);
                    self.instance.compensation = None;
                }
            }
        }
        self.close();
    }

    pub(super) fn close(&mut self) {
        self.instance.cursor = Cursor::Ended;
        self.instance.ended_at = Some(self.now);
    }
}

fn forward_status(states: &[StateRun], error: Option<&ServiceError>, through_fail: bool) -> Status {
    let counted = || {
        states
            .iter()
            .filter(|run| !run.is_compensation() && !run.superseded)
    };
    if counted().any(|run| run.status == Status::Unknown) {
        return Status::Unknown;
    }
    let changed = counted().any(|run| {
        run.status == Status::Succeeded
            && run.for_update
            && matches!(run.kind, StateType::ServiceTask | StateType::SubStateMachine)
    });
    let unsuccessful = counted().any(|run| !matches!(run.status, Status::Succeeded | Status::Skipped));
    if unsuccessful || through_fail {
        return if changed { Status::Unknown } else { Status::Failed };
    }
    match error {
        None => Status::Succeeded,
        Some(error) if error.name == name::MACHINE_TIMED_OUT || changed => Status::Unknown,
        Some(error) if error.kind == ErrorKind::Timeout => Status::Unknown,
        Some(_) => Status::Failed,
    }
}
