//! Calling services: inputs, outcomes, retries, catches.

use serde_json::Value;

use super::event::AdvanceError;
use super::execution::{Execution, as_value, name};
use crate::definition::{CatchRule, ServiceTask, State, StateMachine, StatusCondition};
use crate::expression::{Scope, is_truthy};
use crate::instance::{Cursor, Failure, StateType, Status};
use crate::service::{ErrorKind, ServiceCall, ServiceError};
use crate::step_id::StepId;

impl<'a> Execution<'a> {
    pub(super) fn enter_service(&mut self, name: &str, task: &'a ServiceTask) {
        let run = self.open_run(name, StateType::ServiceTask, task.for_update);
        self.begin_call(run, task);
    }

    /// Evaluates the arguments, once: a repeat of the call must not see later variables.
    pub(super) fn begin_call(&mut self, run: usize, task: &'a ServiceTask) {
        match self.fill_all(&task.input, run) {
            Ok(input) => {
                self.instance.states[run].input = input;
                self.instance.cursor = Cursor::Invoking { run, attempt: 1 };
            }
            Err(error) => {
                self.close_run(run, Status::Failed);
                self.failed(run, &error, task);
            }
        }
    }

    pub(super) fn call(&self, run: usize, attempt: u32) -> ServiceCall {
        let instance = &self.instance;
        let run = &instance.states[run];
        let task = self.task(&run.name);
        ServiceCall {
            instance_id: instance.id.clone(),
            machine: instance.machine.clone(),
            business_key: instance.business_key.clone(),
            state: run.name.clone(),
            service: task.map(|task| task.service.clone()).unwrap_or_default(),
            method: task.map(|task| task.method.clone()).unwrap_or_default(),
            service_type: task.and_then(|task| task.service_type.clone()),
            input: run.input.clone(),
            step_id: run.step_id.clone(),
            attempt,
            timeout: None,
            for_update: run.for_update,
            compensates: run.compensated_for.clone(),
            asynchronous: task.is_some_and(|task| task.asynchronous),
            persist: self.machine.persist && task.is_none_or(|task| task.persist),
        }
    }

    fn task(&self, name: &str) -> Option<&'a ServiceTask> {
        let machine: &'a StateMachine = self.machine;
        match machine.states.get(name) {
            Some(State::Service(task)) => Some(task),
            _ => None,
        }
    }

    pub(super) fn settle(
        &mut self,
        step: &StepId,
        result: Result<Value, ServiceError>,
    ) -> Result<(), AdvanceError> {
        // A late answer to a call that is already due again is as good as the answer to its repeat.
        let (Cursor::Invoking { run, attempt } | Cursor::BackingOff { run, attempt, .. }) =
            self.instance.cursor
        else {
            return Err(AdvanceError::UnexpectedOutcome { got: step.clone() });
        };
        let expected = &self.instance.states[run].step_id;
        let Some(task) = self
            .task(&self.instance.states[run].name)
            .filter(|_| step == expected)
        else {
            return Err(AdvanceError::UnexpectedOutcome { got: step.clone() });
        };
        match result {
            Ok(value) => self.answered(run, value, task),
            Err(error) => self.refused(run, attempt, &error, task),
        }
        Ok(())
    }

    fn answered(&mut self, run: usize, value: Value, task: &'a ServiceTask) {
        let matched = self.matching_status(task, &value);
        if let Err(error) = self.apply_output(&task.output, value, run) {
            self.close_run(run, self.doubtful(run, task, false));
            return self.failed(run, &error, task);
        }
        match matched {
            Some(status) => {
                self.close_run(run, status);
                self.completed(run, task);
            }
            None => {
                self.close_run(run, self.doubtful(run, task, false));
                let message = "the result has no matching status";
                let error = ServiceError::new(ErrorKind::Other, name::NO_MATCHING_STATUS, message);
                self.note(run, &error);
                if self.instance.states[run].is_compensation() {
                    self.compensation_stopped(run);
                } else {
                    let state = self.instance.states[run].name.clone();
                    self.fail(&state, &error);
                }
            }
        }
    }

    /// Absent: no entry of `Status` applies.
    fn matching_status(&self, task: &ServiceTask, value: &Value) -> Option<Status> {
        // What an asynchronous task will answer is not known yet.
        if task.status.is_empty() || task.asynchronous {
            return Some(Status::Succeeded);
        }
        let scope = Scope::of_result(value, &self.instance.context);
        let applies = |condition: &StatusCondition| match condition {
            StatusCondition::Raised(_) => false,
            // A condition that cannot be applied to this result does not hold for it.
            StatusCondition::Holds(expression) => is_truthy(expression, &scope).unwrap_or(false),
        };
        task.status
            .iter()
            .find(|rule| applies(&rule.condition))
            .map(|rule| rule.status)
    }

    fn completed(&mut self, run: usize, task: &'a ServiceTask) {
        if self.instance.states[run].is_compensation() {
            self.compensation_ended(run);
        } else {
            self.go_from(run, task.next.as_deref());
        }
    }

    fn refused(&mut self, run: usize, attempt: u32, error: &ServiceError, task: &'a ServiceTask) {
        self.note(run, error);
        if let Some(pause) = self.retry(run, error, task) {
            let attempt = attempt.saturating_add(1);
            let until = self.now.saturating_add(pause);
            self.instance.cursor = Cursor::BackingOff { run, attempt, until };
            return;
        }
        let by_definition = task.status.iter().find_map(|rule| match &rule.condition {
            StatusCondition::Raised(name) if !task.asynchronous && error.is(name) => Some(rule.status),
            _ => None,
        });
        let never_arrived = error.kind == ErrorKind::Connect;
        self.close_run(
            run,
            by_definition.unwrap_or_else(|| self.doubtful(run, task, never_arrived)),
        );
        self.failed(run, error, task);
    }

    /// Milliseconds to wait before the next attempt, if there is one left.
    fn retry(&mut self, run: usize, error: &ServiceError, task: &ServiceTask) -> Option<u64> {
        let (index, rule) = task
            .retry
            .iter()
            .enumerate()
            .find(|(_, rule)| rule.rules(error))?;
        let counts = &mut self.instance.states[run].retry_counts;
        counts.resize(counts.len().max(index + 1), 0);
        if counts[index] >= rule.max_attempts {
            return None;
        }
        counts[index] += 1;
        let pause = rule.pause(counts[index]);
        self.instance.states[run].retries += 1;
        Some(pause)
    }

    /// What an error leaves behind: a service that changes things may have changed them.
    fn doubtful(&self, run: usize, task: &ServiceTask, never_arrived: bool) -> Status {
        let changes = task.for_update || self.instance.states[run].is_compensation();
        if changes && !never_arrived {
            Status::Unknown
        } else {
            Status::Failed
        }
    }

    fn note(&mut self, run: usize, error: &ServiceError) {
        let run = &mut self.instance.states[run];
        run.error = Some(Failure::at(&run.name, error));
    }

    /// A run that has its final status and an error.
    pub(super) fn failed(&mut self, run: usize, error: &ServiceError, task: &'a ServiceTask) {
        self.note(run, error);
        if self.instance.states[run].is_compensation() {
            self.compensation_stopped(run);
        } else {
            self.catch_or_fail(run, error, &task.catch);
        }
    }

    pub(super) fn catch_or_fail(&mut self, run: usize, error: &ServiceError, rules: &'a [CatchRule]) {
        self.note(run, error);
        let state = self.instance.states[run].name.clone();
        let Some(rule) = rules.iter().find(|rule| rule.catches(error)) else {
            return self.fail(&state, error);
        };
        match self.fill_output(&rule.output, &as_value(error), run) {
            Ok(set) => {
                self.instance.context.extend(set);
                self.instance.error = Some(Failure::at(&state, error));
                self.go_from(run, Some(&rule.next));
            }
            Err(error) => self.fail(&state, &error),
        }
    }
}
