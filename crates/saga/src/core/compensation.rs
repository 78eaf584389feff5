//! Undoing what was done, last first.

use std::borrow::Cow;

use super::execution::Execution;
use crate::definition::{State, StateMachine, Task, Work};
use crate::instance::{Compensation, Cursor, Instance, StateRun, Status};
use crate::step_id::StepId;

/// Begins the name of the compensation of a sub-machine's state that names none, as in Seata.
const DEFAULT_COMPENSATION: &str = "_compensate_sub_machine_state_";

impl<'a> Execution<'a> {
    /// A `CompensationTrigger` was entered. With nothing to compensate it is passed through, leaving no trace.
    pub(super) fn trigger_compensation(&mut self, name: &str) {
        if to_compensate(self.machine, self.instance).is_empty() {
            let next = self.next_of_trigger(name);
            return self.go(next);
        }
        if self.instance.status == Status::Running {
            self.instance.status = Status::Unknown;
        }
        self.begin_compensation(Some(name.to_owned()));
    }

    fn next_of_trigger(&self, name: &str) -> Option<&'a str> {
        let machine: &'a StateMachine = self.machine;
        match machine.states.get(name) {
            Some(State::CompensationTrigger { next }) => next.as_deref(),
            _ => None,
        }
    }

    pub(super) fn begin_compensation(&mut self, trigger: Option<String>) {
        let stack = to_compensate(self.machine, self.instance);
        self.instance.compensation_status = Some(Status::Running);
        self.instance.compensation = Some(Compensation { stack, trigger });
        self.instance.cursor = Cursor::Compensating;
    }

    pub(super) fn compensate_next(&mut self) {
        let machine: &'a StateMachine = self.machine;
        let Some(action) = self
            .instance
            .compensation
            .as_ref()
            .and_then(|c| c.stack.last().copied())
        else {
            return self.all_compensated();
        };
        let action = &self.instance.states[action];
        let Some((name, task)) = compensation_of(machine, action.state_name()) else {
            // `verify` and the checks at load leave no such run; dropping it is better than going round for ever.
            self.pop_compensated();
            return;
        };
        let (action_id, iteration) = (action.step_id.clone(), action.iteration.clone());
        let mut earlier = self.instance.states.iter();
        let last = earlier.rposition(|run| run.compensated_for.as_ref() == Some(&action_id));
        let (ordinal, input) = match last.map(|last| &self.instance.states[last]) {
            None => (1, Vec::new()),
            // The same step must come with the same arguments.
            Some(last) if !last.is_refused() => (last.ordinal, last.input.clone()),
            Some(last) => (last.ordinal + 1, Vec::new()),
        };
        if let Some(last) = last {
            self.retire(
                last,
                task.update_on_compensate.unwrap_or(machine.update_on_compensate),
            );
        }
        let step_id = StepId::compensation(&action_id, &name, ordinal);
        let run = self.push_run(&name, task.kind(), true, step_id, ordinal, iteration);
        self.instance.states[run].compensated_for = Some(action_id);
        if input.is_empty() {
            self.begin(run, task);
        } else {
            self.instance.states[run].input = input;
            self.begin_work(run, task);
        }
    }

    pub(super) fn compensation_ended(&mut self, run: usize) {
        if self.instance.states[run].status != Status::Succeeded {
            return self.compensation_stopped(run);
        }
        if let Some(action) = self.pop_compensated() {
            self.instance.states[action].compensation_status = Some(Status::Succeeded);
        }
        self.instance.cursor = Cursor::Compensating;
    }

    fn pop_compensated(&mut self) -> Option<usize> {
        self.instance
            .compensation
            .as_mut()
            .and_then(|compensation| compensation.stack.pop())
    }

    /// What stands before a step that could not be undone must not be undone either: the instance ends here, to be repaired.
    pub(super) fn compensation_stopped(&mut self, run: usize) {
        let status = self.instance.states[run].status;
        if let Some(&action) = self.instance.compensation.as_ref().and_then(|c| c.stack.last()) {
            self.instance.states[action].compensation_status = Some(status);
        }
        self.instance.error = self.instance.states[run]
            .error
            .clone()
            .or(self.instance.error.take());
        let touched =
            |run: &StateRun| matches!(run.compensation_status, Some(Status::Succeeded | Status::Unknown));
        let any = self.instance.states.iter().any(touched);
        self.instance.compensation_status = Some(if any { Status::Unknown } else { Status::Failed });
        self.close();
    }

    fn all_compensated(&mut self) {
        let trigger = self
            .instance
            .compensation
            .take()
            .and_then(|compensation| compensation.trigger);
        self.instance.compensation_status = Some(Status::Succeeded);
        match trigger {
            Some(name) => {
                let next = self.next_of_trigger(&name);
                self.go(next);
            }
            None => self.close(),
        }
    }

    /// A new run is about to take the place of an old one.
    pub(super) fn retire(&mut self, run: usize, remove: bool) {
        if !remove {
            self.instance.states[run].superseded = true;
            return;
        }
        self.instance.states.remove(run);
        let Instance {
            compensation,
            looping,
            ..
        } = &mut *self.instance;
        let stack = compensation
            .iter_mut()
            .flat_map(|compensation| &mut compensation.stack);
        let looping = looping.iter_mut().flat_map(|looping| {
            let active = looping.active.iter_mut().map(|strand| &mut strand.run);
            active.chain(looping.errors.iter_mut().map(|error| &mut error.run))
        });
        for index in stack.chain(looping) {
            *index -= usize::from(*index > run);
        }
    }
}

/// The state that compensates another one; for a sub-machine without one, what compensates its instance.
pub(super) fn compensation_of<'m>(
    machine: &'m StateMachine,
    state: &str,
) -> Option<(Cow<'m, str>, &'m Task)> {
    let task = machine.task(state)?;
    match &task.compensate_state {
        Some(name) => Some((Cow::Borrowed(name), machine.task(name)?)),
        None if matches!(task.work, Work::SubMachine(_)) => Some((
            Cow::Owned(format!("{DEFAULT_COMPENSATION}{state}")),
            Task::compensating_a_child(),
        )),
        None => None,
    }
}

/// In order of completion.
fn to_compensate(machine: &StateMachine, instance: &Instance) -> Vec<usize> {
    let needed = |run: &StateRun| {
        matches!(run.status, Status::Succeeded | Status::Unknown)
            && !run.is_compensation()
            && !run.superseded
            && run.compensation_status != Some(Status::Succeeded)
            && compensation_of(machine, run.state_name()).is_some()
    };
    let runs = instance.states.iter().enumerate();
    let mut stack: Vec<usize> = runs
        .filter(|(_, run)| needed(run))
        .map(|(index, _)| index)
        .collect();
    // Stable: runs that were stored before there were numbers stay in their order, in which they were completed too.
    stack.sort_by_key(|index| instance.states[*index].completed);
    stack
}
