//! What an operator, or a recovery on their behalf, can do with an instance that has ended.

use super::event::AdvanceError;
use super::execution::Execution;
use crate::definition::{RecoverStrategy, StateMachine, Task};
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
        if self.is_in_failed_loop(last) {
            self.reopen(Cursor::Looping);
            self.resume_loop();
            return Ok(());
        }
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
        let machine: &'a StateMachine = self.machine;
        let name = self.instance.states[last].name.clone();
        self.reopen(Cursor::Enter { state: name.clone() });
        match machine.task(&name) {
            Some(task) if task.repeat.is_none() => self.repeat_run(last, task),
            _ => self.retire(last, machine.update_on_retry),
        }
    }

    /// Puts a new run in the place of one that did not succeed, or was undone.
    pub(super) fn repeat_run(&mut self, run: usize, task: &'a Task) {
        let forwarded = self.in_child(run, |child| child.forward());
        // A sub-machine that was undone stays where it was, and another one begins.
        let begins_anew = matches!(forwarded, Some(Err(_)));
        let old = &mut self.instance.states[run];
        let child = if begins_anew { None } else { old.child.take() };
        let (ordinal, name, kind) = (old.ordinal, old.name.clone(), old.kind);
        let (input, iteration) = (old.input.clone(), old.iteration.clone());
        let for_update = task.for_update() || old.for_update;
        // What was refused is recorded as such under its step id for ever, and what was undone is blocked; anything else must keep its id,
        // or an effect that did take place would come twice.
        let undone = old.compensation_status == Some(Status::Succeeded);
        let anew = begins_anew || undone || old.is_refused();
        self.retire(run, task.update_on_retry.unwrap_or(self.machine.update_on_retry));
        let ordinal = ordinal + u32::from(anew);
        let step_id = StepId::action(&self.instance.id, &name, ordinal);
        let run = self.push_run(&name, kind, for_update, step_id, ordinal, iteration);
        if child.is_some() {
            self.instance.states[run].child = child;
            self.instance.states[run].input = input;
            self.went_forward(run, task, 2, forwarded);
        } else if !anew && !input.is_empty() {
            // The same step must come with the same arguments.
            self.instance.states[run].input = input;
            self.begin_work(run, task);
        } else {
            self.begin(run, task);
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
        if let Some(last) = last.filter(|&last| self.is_in_failed_loop(last)) {
            self.must_not_redo_what_was_undone(Some(last))?;
            self.reopen(Cursor::Looping);
            let next = self.skip_loop();
            self.go(next);
            return Ok(());
        }
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
        let state = self.instance.states[failed].state_name().to_owned();
        let Some(task) = self.task_of(failed) else {
            return Err(AdvanceError::CannotSkip { state });
        };
        self.reopen(Cursor::Enter { state });
        self.instance.states[failed].status = Status::Skipped;
        self.go_from(failed, task.next.as_deref());
        Ok(())
    }

    /// What the machine says is to be done by itself with an instance that ended unsettled. Where that cannot be done, the instance is
    /// left to an operator.
    pub(super) fn recover(&mut self) -> Result<(), AdvanceError> {
        match self.instance.recover_at {
            None => return Err(AdvanceError::NothingToRecover),
            Some(deadline) if deadline > self.now => return Err(AdvanceError::TooEarly { deadline }),
            Some(_) => {}
        }
        let begun = self.instance.compensation_status.is_some();
        let done = match self.machine.recover_strategy {
            RecoverStrategy::Forward if !begun => self.forward(),
            _ => self.compensate(),
        };
        self.instance.recover_at = None;
        match done {
            Ok(()) => self.instance.recoveries += 1,
            Err(_) => self.instance.parked_at = Some(self.now),
        }
        Ok(())
    }

    /// An operator has set it going: what was tried by itself before counts no more.
    pub(super) fn forget_recoveries(&mut self) {
        self.instance.recoveries = 0;
        self.instance.recover_at = None;
        self.instance.parked_at = None;
    }

    /// Plans the recovery of an instance that ended unsettled, or parks it.
    pub(super) fn plan_recovery(&mut self) {
        if !self.instance.is_ended() || self.instance.is_settled() || self.instance.is_parked() {
            return;
        }
        let pause = self
            .machines
            .recovery
            .pause(&self.instance.id, self.instance.recoveries);
        self.instance.recover_at = pause.map(|pause| self.now.saturating_add(pause));
        if pause.is_none() {
            self.instance.parked_at = Some(self.now);
        }
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
