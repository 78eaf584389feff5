//! What an operator, or a recovery on their behalf, can do with an instance that has ended.

use super::compensation::round_after;
use super::event::AdvanceError;
use super::execution::Execution;
use crate::definition::State;
use crate::instance::{Cursor, StateRun, Status};
use crate::step_id::StepId;

impl<'a> Execution<'a> {
    /// Resumes at the state that failed, or after the last one that succeeded. A success stays as it is.
    pub(super) fn forward(&mut self) -> Result<(), AdvanceError> {
        self.must_have_ended()?;
        if self.instance.status == Status::Succeeded {
            return Ok(());
        }
        let last = self.last_action();
        self.must_not_redo_what_was_undone(last)?;
        let Some(last) = last else {
            self.reopen(Cursor::Enter {
                state: self.machine.start_state.clone(),
            });
            return Ok(());
        };
        let run = &self.instance.states[last];
        if matches!(run.status, Status::Succeeded | Status::Skipped) {
            if let Some(state) = run.next.clone() {
                self.reopen(Cursor::Enter { state });
            }
            return Ok(());
        }
        self.repeat(last);
        Ok(())
    }

    /// Enters a failed state again. Where the service may have acted, under the same step id.
    fn repeat(&mut self, last: usize) {
        let old = self.instance.states[last].clone();
        let name = old.name.clone();
        self.reopen(Cursor::Enter { state: name.clone() });
        self.retire(last, self.machine.update_on_retry);
        if let Some(State::Service(task)) = self.machine.states.get(&name) {
            let ordinal = round_after(&old);
            let step_id = StepId::action(&self.instance.id, &name, ordinal);
            let run = self.push_run(&name, old.kind, task.for_update, step_id, ordinal);
            if ordinal == old.ordinal && !old.input.is_empty() {
                // The same step id must come with the same arguments.
                self.instance.states[run].input = old.input;
                self.instance.cursor = Cursor::Invoking { run, attempt: 1 };
            } else {
                self.begin_call(run, task);
            }
        }
    }

    /// Compensates what is not compensated yet; after a trigger, goes on to the trigger's `Next`.
    pub(super) fn compensate(&mut self) -> Result<(), AdvanceError> {
        self.must_have_ended()?;
        if self.instance.compensation_status == Some(Status::Succeeded) {
            return Err(AdvanceError::AlreadyCompensated);
        }
        let trigger = self
            .instance
            .compensation
            .take()
            .and_then(|compensation| compensation.trigger);
        self.instance.ended_at = None;
        self.begin_compensation(trigger);
        Ok(())
    }

    pub(super) fn skip_and_forward(&mut self) -> Result<(), AdvanceError> {
        self.must_have_ended()?;
        let last = self.last_action();
        let failed = last.filter(|&last| {
            !matches!(
                self.instance.states[last].status,
                Status::Succeeded | Status::Skipped
            )
        });
        let Some(failed) = failed else {
            return self.forward();
        };
        self.must_not_redo_what_was_undone(last)?;
        let name = self.instance.states[failed].name.clone();
        let next = match self.machine.states.get(&name) {
            Some(State::Service(task)) => task.next.clone(),
            Some(State::Script(task)) => task.next.clone(),
            _ => return Err(AdvanceError::CannotSkip { state: name }),
        };
        self.instance.states[failed].status = Status::Skipped;
        self.instance.compensation = None;
        self.instance.status = Status::Running;
        self.instance.ended_at = None;
        self.go_from(failed, next.as_deref());
        Ok(())
    }

    fn reopen(&mut self, cursor: Cursor) {
        self.instance.compensation = None;
        self.instance.status = Status::Running;
        self.instance.ended_at = None;
        self.instance.cursor = cursor;
    }

    fn last_action(&self) -> Option<usize> {
        self.instance
            .states
            .iter()
            .rposition(|run| !run.is_compensation() && !run.superseded)
    }

    fn must_have_ended(&self) -> Result<(), AdvanceError> {
        if self.instance.is_ended() {
            Ok(())
        } else {
            Err(AdvanceError::NotEnded)
        }
    }

    /// When all was compensated, only what came after the compensation can be repeated.
    fn must_not_redo_what_was_undone(&self, last: Option<usize>) -> Result<(), AdvanceError> {
        let undone = self.instance.compensation_status == Some(Status::Succeeded);
        let last_undoing = self.instance.states.iter().rposition(StateRun::is_compensation);
        if undone && last <= last_undoing {
            Err(AdvanceError::AlreadyCompensated)
        } else {
            Ok(())
        }
    }
}
