//! Tasks: what they begin, and what becomes of their outcome: retries, statuses, catches.

use serde_json::{Value, json};

use super::agenda::Agenda;
use super::event::AdvanceError;
use super::execution::Execution;
use crate::definition::{CatchRule, StatusCondition, Task, Work};
use crate::expression::{Expression, is_truthy};
use crate::instance::{Cursor, Failure, Status, Strand};
use crate::service::{ErrorKind, ServiceCall, ServiceError, name};
use crate::step_id::StepId;

impl<'a> Execution<'a> {
    /// Evaluates the arguments, once: a repeat of the call must not see later variables.
    pub(super) fn begin(&mut self, run: usize, task: &'a Task) {
        match self.fill_all(&task.input, run) {
            Ok(input) => {
                self.instance.states[run].input = input;
                self.begin_work(run, task);
            }
            Err(error) => self.broke(run, task, Status::Failed, &error),
        }
    }

    /// The arguments are there.
    pub(super) fn begin_work(&mut self, run: usize, task: &'a Task) {
        match &task.work {
            Work::Service(_) => self.set_going(run, 1),
            Work::Script(script) => self.run_script(run, task, script),
            Work::SubMachine(machine) => self.begin_child(run, task, machine, 1),
            Work::CompensateSubMachine => self.compensate_child(run, task, 1),
        }
    }

    fn run_script(&mut self, run: usize, task: &'a Task, script: &Expression) {
        // A script sees its input's members first and the variables behind them.
        let root = self.instance.states[run].input.first();
        let root = root.cloned().unwrap_or(Value::Null);
        match script.eval_in(&self.scope_of_result(run, &root)) {
            Ok(value) => self.answered(run, value, task),
            Err(error) => {
                let error = ServiceError::expression_failed(script.source(), &error);
                self.broke(run, task, Status::Failed, &error);
            }
        }
    }

    pub(super) fn set_going(&mut self, run: usize, attempt: u32) {
        self.put(Strand {
            run,
            attempt,
            until: None,
        });
    }

    /// What the run does next, in its loop or as the only thing that the instance does.
    pub(super) fn put(&mut self, strand: Strand) {
        match &mut self.instance.looping {
            Some(looping) if self.instance.cursor == Cursor::Looping => {
                match looping.active.iter_mut().find(|other| other.run == strand.run) {
                    Some(before) => *before = strand,
                    None => looping.active.push(strand),
                }
            }
            _ => self.instance.cursor = strand.into(),
        }
    }

    /// Whether it got further without the outside.
    pub(super) fn proceed_strand(&mut self, strand: Strand, agenda: &mut Agenda) -> bool {
        let is_child = self.instance.states[strand.run].is_child();
        match strand.until {
            Some(until) if self.now < until => {
                agenda.wake(until);
                false
            }
            Some(_) if is_child => {
                self.resume_child(strand);
                true
            }
            Some(_) => {
                self.set_going(strand.run, strand.attempt);
                true
            }
            None if is_child => self.proceed_child(strand, agenda),
            None => {
                agenda.calls.extend(self.call(strand));
                false
            }
        }
    }

    fn call(&self, strand: Strand) -> Option<ServiceCall> {
        let instance = &self.instance;
        let run = &instance.states[strand.run];
        let task = self.task_of(strand.run)?;
        let Work::Service(service) = &task.work else {
            return None;
        };
        Some(ServiceCall {
            instance_id: instance.id.clone(),
            machine: instance.machine.clone(),
            business_key: instance.business_key.clone(),
            state: run.name.clone(),
            service: service.name.clone(),
            method: service.method.clone(),
            service_type: service.kind.clone(),
            input: run.input.clone(),
            step_id: run.step_id.clone(),
            attempt: strand.attempt,
            timeout: service.timeout,
            for_update: run.for_update,
            compensates: run.compensated_for.clone(),
            asynchronous: service.asynchronous,
            persist: self.machine.persist && task.persist,
        })
    }

    pub(super) fn task_of(&self, run: usize) -> Option<&'a Task> {
        super::task_of(self.machine, &self.instance.states[run])
    }

    pub(super) fn settle(
        &mut self,
        step: &StepId,
        result: Result<Value, ServiceError>,
    ) -> Result<(), AdvanceError> {
        let unexpected = || AdvanceError::UnexpectedOutcome { got: step.clone() };
        let strand = self.instance.strand_of(step).ok_or_else(unexpected)?;
        if self.instance.states[strand.run].is_child() {
            let holder = self.instance.child_holder(strand.run);
            let settled = self.in_child(holder, |child| child.settle(step, result));
            return settled.unwrap_or_else(|| Err(unexpected()));
        }
        let task = self.task_of(strand.run).ok_or_else(unexpected)?;
        match result {
            Ok(value) => self.answered(strand.run, value, task),
            Err(error) => self.refused(strand, &error, task),
        }
        Ok(())
    }

    pub(super) fn answered(&mut self, run: usize, value: Value, task: &'a Task) {
        let matched = if task.status.is_empty() || task.asynchronous() {
            // What an asynchronous task will answer is not known yet.
            Some(Status::Succeeded)
        } else {
            self.status_of_result(run, task, &value)
        };
        if let Err(error) = self.apply_output(&task.output, value, run) {
            return self.broke(run, task, self.doubtful(run, false), &error);
        }
        match matched {
            Some(status) => {
                self.close_run(run, status);
                self.completed(run, task);
            }
            None => {
                let message = "the result has no matching status";
                let error = ServiceError::new(ErrorKind::Other, name::NO_MATCHING_STATUS, message);
                self.broke(run, task, self.doubtful(run, false), &error);
            }
        }
    }

    /// Absent: no entry of `Status` applies.
    pub(super) fn status_of_result(&self, run: usize, task: &Task, value: &Value) -> Option<Status> {
        let scope = self.scope_of_result(run, value);
        let applies = |condition: &StatusCondition| match condition {
            StatusCondition::Raised(_) => false,
            // A condition that cannot be applied to this result does not hold for it.
            StatusCondition::Holds(expression) => is_truthy(expression, &scope).unwrap_or(false),
        };
        let mut rules = task.status.iter();
        rules
            .find(|rule| applies(&rule.condition))
            .map(|rule| rule.status)
    }

    /// Absent: no entry of `Status` applies.
    pub(super) fn status_of_error(task: &Task, error: &ServiceError) -> Option<Status> {
        task.status.iter().find_map(|rule| match &rule.condition {
            StatusCondition::Raised(name) if !task.asynchronous() && error.is(name) => Some(rule.status),
            _ => None,
        })
    }

    pub(super) fn completed(&mut self, run: usize, task: &'a Task) {
        if self.instance.states[run].is_compensation() {
            self.compensation_ended(run);
        } else if self.instance.cursor == Cursor::Looping {
            self.iteration_ended(run, None);
        } else {
            self.go_from(run, task.next.as_deref());
        }
    }

    fn refused(&mut self, strand: Strand, error: &ServiceError, task: &'a Task) {
        if self.retries(strand, error, task) {
            return;
        }
        let never_arrived = error.kind == ErrorKind::Connect;
        let status =
            Self::status_of_error(task, error).unwrap_or_else(|| self.doubtful(strand.run, never_arrived));
        self.broke(strand.run, task, status, error);
    }

    /// Whether there is another attempt left. Then the run pauses before it.
    pub(super) fn retries(&mut self, strand: Strand, error: &ServiceError, task: &Task) -> bool {
        self.note(strand.run, error);
        let mut rules = task.retry.iter().enumerate();
        let Some((index, rule)) = rules.find(|(_, rule)| rule.rules(error)) else {
            return false;
        };
        let run = &mut self.instance.states[strand.run];
        let counts = &mut run.retry_counts;
        counts.resize(counts.len().max(index + 1), 0);
        if counts[index] >= rule.max_attempts {
            return false;
        }
        counts[index] += 1;
        run.retries += 1;
        let pause = rule.pause(counts[index], &run.step_id);
        self.put(Strand {
            run: strand.run,
            attempt: strand.attempt.saturating_add(1),
            until: Some(self.now.saturating_add(pause)),
        });
        true
    }

    /// What an error leaves behind: a service that changes things may have changed them.
    fn doubtful(&self, run: usize, never_arrived: bool) -> Status {
        let run = &self.instance.states[run];
        if (run.for_update || run.is_compensation()) && !never_arrived {
            Status::Unknown
        } else {
            Status::Failed
        }
    }

    pub(super) fn note(&mut self, run: usize, error: &ServiceError) {
        let run = &mut self.instance.states[run];
        run.error = Some(Failure::at(&run.name, error));
    }

    /// A run ends with an error.
    pub(super) fn broke(&mut self, run: usize, task: &'a Task, status: Status, error: &ServiceError) {
        self.close_run(run, status);
        self.note(run, error);
        if self.instance.states[run].is_compensation() {
            self.compensation_stopped(run);
        } else if self.instance.cursor == Cursor::Looping {
            self.iteration_ended(run, Some(error));
        } else {
            self.catch_or_fail(run, error, task.catching(error));
        }
    }

    pub(super) fn catch_or_fail(&mut self, run: usize, error: &ServiceError, rule: Option<&CatchRule>) {
        self.note(run, error);
        let state = self.instance.states[run].name.clone();
        let Some(rule) = rule else {
            return self.fail(&state, error);
        };
        let root = json!({ "name": error.name, "message": error.message, "kind": error.kind });
        let set = self.fill_output(&rule.output, &root, run);
        match set.and_then(|set| self.set_variables(set)) {
            Ok(()) => {
                self.instance.error = Some(Failure::at(&state, error));
                self.go_from(run, Some(&rule.next));
            }
            Err(error) => self.fail(&state, &error),
        }
    }
}
