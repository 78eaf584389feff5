//! Undoing what was done, last first.

use super::execution::Execution;
use crate::definition::{State, StateMachine};
use crate::instance::{Compensation, Cursor, Instance, StateRun, StateType, Status};
use crate::step_id::StepId;

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
        let name = machine.states.get(&action.name).and_then(State::compensate_state);
        let Some((name, State::Service(task))) =
            name.and_then(|name| Some((name, machine.states.get(name)?)))
        else {
            // `verify` and the checks at load leave no such run; dropping it is better than going round for ever.
            self.pop_compensated();
            return;
        };
        let action_id = action.step_id.clone();
        let last = self
            .instance
            .states
            .iter()
            .rposition(|run| run.compensated_for.as_ref() == Some(&action_id));
        let ordinal = last.map_or(1, |last| round_after(&self.instance.states[last]));
        if let Some(last) = last {
            self.retire(last, self.machine.update_on_compensate);
        }
        let step_id = StepId::compensation(&action_id, name, ordinal);
        let run = self.push_run(name, StateType::ServiceTask, true, step_id, ordinal);
        self.instance.states[run].compensated_for = Some(action_id);
        self.begin_call(run, task);
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
        for index in self
            .instance
            .compensation
            .iter_mut()
            .flat_map(|compensation| &mut compensation.stack)
        {
            *index -= usize::from(*index > run);
        }
    }
}

/// A refusal was recorded under its step id for ever, so the next round needs a new one; anything else must keep its id, or
/// an effect that did take place would come twice.
pub(super) fn round_after(run: &StateRun) -> u32 {
    run.ordinal + u32::from(run.is_refused())
}

/// In order of completion. Runs are in that order already: an instance does one thing at a time, and a run that is repeated
/// moves to the end.
fn to_compensate(machine: &StateMachine, instance: &Instance) -> Vec<usize> {
    let needed = |run: &StateRun| {
        matches!(run.status, Status::Succeeded | Status::Unknown)
            && !run.is_compensation()
            && !run.superseded
            && run.compensation_status != Some(Status::Succeeded)
            && machine
                .states
                .get(&run.name)
                .and_then(State::compensate_state)
                .is_some()
    };
    instance
        .states
        .iter()
        .enumerate()
        .filter(|(_, run)| needed(run))
        .map(|(index, _)| index)
        .collect()
}
